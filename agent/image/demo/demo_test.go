package demo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"berth/agent/image"
)

// The image that make carries is built here anew, so that it need not be there.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	run(t, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", dir+"/bin", "berth/cmd/berth-demo")
	if f, err := os.Stat(dir + "/bin"); err != nil || f.Size() > 10<<20 {
		t.Errorf("the program has %d bytes, want less than 10 MiB: %v", f.Size(), err)
	}
	run(t, "go", "run", "berth/agent/image/demo/pack", dir+"/bin", dir)

	store, err := image.Open(t.Context(), image.Config{Dir: filepath.Join(dir, "images")})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	archive, err := os.Open(dir + "/demo.tar")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if _, err := store.Import(t.Context(), archive); err != nil {
		t.Fatal(err)
	}
	img, err := store.Pull(t.Context(), Ref, image.PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	digest, err := os.ReadFile(dir + "/demo.digest")
	if err != nil || img.Digest != strings.TrimSpace(string(digest)) {
		t.Errorf("its digest is %s, the file says %s: %v", img.Digest, digest, err)
	}
	if err := store.View(t.Context(), img, func(root string) error {
		f, err := os.Stat(root + img.Config.Entrypoint[0])
		if err == nil && f.Mode() != 0o755 {
			t.Errorf("its program has the mode %v", f.Mode())
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func run(t *testing.T, command string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command, args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", command, args, err, out)
	}
}

// Load is repeated at each start of an agent.
func TestLoad(t *testing.T) {
	store, err := image.Open(t.Context(), image.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := files.ReadFile("files/demo.tar"); err != nil {
		if err := Load(t.Context(), store); err != ErrNotBuilt {
			t.Errorf("without the image: %v, want %v", err, ErrNotBuilt)
		}
		return
	}
	for range 2 {
		if err := Load(t.Context(), store); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Get(t.Context(), Ref); err != nil {
		t.Error(err)
	}
}
