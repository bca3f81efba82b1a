package registry

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/sirupsen/logrus"
)

// world is a registry in a directory, and the host it is served at.
func world(t *testing.T) (r *Registry, host string) {
	t.Helper()
	logrus.SetOutput(io.Discard) // the distribution project's word for each refusal
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Open(ctx, Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r)
	t.Cleanup(func() {
		server.Close()
		cancel()
		r.Close()
	})
	return r, strings.TrimPrefix(server.URL, "http://")
}

func push(t *testing.T, target string, image v1.Image) {
	t.Helper()
	ref, err := name.ParseReference(target)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		t.Fatal(err)
	}
}

func randomImage(t *testing.T) v1.Image {
	t.Helper()
	image, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func images(t *testing.T, r *Registry, repository string) []Image {
	t.Helper()
	all, err := r.Images(t.Context(), repository)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImages(t *testing.T) {
	r, host := world(t)
	if got := images(t, r, "team/web"); got != nil {
		t.Errorf("a repository that was never pushed to has %v", got)
	}
	image := randomImage(t)
	push(t, host+"/team/web:v1", image)
	push(t, host+"/team/web:latest", image)
	push(t, host+"/team/web:v2", randomImage(t))

	all := images(t, r, "team/web")
	if len(all) != 2 || !slices.Equal(all[0].Tags, []string{"latest", "v1"}) && !slices.Equal(all[1].Tags, []string{"latest", "v1"}) {
		t.Fatalf("got %+v, want two images, one of them latest and v1", all)
	}
	want, _ := image.Digest()
	got, err := r.Tag(t.Context(), "team/web", "v1")
	if err != nil || got != want.String() {
		t.Errorf("v1 is %s, %v; want %s", got, err, want)
	}
	if i := all[0]; i.Size < 2000 || i.PushedAt.IsZero() || len(i.Parts) != 3 || i.ArtifactType == "" || i.List {
		t.Errorf("got %+v", i)
	}
	if _, err := r.Tag(t.Context(), "team/web", "v3"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the tag v3: %v, want ErrNotFound", err)
	}
}

func TestPutWantsAllParts(t *testing.T) {
	r, host := world(t)
	push(t, host+"/web:v1", randomImage(t))
	manifest := images(t, r, "web")[0].Manifest
	if i, err := r.Put(t.Context(), "web", "v2", "", manifest); err != nil || len(i.Parts) != 3 {
		t.Errorf("a second tag: %+v, %v", i, err)
	}
	var missing *MissingParts
	if _, err := r.Put(t.Context(), "other", "v1", "", manifest); !errors.As(err, &missing) || len(missing.Digests) == 0 {
		t.Errorf("in a repository without its layers: %v, want MissingParts", err)
	}
	var bad *Invalid
	if _, err := r.Put(t.Context(), "web", "v3", "", []byte("{}")); !errors.As(err, &bad) {
		t.Errorf("an empty manifest: %v, want Invalid", err)
	}
}

func TestUpload(t *testing.T) {
	r, _ := world(t)
	ctx := t.Context()
	const digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // of "hello"
	id, err := r.StartUpload(ctx, "web")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.UploadPart(ctx, "web", id, 0, []byte("hel")); n != 3 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	var wrong *WrongPart
	if _, err := r.UploadPart(ctx, "web", id, 2, []byte("lo")); !errors.As(err, &wrong) || wrong.Received != 3 {
		t.Errorf("a part that overlaps: %v, want WrongPart", err)
	}
	if _, err := r.UploadPart(ctx, "web", id, 3, []byte("lo")); err != nil {
		t.Fatal(err)
	}
	if err := r.FinishUpload(ctx, "web", id, strings.Replace(digest, "2cf", "000", 1)); !errors.Is(err, ErrDigest) {
		t.Errorf("a wrong digest: %v, want ErrDigest", err)
	}
	if err := r.FinishUpload(ctx, "web", id, digest); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Layer(ctx, "web", digest); n != 5 || err != nil {
		t.Errorf("the layer has %d bytes, %v", n, err)
	}
	if _, err := r.UploadPart(ctx, "web", id, 5, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("an upload that ended: %v, want ErrNotFound", err)
	}
}

// Blobs go once nothing refers to them and they are old enough; those that other
// images share stay, and those that a push has just found.
func TestSweep(t *testing.T) {
	r, host := world(t)
	base := randomImage(t)
	layer, err := random.Layer(500, "application/vnd.docker.image.rootfs.diff.tar.gzip")
	if err != nil {
		t.Fatal(err)
	}
	more, err := mutate.AppendLayers(base, layer)
	if err != nil {
		t.Fatal(err)
	}
	push(t, host+"/base:v1", base)
	push(t, host+"/web:v1", more)
	if err := r.Delete(t.Context(), "web", images(t, r, "web")[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := r.StartUpload(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	ago := time.Now().Add(-time.Hour)
	if s, err := r.Sweep(t.Context(), ago); err != nil || s != (Swept{}) {
		t.Errorf("young blobs: swept %+v, %v", s, err)
	}
	age(t, r.dir, ago.Add(-time.Hour))
	digest, _ := layer.Digest()
	r.Touch(digest.String())
	s, err := r.Sweep(t.Context(), ago)
	if err != nil || s.Blobs != 2 || s.Uploads != 1 { // the manifest and the configuration of web
		t.Errorf("swept %+v, %v; want 2 blobs and an upload", s, err)
	}
	if _, err := r.Layer(t.Context(), "web", digest.String()); err != nil {
		t.Errorf("the layer that was touched: %v", err)
	}
	push(t, host+"/web:v1", more)
	ref, _ := name.ParseReference(host + "/web:v1")
	pulled, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := pulled.Layers()
	if err != nil || len(layers) != 3 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	for _, l := range layers {
		content, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			t.Error(err)
		}
	}
}

// age makes all files below dir as old as at.
func age(t *testing.T, dir string, at time.Time) {
	t.Helper()
	err := filepath.Walk(dir, func(file string, _ os.FileInfo, err error) error {
		return errors.Join(err, os.Chtimes(file, at, at))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRemove(t *testing.T) {
	r, host := world(t)
	push(t, host+"/web:v1", randomImage(t))
	if err := r.Remove(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if got := images(t, r, "web"); len(got) != 0 {
		t.Errorf("it still has %v", got)
	}
}
