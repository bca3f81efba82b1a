package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sys/unix"
)

// faulty is a registry whose answers a test can replace.
type faulty struct {
	host  string
	good  http.Handler
	mu    sync.Mutex
	seen  []string // "GET /v2/…" of blobs and manifests that were asked for
	fault func(w http.ResponseWriter, r *http.Request) (answered bool)
}

func newFaulty(t *testing.T) *faulty {
	f := &faulty{}
	f.host = serve(t, func(next http.Handler) http.Handler {
		f.good = next
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			fault := f.fault
			if strings.Contains(r.URL.Path, "/blobs/sha") || strings.Contains(r.URL.Path, "/manifests/") {
				f.seen = append(f.seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("Range"))
			}
			f.mu.Unlock()
			if fault == nil || !fault(w, r) {
				withRanges(next).ServeHTTP(w, r)
			}
		})
	})
	return f
}

// withRanges answers any range of a blob, as registries do; the one of this test does not.
func withRanges(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") == "" {
			next.ServeHTTP(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(whole(next, r)))
	})
}

// whole is the whole body that next answers.
func whole(next http.Handler, r *http.Request) []byte {
	r = r.Clone(r.Context())
	r.Header.Del("Range")
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, r)
	return answer.Body.Bytes()
}

func (f *faulty) set(fault func(http.ResponseWriter, *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.seen = fault, nil
}

func (f *faulty) requests(prefix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.seen {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

func answer(status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(status)
		return true
	}
}

// isBlob tells blobs of layers apart from the configuration by their size.
func isBlob(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/")
}

func TestPolicies(t *testing.T) {
	const old, new = "old", "new" // what the registry has of the tag
	for _, tc := range []struct {
		name     string
		policy   Policy
		here     string // "", pulled or loaded: how the old image came here
		registry string // new, or down
		want     string // old, new, or error
	}{
		{"default pulls", PullDefault, "", "up", new},
		{"default asks for a newer one", PullDefault, "pulled", "up", new},
		{"default falls back", PullDefault, "pulled", "down", old},
		{"default fails with nothing here", PullDefault, "", "down", "error"},
		{"default leaves what was loaded", PullDefault, "loaded", "up", old},
		{"always asks", PullAlways, "loaded", "up", new},
		{"always fails", PullAlways, "pulled", "down", "error"},
		{"once pulls", PullOnce, "", "up", new},
		{"once is enough", PullOnce, "pulled", "up", old},
		{"prefer-cached takes what is loaded", PullPreferCached, "loaded", "down", old},
		{"prefer-cached pulls", PullPreferCached, "", "up", new},
		{"no policy is default", "", "pulled", "up", new},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, s := newFaulty(t), open(t, Config{Attempts: 2})
			ref := r.host + "/web:1"
			oldImage := build(t, "amd64", "v=old")
			digests := map[string]string{push(t, ref, oldImage): old}
			switch tc.here {
			case "pulled":
				pull(t, s, ref, PullOptions{})
			case "loaded":
				if _, err := s.Import(t.Context(), dockerSave(t, ref, oldImage)); err != nil {
					t.Fatal(err)
				}
			}
			digests[push(t, ref, build(t, "amd64", "v=new"))] = new
			if tc.registry == "down" {
				r.set(answer(503))
			}
			img, err := s.Pull(t.Context(), ref, PullOptions{Policy: tc.policy})
			got := digests[img.Digest]
			if tc.here == "loaded" && got == "" && err == nil {
				got = old // a docker archive has no manifest: its digest is made here
			}
			if err != nil {
				got = "error"
			}
			if got != tc.want {
				t.Errorf("got %q (%v), want %q", got, err, tc.want)
			}
		})
	}
}

func TestPullByDigestAsksOnce(t *testing.T) {
	r, s := newFaulty(t), open(t, Config{})
	digest := push(t, r.host+"/web:1", build(t, "amd64", "v=1"))
	for range 2 {
		if img := pull(t, s, r.host+"/web:1@"+digest, PullOptions{}); img.Digest != digest {
			t.Errorf("got %s, want %s", img.Digest, digest)
		}
		r.set(answer(503))
	}
}

