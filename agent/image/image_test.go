package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/sys/unix"

	"berth/agent/runtime"
)

// open opens a store in dir; an empty dir is a new one.
func open(t *testing.T, cfg Config) *Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.Backoff == 0 {
		cfg.Backoff = 1 // ns
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// ram is a directory of that size, whose syncs are quick.
func ram(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("ram", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// serve runs a registry behind a handler that may break it, and returns its host.
func serve(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	var h http.Handler = registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	if wrap != nil {
		h = wrap(h)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// build makes an image with one layer for each text: "path=content path=content".
func build(t *testing.T, arch string, layers ...string) v1.Image {
	t.Helper()
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: arch, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{Cmd: []string{"/bin/serve"}, Env: []string{"PATH=/bin"}, User: "web",
			Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "/bin/true"}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, files := range layers {
		text := tarOf(t, files)
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil })
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

func tarOf(t *testing.T, files string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range strings.Fields(files) {
		path, content, _ := strings.Cut(f, "=")
		if err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, content)
	}
	w.Close()
	return b.Bytes()
}

func push(t *testing.T, ref string, img v1.Image) string {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(r, img); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func pull(t *testing.T, s *Store, ref string, o PullOptions) Image {
	t.Helper()
	img, err := s.Pull(t.Context(), ref, o)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// mounted mounts a container's root for the test and returns its path.
func mounted(t *testing.T, mounts []runtime.Mount, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	m := mount.Mount{Type: mounts[0].Type, Source: mounts[0].Source, Options: mounts[0].Options}
	if err := m.Mount(root); err != nil {
		t.Fatalf("mount %+v: %v", m, err)
	}
	t.Cleanup(func() { unix.Unmount(root, unix.MNT_DETACH) })
	return root
}

// tree lists the files below root: "path=content path=content".
func tree(t *testing.T, root string) string {
	t.Helper()
	files := map[string]string{}
	err := filepath.Walk(root, func(path string, f os.FileInfo, err error) error {
		if err != nil || f.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, root+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, path := range slices.Sorted(maps.Keys(files)) {
		all = append(all, path+"="+files[path])
	}
	return strings.Join(all, " ")
}

func TestPullAndSnapshot(t *testing.T) {
	host := serve(t, nil)
	digest := push(t, host+"/team/web:1", build(t, "amd64", "etc/passwd=root etc/motd=hello", "etc/motd=bye bin/serve=x"))
	s := open(t, Config{})
	img := pull(t, s, host+"/team/web:1", PullOptions{})
	if img.Digest != digest || img.Ref != host+"/team/web:1" || img.Config.User != "web" || string(img.Healthcheck) != `{"Test":["CMD","/bin/true"]}` || img.Arch != "amd64" || img.Size == 0 {
		t.Errorf("got %+v, want digest %s", img, digest)
	}

	one, err := s.Snapshot(t.Context(), "task-one", img, "")
	root := mounted(t, one, err)
	if got, want := tree(t, root), "bin/serve=x etc/motd=bye etc/passwd=root"; got != want {
		t.Errorf("container sees %q, want %q", got, want)
	}
	if err := os.WriteFile(root+"/new", []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	two, err := s.Snapshot(t.Context(), "task-two", img, t.TempDir())
	if got := tree(t, mounted(t, two, err)); strings.Contains(got, "new=1") {
		t.Errorf("another container sees what the first wrote: %q", got)
	}

	unix.Unmount(root, unix.MNT_DETACH)
	again, err := s.Snapshot(t.Context(), "task-one", img, "")
	if fmt.Sprint(again) != fmt.Sprint(one) || err != nil {
		t.Errorf("the same key gave %v, want %v: %v", again, one, err)
	}
	if got := tree(t, mounted(t, again, err)); !strings.Contains(got, "new=1") {
		t.Errorf("a second mount lost what the first wrote: %q", got)
	}
}

// noise is text that does not compress.
func noise(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	for i := range b {
		b[i] = 'A' + b[i]%58
	}
	return string(b)
}

// dockerSave makes an archive as docker save does.
func dockerSave(t *testing.T, ref string, img v1.Image) io.Reader {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := tarball.Write(tag, img, &b); err != nil {
		t.Fatal(err)
	}
	return &b
}
