// Package demo carries the image berth/demo inside berth: a small web server
// (cmd/berth-demo), so that first steps need no registry.
//
// make builds it before berth; without that, berth builds too and has no such
// image. Its program pack writes the archive that is carried. Used by agent.
package demo

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"berth/agent/image"
)

// Ref is the image's name in a task definition.
const Ref = "berth/demo:latest"

// ErrNotBuilt says that berth was built without the image.
var ErrNotBuilt = errors.New("berth was built without its demo image: build it with make")

//go:embed files
var files embed.FS

// Load imports the image, unless this very one is there already.
func Load(ctx context.Context, to *image.Store) error {
	digest, err := files.ReadFile("files/demo.digest")
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotBuilt
	}
	if err != nil {
		return err
	}
	if here, err := to.Get(ctx, Ref); err == nil && here.Digest == strings.TrimSpace(string(digest)) {
		return nil
	}
	archive, err := files.ReadFile("files/demo.tar")
	if err != nil {
		return err
	}
	if _, err := to.Import(ctx, bytes.NewReader(archive)); err != nil {
		return fmt.Errorf("demo image: %w", err)
	}
	return nil
}
