package journal

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// directory is a server's data directory, locked for this process.
type directory struct {
	path string
	id   string // of the server; made once, with the directory
	lock *os.File
}

func openDirectory(path string) (_ *directory, err error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	defer func() {
		if err != nil {
			lock.Close()
		}
	}()
	switch err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, fmt.Errorf("data directory %s is in use by another berth", path)
	case err != nil:
		return nil, fmt.Errorf("data directory: lock %s: %w", lock.Name(), err)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	id, err := serverID(filepath.Join(path, "server-id"))
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	return &directory{path: path, id: id, lock: lock}, nil
}

// serverID reads the server's id, or makes one and keeps it.
func serverID(file string) (string, error) {
	text, err := os.ReadFile(file)
	if id := strings.TrimSpace(string(text)); id != "" {
		return id, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var b [16]byte
	rand.Read(b[:])
	id := hex.EncodeToString(b[:])
	return id, os.WriteFile(file, []byte(id+"\n"), 0o600)
}

func (d *directory) close() error { return d.lock.Close() }

// free returns the bytes that are left on the directory's disk.
func (d *directory) free() (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.path, &s); err != nil {
		return 0, fmt.Errorf("free space on %s: %w", d.path, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
