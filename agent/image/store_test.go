package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"golang.org/x/sys/unix"
)

func TestImport(t *testing.T) {
	img := build(t, "amd64", "v=1", "w=2")
	gzipped := func(r io.Reader) io.Reader {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		io.Copy(w, r)
		w.Close()
		return &b
	}
	for _, tc := range []struct {
		name    string
		archive io.Reader
		want    string // references, or the error
	}{
		{"docker", dockerSave(t, "team/web:1", img), "docker.io/team/web:1"},
		{"docker compressed", gzipped(dockerSave(t, "team/web:1", img)), "docker.io/team/web:1"},
		{"OCI named as containerd does", ociArchive(t, img, "io.containerd.image.name", "docker.io/team/web:2"), "docker.io/team/web:2"},
		{"OCI named as skopeo does", ociArchive(t, img, "org.opencontainers.image.ref.name", "web:3"), "docker.io/library/web:3"},
		{"OCI with a tag alone", ociArchive(t, img, "org.opencontainers.image.ref.name", "latest"), "import: the archive names none of its images: save it with a name and a tag"},
		{"for another machine", dockerSave(t, "arm:1", build(t, "arm64", "v=1")), "import: docker.io/library/arm:1: image Manifest does not contain descriptor matching platform 'linux/amd64': it is for linux/arm64"},
		{"no archive", strings.NewReader("hello"), "import: unexpected EOF"},
		{"cut off", io.LimitReader(dockerSave(t, "web:1", img), 700), "import: failed to ingest"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open(t, Config{})
			imported, err := s.Import(t.Context(), tc.archive)
			var refs []string
			for _, i := range imported {
				refs = append(refs, i.Ref)
			}
			if got := strings.Join(refs, " ") + text(err); !strings.HasPrefix(got, tc.want) {
				t.Fatalf("got %q, want %q", got, tc.want)
			}
			if err != nil {
				return
			}
			if err := s.parts.collect(s.parts.context(t.Context())); err != nil {
				t.Fatal(err)
			}
			mounts, err := s.Snapshot(t.Context(), "c", pull(t, s, refs[0], PullOptions{}), "")
			if got := tree(t, mounted(t, mounts, err)); got != "v=1 w=2" {
				t.Errorf("container sees %q", got)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRemove(t *testing.T) {
	host, s := serve(t, nil), open(t, Config{})
	img := build(t, "amd64", "v=1")
	push(t, host+"/web:1", img)
	push(t, host+"/web:2", img)
	one, two := pull(t, s, host+"/web:1", PullOptions{}), pull(t, s, host+"/web:2", PullOptions{})
	if _, err := s.Snapshot(t.Context(), "c", one, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), one.Ref); err != nil {
		t.Errorf("one of two names: %v", err)
	}
	if err := s.Remove(t.Context(), two.Ref); !errors.Is(err, ErrInUse) {
		t.Errorf("the last name of an image in use: %v, want %v", err, ErrInUse)
	}
	if err := errors.Join(s.RemoveSnapshot("c"), s.RemoveSnapshot("c"), s.Remove(t.Context(), two.Ref)); err != nil {
		t.Error(err)
	}
	if err := s.Remove(t.Context(), two.Ref); !errors.Is(err, ErrNotFound) {
		t.Errorf("again: %v, want %v", err, ErrNotFound)
	}
	if left := files(t, s.cfg.Dir, "content/blobs/sha256", "overlayfs/snapshots"); left != 0 {
		t.Errorf("%d blobs and layers are left of nothing", left)
	}
	pull(t, s, host+"/web:1", PullOptions{}) // from nothing again: its layers are elsewhere now
	mounts, err := s.Snapshot(t.Context(), "d", one, "")
	if got := tree(t, mounted(t, mounts, err)); got != "v=1" {
		t.Errorf("container sees %q", got)
	}
}

// files counts what is in some directories below dir.
func files(t *testing.T, dir string, below ...string) (n int) {
	t.Helper()
	for _, b := range below {
		entries, err := os.ReadDir(filepath.Join(dir, b))
		if err != nil {
			t.Fatal(err)
		}
		n += len(entries)
	}
	return n
}

// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/automated_image_cleanup.html
func TestClean(t *testing.T) {
	host, s := serve(t, nil), open(t, Config{Cleanup: Cleanup{PerCycle: 2}})
	var imgs []Image
	for i := range 5 {
		ref := fmt.Sprintf("%s/web:%d", host, i)
		push(t, ref, build(t, "amd64", fmt.Sprintf("v=%d", i)))
		imgs = append(imgs, pull(t, s, ref, PullOptions{}))
	}
	if _, err := s.Import(t.Context(), dockerSave(t, "mine:1", build(t, "amd64", "v=mine"))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Snapshot(t.Context(), "c", imgs[1], ""); err != nil {
		t.Fatal(err)
	}
	pull(t, s, imgs[0].Ref, PullOptions{}) // used again: now the last one to go
	now := time.Now()
	for _, tc := range []struct {
		after time.Duration
		want  string
	}{
		{59 * time.Minute, ""},
		{61 * time.Minute, "web:2 web:3"},
		{61 * time.Minute, "web:4 web:0"},
		{61 * time.Minute, ""},
	} {
		removed, err := s.Clean(t.Context(), now.Add(tc.after))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(strings.Join(removed, " "), host+"/", ""); got != tc.want {
			t.Errorf("after %v: removed %q, want %q", tc.after, got, tc.want)
		}
	}
	if _, err := s.Snapshot(t.Context(), "d", imgs[1], ""); err != nil {
		t.Errorf("the image of a container is gone: %v", err)
	}
	if len(s.used) != 2 {
		t.Errorf("times are kept of %d images, want 2", len(s.used))
	}
}

// After a restart nothing is known of when images were used: they count as used just now.
func TestCleanAfterRestart(t *testing.T) {
	host, cfg := serve(t, nil), Config{Dir: t.TempDir()}
	push(t, host+"/web:1", build(t, "amd64", "v=1"))
	s := open(t, cfg)
	img := pull(t, s, host+"/web:1", PullOptions{})
	if _, err := s.Snapshot(t.Context(), "c", img, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "another process has them open") {
		t.Errorf("opened twice: %v", err)
	}
	s.Close()
	s = open(t, cfg)
	if keys, err := s.Snapshots(); err != nil || !slices.Equal(keys, []string{"c"}) {
		t.Errorf("snapshots are %q, %v", keys, err)
	}
	if err := s.RemoveSnapshot("c"); err != nil {
		t.Fatal(err)
	}
	if removed, err := s.Clean(t.Context(), time.Now().Add(30*time.Minute)); err != nil || len(removed) != 0 {
		t.Errorf("half an hour later: removed %q, %v", removed, err)
	}
	if removed, err := s.Clean(t.Context(), time.Now().Add(2*time.Hour)); err != nil || len(removed) != 1 {
		t.Errorf("two hours later: removed %q, %v", removed, err)
	}
}

// Where the machine cannot mount overlays, a container gets a copy.
func TestWithoutOverlay(t *testing.T) {
	base := t.TempDir()
	for _, d := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(base+"/"+d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// An overlay cannot be the upper layer of an overlay.
	err := unix.Mount("overlay", base+"/merged", "overlay", 0, "lowerdir="+base+"/lower,upperdir="+base+"/upper,workdir="+base+"/work")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(base+"/merged", unix.MNT_DETACH) })
	host, s := serve(t, nil), open(t, Config{Dir: base + "/merged/images"})
	if s.parts.overlay {
		t.Skip("this kernel mounts overlays on overlays")
	}
	push(t, host+"/web:1", build(t, "amd64", "v=1", "w=2", ".wh.v="))
	img := pull(t, s, host+"/web:1", PullOptions{})
	var roots []string
	for _, key := range []string{"c", "d"} {
		mounts, err := s.Snapshot(t.Context(), key, img, "")
		roots = append(roots, mounted(t, mounts, err))
	}
	if err := os.WriteFile(roots[0]+"/new", []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if a, b := tree(t, roots[0]), tree(t, roots[1]); a != "new=1 w=2" || b != "w=2" {
		t.Errorf("containers see %q and %q", a, b)
	}
}

func TestManyLayers(t *testing.T) {
	var layers []string
	for i := range 120 {
		layers = append(layers, fmt.Sprintf("f%03d=%d", i, i))
	}
	s := open(t, Config{Dir: ram(t, "100m")})
	imported, err := s.Import(t.Context(), dockerSave(t, "deep:1", build(t, "amd64", layers...)))
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := s.Snapshot(t.Context(), "c", imported[0], "")
	if got := tree(t, mounted(t, mounts, err)); got != strings.Join(layers, " ") {
		t.Errorf("container sees %q", got)
	}
}

// Containers of an image that nobody has looked at yet, all at the same time.
func TestSnapshotsAtOnce(t *testing.T) {
	s := open(t, Config{})
	imported, err := s.Import(t.Context(), dockerSave(t, "web:1", build(t, "amd64", "v=1", "w=2")))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			mounts, err := s.Snapshot(t.Context(), fmt.Sprint("c", i), imported[0], "")
			if err != nil || !strings.Contains(strings.Join(mounts[0].Options, ","), "lowerdir=") {
				t.Errorf("got %+v, %v", mounts, err)
			}
		})
	}
	all.Wait()
}

func TestSnapshotWithoutLayers(t *testing.T) {
	s := open(t, Config{})
	imported, err := s.Import(t.Context(), dockerSave(t, "empty:1", build(t, "amd64")))
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := s.Snapshot(t.Context(), "c", imported[0], "")
	if got := tree(t, mounted(t, mounts, err)); got != "" {
		t.Errorf("container sees %q", got)
	}
	if _, err := s.Snapshot(t.Context(), "../c", imported[0], ""); err == nil {
		t.Error("a key that leaves the directory was taken")
	}
}

func TestRefusesPath(t *testing.T) {
	if _, err := Open(t.Context(), Config{Dir: t.TempDir() + "/a:b"}); err == nil {
		t.Error("a path with a colon was taken: overlays cannot be mounted in it")
	}
}

// A process that is killed in the midst of a pull leaves a store that opens, and
// the next pull goes on where it stopped.
func TestKilledWhilePulling(t *testing.T) {
	if dir := os.Getenv("BERTH_TEST_PULL_INTO"); dir != "" {
		s := open(t, Config{Dir: dir})
		_, err := s.Pull(t.Context(), os.Getenv("BERTH_TEST_PULL"), PullOptions{})
		t.Fatalf("it was not killed: %v", err)
	}
	r, dir := newFaulty(t), t.TempDir()
	img := build(t, "amd64", "v=1", "noise="+noise(4<<20))
	push(t, r.host+"/web:1", img)
	half := make(chan struct{})
	r.set(func(w http.ResponseWriter, req *http.Request) bool {
		body := []byte(nil)
		if isBlob(req) {
			body = whole(r.good, req)
		}
		if len(body) < 1<<19 {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body[:len(body)/2])
		w.(http.Flusher).Flush()
		close(half)
		<-req.Context().Done()
		return true
	})
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledWhilePulling$")
	cmd.Env = append(os.Environ(), "BERTH_TEST_PULL_INTO="+dir, "BERTH_TEST_PULL="+r.host+"/web:1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-half
	waitFor(t, func() bool { return partial(t, dir) > 1<<18 })
	cmd.Process.Kill()
	cmd.Wait()

	r.set(nil)
	s := open(t, Config{Dir: dir})
	if _, err := s.Get(t.Context(), r.host+"/web:1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("half an image is here: %v", err)
	}
	pull(t, s, r.host+"/web:1", PullOptions{})
	resumed := slices.ContainsFunc(r.seen, func(request string) bool {
		return strings.Contains(request, "bytes=") && !strings.Contains(request, "bytes=0-")
	})
	if !resumed {
		t.Errorf("the layer was downloaded again from its start: %q", r.seen)
	}
	mounts, err := s.Snapshot(t.Context(), "c", pull(t, s, r.host+"/web:1", PullOptions{}), "")
	if got := tree(t, mounted(t, mounts, err)); len(got) < 4<<20 {
		t.Errorf("container sees %d bytes", len(got))
	}
}

// partial is how much of a blob has been written to disk.
func partial(t *testing.T, dir string) (n int64) {
	t.Helper()
	found, err := filepath.Glob(dir + "/content/ingest/*/data")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		if f, err := os.Stat(file); err == nil {
			n = max(n, f.Size())
		}
	}
	return n
}

// waitFor polls until ok, for at most ten seconds.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(10*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("it does not happen")
		case <-tick.C:
		}
	}
}

// ociArchive makes an archive with an OCI image layout, whose index has one annotation.
func ociArchive(t *testing.T, img v1.Image, annotation, value string) io.Reader {
	t.Helper()
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err == nil {
		err = path.AppendImage(img, layout.WithAnnotations(map[string]string{annotation: value}))
	}
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := errors.Join(w.AddFS(os.DirFS(dir)), w.Close()); err != nil {
		t.Fatal(err)
	}
	return &b
}