// What the error says reaches the user whole, in ECS's words.
func TestPullErrors(t *testing.T) {
	for _, tc := range []struct {
		name, ref string
		fault     func(http.ResponseWriter, *http.Request) bool
		want      string
		asked     int // how often the registry must have been asked for the manifest
	}{
		{"no such tag", "web:2", nil, "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref HOST/web:2: HOST/web:2: not found", 1},
		{"registry is broken", "web:1", answer(500), "CannotPullContainerError: pull image manifest has been retried 3 time(s): failed to resolve ref HOST/web:1: unexpected status from HEAD request to http://HOST/v2/web/manifests/1: 500 Internal Server Error", 3},
		{"registry is busy", "web:1", answer(429), "CannotPullContainerError: pull image manifest has been retried 3 time(s): failed to resolve ref HOST/web:1: unexpected status from HEAD request to http://HOST/v2/web/manifests/1: 429 Too Many Requests", 3},
		{"not allowed", "web:1", answer(403), "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref HOST/web:1: unexpected status from HEAD request to http://HOST/v2/web/manifests/1: 403 Forbidden", 1},
		{"no reference", "Web::1", nil, `CannotPullContainerError: invalid reference format: repository name (Web) must be lowercase`, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, s := newFaulty(t), open(t, Config{Attempts: 3})
			push(t, r.host+"/web:1", build(t, "amd64", "v=1"))
			r.set(tc.fault)
			_, err := s.Pull(t.Context(), r.host+"/"+tc.ref, PullOptions{})
			var pullErr *PullError
			if want := strings.ReplaceAll(tc.want, "HOST", r.host); !errors.As(err, &pullErr) || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if got := r.requests("HEAD /v2/web/manifests"); got < tc.asked || tc.asked == 0 && got > 0 {
				t.Errorf("asked %d times, want at least %d", got, tc.asked)
			}
		})
	}
}

func TestNoSuchRegistry(t *testing.T) {
	s := open(t, Config{Attempts: 3})
	_, err := s.Pull(t.Context(), "127.0.0.1:1/web:1", PullOptions{})
	want := `CannotPullContainerError: pull image manifest has been retried 3 time(s): failed to resolve ref 127.0.0.1:1/web:1: failed to do request: Head "http://127.0.0.1:1/v2/web/manifests/1": dial tcp 127.0.0.1:1: connect: connection refused`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestPullHealsAfterErrors(t *testing.T) {
	var failures atomic.Int32
	var good http.Handler
	for _, tc := range []struct {
		name  string
		fault func(http.ResponseWriter, *http.Request) bool
		want  string // part of the error of one attempt; empty: it must succeed by itself
	}{
		{"blobs fail twice", func(w http.ResponseWriter, r *http.Request) bool {
			return isBlob(r) && failures.Add(1) <= 2 && answer(502)(w, r)
		}, ""},
		{"a blob breaks off twice", func(w http.ResponseWriter, r *http.Request) bool {
			if !isBlob(r) || failures.Add(1) > 2 {
				return false
			}
			return half(good, w, r)
		}, ""},
		{"the registry answers no range", func(w http.ResponseWriter, r *http.Request) bool {
			return r.Header.Get("Range") != "" && answer(416)(w, r) || isBlob(r) && failures.Add(1) <= 1 && half(good, w, r)
		}, ""},
		{"blobs are not what their digests say", func(w http.ResponseWriter, r *http.Request) bool {
			if !isBlob(r) {
				return false
			}
			body := whole(good, r)
			body[0] ^= 1
			w.Write(body)
			return true
		}, "failed precondition"},
		{"a blob stops half way for ever", func(w http.ResponseWriter, r *http.Request) bool {
			if !isBlob(r) {
				return false
			}
			body := whole(good, r)
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			w.Write(body[:len(body)/2])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		}, "the registry sent nothing for 50ms"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			failures.Store(0)
			r, s := newFaulty(t), open(t, Config{Attempts: 3, Stall: 50 * time.Millisecond})
			good = r.good
			digest := push(t, r.host+"/web:1", build(t, "amd64", "v=1", "w=2"))
			r.set(tc.fault)
			img, err := s.Pull(t.Context(), r.host+"/web:1", PullOptions{})
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "CannotPullContainerError: ref pull has been retried ") {
					t.Fatalf("got %v, want %s", err, tc.want)
				}
				r.set(nil)
				img, err = s.Pull(t.Context(), r.host+"/web:1", PullOptions{})
			}
			if err != nil || img.Digest != digest {
				t.Errorf("got %s, %v", img.Digest, err)
			}
		})
	}
}

// half answers the first half of a blob and breaks off.
func half(good http.Handler, w http.ResponseWriter, r *http.Request) bool {
	body := whole(good, r)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body[:len(body)/2])
	panic(http.ErrAbortHandler)
}

func TestPullEndsWithItsContext(t *testing.T) {
	r, s := newFaulty(t), open(t, Config{})
	push(t, r.host+"/web:1", build(t, "amd64", "v=1"))
	ctx, cancel := context.WithCancel(t.Context())
	r.set(func(_ http.ResponseWriter, req *http.Request) bool {
		cancel()
		<-req.Context().Done()
		return true
	})
	if _, err := s.Pull(ctx, r.host+"/web:1", PullOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was canceled", err)
	}
}

