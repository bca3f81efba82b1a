package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// TestImages loads an image from each kind of archive, lists and removes them,
// and finds them again after a kill -9.
func TestImages(t *testing.T) {
	t.Parallel()
	b := up(t)
	image, err := random.Image(1<<20, 3)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tag, err := name.NewTag("team/web:v1")
	if err != nil {
		t.Fatal(err)
	}
	docker, oci := filepath.Join(dir, "docker.tar"), filepath.Join(dir, "oci")
	if err := tarball.WriteToFile(docker, tag, image); err != nil {
		t.Fatal(err)
	}
	archive, err := layout.Write(oci, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := archive.AppendImage(image); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(lookup(b.environ, "AWS_ENDPOINT_URL"), "http://")
	run := func(args ...string) string {
		t.Helper()
		out, err := b.command(t, binary, append([]string{"image", "--data-dir", b.dir}, args...)...).CombinedOutput()
		if err != nil {
			return "error: " + string(out)
		}
		return string(out)
	}
	if got := run("load", docker); got != host+"/team/web:v1\n" {
		t.Fatalf("load a docker archive: %s", got)
	}
	if got := run("load", oci); !strings.Contains(got, "--name") {
		t.Errorf("load an image without a name: %s", got)
	}
	if got := run("load", oci, "--name", "copy:v2"); got != host+"/copy:v2\n" {
		t.Fatalf("load an OCI layout: %s", got)
	}
	b.kill()
	b.start(t)
	list := run("ls")
	digest, _ := image.Digest()
	for _, want := range []string{"/team/web:v1", "/copy:v2", digest.String()[:19], "3.1 MB"} {
		if !strings.Contains(list, want) {
			t.Errorf("no %s in\n%s", want, list)
		}
	}
	if got := run("rm", "copy:v2"); got != "" {
		t.Errorf("rm: %s", got)
	}
	if list = run("ls"); strings.Contains(list, "copy") {
		t.Errorf("it is still there:\n%s", list)
	}
	if got := run("load", os.DevNull); !strings.Contains(got, "no archive of images") {
		t.Errorf("load nothing: %s", got)
	}
}
