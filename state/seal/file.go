package seal

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ReadFile returns the box with the keys of a file: one on a line, 32 bytes in
// base64. The first one seals. A line such as "lost 1a2b3c4d" gives up the
// values that were sealed with that key; those that start with # are comments.
func ReadFile(path string) (*Box, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if stat.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("%s can be read by everybody on this machine: chmod 600 it", path)
	}
	b := &Box{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if id, ok := strings.CutPrefix(line, "lost "); ok {
			b.lost = append(b.lost, strings.TrimSpace(id))
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d is no base64", path, n)
		}
		k, err := newKey(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		b.keys = append(b.keys, k)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(b.keys) == 0 {
		return nil, fmt.Errorf("%s has no key: `openssl rand -base64 32` makes one", path)
	}
	return b, nil
}

// WriteFile writes the keys of b to a new file, whole or not at all, readable by
// its owner alone. It is on disk when WriteFile returns.
func (b *Box) WriteFile(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".encryption-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // in vain once it is renamed
	text := "# The key of this control plane's secrets. Keep a copy apart from that of the state: neither is of use alone.\n"
	for _, k := range b.keys {
		text += k.text + "\n"
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