// The registry of a private image is asked with each caller's own credentials,
// also when the image is here already.
func TestCredentials(t *testing.T) {
	r, s := newFaulty(t), open(t, Config{})
	push(t, r.host+"/web:1", build(t, "amd64", "v=1"))
	r.set(func(w http.ResponseWriter, req *http.Request) bool {
		if user, password, _ := req.BasicAuth(); user == "AWS" && password == "token" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="here"`)
		w.WriteHeader(401)
		return true
	})
	with := func(password string) PullOptions {
		return PullOptions{Policy: PullAlways, Credentials: func(_ context.Context, registry string) (string, string, error) {
			if registry != r.host {
				return "", "", fmt.Errorf("asked for %s", registry)
			}
			return "AWS", password, nil
		}}
	}
	pull(t, s, r.host+"/web:1", with("token"))
	for _, password := range []string{"", "wrong"} {
		if _, err := s.Pull(t.Context(), r.host+"/web:1", with(password)); err == nil {
			t.Errorf("pulled with the password %q", password)
		}
	}
	_, err := s.Pull(t.Context(), r.host+"/web:1", PullOptions{Policy: PullAlways, Credentials: func(context.Context, string) (string, string, error) {
		return "", "", errors.New("the secret is gone")
	}})
	if want := "CannotPullContainerError: credentials for " + r.host + ": the secret is gone"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestPullsOfOneImage(t *testing.T) {
	r, s := newFaulty(t), open(t, Config{})
	push(t, r.host+"/web:1", build(t, "amd64", "v=1", "w=2", "x=3"))
	r.set(nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := s.Pull(t.Context(), r.host+"/web:1", PullOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := r.requests("GET /v2/web/blobs"); got != 4 { // three layers and a configuration
		t.Errorf("blobs were downloaded %d times, want 4: %q", got, r.seen)
	}
}

func TestArchitectures(t *testing.T) {
	host, s := serve(t, nil), open(t, Config{})
	arm, amd := build(t, "arm64", "v=arm"), build(t, "amd64", "v=amd")
	push(t, host+"/arm:1", arm)
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: arm, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
		mutate.IndexAddendum{Add: amd, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	ref, _ := name.ParseReference(host + "/both:1")
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	onlyARM := mutate.RemoveManifests(index, func(d v1.Descriptor) bool { return d.Platform.Architecture == "amd64" })
	ref, _ = name.ParseReference(host + "/armindex:1")
	if err := remote.WriteIndex(ref, onlyARM); err != nil {
		t.Fatal(err)
	}
	both, _ := index.Digest()
	for _, tc := range []struct{ ref, arch, want string }{
		{"both:1", "X86_64", "v=amd"},
		{"both:1", "ARM64", "v=arm"},
		{"arm:1", "ARM64", "v=arm"},
		{"arm:1", "X86_64", "image Manifest does not contain descriptor matching platform 'linux/amd64'"},
		{"armindex:1", "X86_64", "image Manifest does not contain descriptor matching platform 'linux/amd64'"},
	} {
		img, err := s.Pull(t.Context(), host+"/"+tc.ref, PullOptions{Architecture: tc.arch})
		if err != nil {
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s for %s: %v", tc.ref, tc.arch, err)
			}
			continue
		}
		var got string
		if err := s.View(t.Context(), img, func(root string) error { got = tree(t, root); return nil }); err != nil || got != tc.want {
			t.Errorf("%s for %s: got %q, %v", tc.ref, tc.arch, got, err)
		}
		if strings.HasPrefix(tc.ref, "both") && img.Digest != both.String() {
			t.Errorf("digest is %s, want that of the index", img.Digest)
		}
	}
}

// A tag that moves takes nothing from a container that was made of the old image.
func TestTagMoves(t *testing.T) {
	host, s := serve(t, nil), open(t, Config{})
	push(t, host+"/web:1", build(t, "amd64", "v=old"))
	old := pull(t, s, host+"/web:1", PullOptions{})
	push(t, host+"/web:1", build(t, "amd64", "v=new"))
	pull(t, s, host+"/web:1", PullOptions{})
	if err := s.parts.collect(s.parts.context(t.Context())); err != nil {
		t.Fatal(err)
	}
	mounts, err := s.Snapshot(t.Context(), "late", old, "")
	if got := tree(t, mounted(t, mounts, err)); got != "v=old" {
		t.Errorf("a container of the old image sees %q", got)
	}
	all, err := s.List(t.Context())
	var refs []string
	for _, img := range all {
		refs = append(refs, strings.TrimPrefix(img.Ref, host))
	}
	if want := []string{"/web:1", "/web@" + old.Digest}; err != nil || !slices.Equal(refs, want) {
		t.Errorf("images are %q, want %q: %v", refs, want, err)
	}
}

// A full disk fails the pull and nothing else, and the next one succeeds.
func TestFullDisk(t *testing.T) {
	dir := ram(t, "2m")
	host, s := serve(t, nil), open(t, Config{Dir: dir + "/images"})
	push(t, host+"/big:1", build(t, "amd64", "noise="+noise(3<<20)))
	_, err := s.Pull(t.Context(), host+"/big:1", PullOptions{})
	if err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Fatalf("got %v, want that there is no space", err)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT, "size=20m"); err != nil {
		t.Fatal(err)
	}
	img := pull(t, s, host+"/big:1", PullOptions{})
	if err := s.View(t.Context(), img, func(root string) error {
		if f, err := os.Stat(root + "/noise"); err != nil || f.Size() != 3<<20 {
			return fmt.Errorf("the file is %v, %w", f, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
