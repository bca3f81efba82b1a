// Command pack makes the image berth/demo of its program:
//
//	pack BINARY DIRECTORY  writes DIRECTORY/demo.tar, an OCI archive, and DIRECTORY/demo.digest
//
// The same program makes the same bytes. Files that would not change are left alone.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	_ "crypto/sha256" // for package digest
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path"
	"path/filepath"
	"runtime"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: pack BINARY DIRECTORY")
	}
	program, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	archive, manifest, err := pack(program)
	if err != nil {
		log.Fatal(err)
	}
	err = errors.Join(
		replace(filepath.Join(os.Args[2], "demo.tar"), archive),
		replace(filepath.Join(os.Args[2], "demo.digest"), []byte(manifest.String()+"\n")))
	if err != nil {
		log.Fatal(err)
	}
}

// replace writes a file that is to be different.
func replace(file string, content []byte) error {
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, content) {
		return nil
	}
	if err := os.WriteFile(file+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// file is one file or directory of an archive.
type file struct {
	name    string
	mode    int64
	content []byte // nil: a directory
}

// pack makes an archive with one image of one layer, and gives its manifest's digest.
func pack(program []byte) (archive []byte, manifest digest.Digest, err error) {
	layer, err := tarOf(
		file{"etc/", 0o755, nil},
		file{"etc/group", 0o644, []byte("root:x:0:\nnobody:x:65534:\n")},
		file{"etc/passwd", 0o644, []byte("root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n")},
		file{"tmp/", 0o1777, nil},
		file{"demo", 0o755, program})
	if err != nil {
		return nil, "", err
	}
	packed, err := gzipOf(layer)
	if err != nil {
		return nil, "", err
	}
	b := blobs{}
	m := b.add(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config: b.add(ocispec.MediaTypeImageConfig, ocispec.Image{
			Platform: ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH},
			Config: ocispec.ImageConfig{
				Entrypoint:   []string{"/demo"},
				Env:          []string{"PATH=/"},
				ExposedPorts: map[string]struct{}{"80/tcp": {}},
			},
			RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(layer)}},
		}),
		Layers: []ocispec.Descriptor{b.add(ocispec.MediaTypeImageLayerGzip, packed)},
	})
	m.Platform = &ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}
	m.Annotations = map[string]string{"io.containerd.image.name": "docker.io/berth/demo:latest", ocispec.AnnotationRefName: "latest"}
	b.file("index.json", ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{m}})
	b.file(ocispec.ImageLayoutFile, ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
	if b.err != nil {
		return nil, "", b.err
	}
	archive, err = tarOf(b.files...)
	return archive, m.Digest, err
}

// blobs are the files of an OCI image layout.
type blobs struct {
	files []file
	err   error
}

// add adds a blob, of bytes or of a value as JSON, and describes it.
func (b *blobs) add(mediaType string, v any) ocispec.Descriptor {
	text := b.text(v)
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(text), Size: int64(len(text))}
	b.file(path.Join("blobs", d.Digest.Algorithm().String(), d.Digest.Encoded()), text)
	return d
}

func (b *blobs) file(name string, v any) {
	b.files = append(b.files, file{name, 0o644, b.text(v)})
}

func (b *blobs) text(v any) []byte {
	if text, ok := v.([]byte); ok {
		return text
	}
	text, err := json.Marshal(v)
	b.err = errors.Join(b.err, err)
	return text
}

func tarOf(files ...file) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if f.content == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

func gzipOf(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}
