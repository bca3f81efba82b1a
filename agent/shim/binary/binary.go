// Package binary carries the program berth-shim inside berth.
//
// It has to be a file of its own, because a part of it runs before Go does, and
// because it must outlive an upgrade of berth. make builds it before berth;
// without that, berth builds too, but cannot run tasks.
package binary

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"berth/agent/runtime"
)

//go:embed files
var files embed.FS

// Unpack writes the program to dir, unless it is there already, and returns its
// path, in which is its hash: running shims keep theirs when berth is upgraded.
// It is [runtime.ErrNoShim] where berth was built without it.
func Unpack(dir string) (string, error) {
	packed, err := files.ReadFile("files/berth-shim.gz")
	if errors.Is(err, fs.ErrNotExist) {
		return "", runtime.ErrNoShim
	}
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(packed)
	path := filepath.Join(dir, hex.EncodeToString(hash[:8]), "berth-shim")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	content, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, write(path, content)
}

// write makes a file whole or not at all, also when the machine goes down.
func write(path string, content io.Reader) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".berth-shim-*")
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err := io.Copy(f, content); err != nil {
		return err
	}
	if err := f.Chmod(0o755); err != nil {
		return err
	}
	return f.Sync()
}
