package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Remove deletes all that servers, agents and commands keep in a data
// directory, and the directory itself. What is not Berth's stays, and the error
// says so. It refuses while a server runs.
func Remove(dataDir string) error {
	lock, err := os.OpenFile(filepath.Join(dataDir, "lock"), os.O_RDWR, 0)
	switch {
	case err == nil:
		defer lock.Close()
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			return inUse(dataDir)
		}
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	// The lock goes last: while it is there, nobody else begins anew in here.
	for _, ours := range []string{"etcd", "registry", "logs", "agent", "agent-credentials", "credentials", "encryption-key", "server-id", "lock"} {
		if err := os.RemoveAll(filepath.Join(dataDir, ours)); err != nil {
			return err
		}
	}
	err = os.Remove(dataDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if errors.Is(err, syscall.ENOTEMPTY) {
		entries, _ := os.ReadDir(dataDir)
		var names []string
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return fmt.Errorf("%s has files that are not Berth's, which stay: %s", dataDir, strings.Join(names, ", "))
	}
	return err
}

// Running reports, as an error, that a server runs over a data directory.
func Running(dataDir string) error {
	lock, err := os.Open(filepath.Join(dataDir, "lock"))
	if err != nil {
		return nil // none ever did
	}
	defer lock.Close()
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil {
		return inUse(dataDir)
	}
	return nil
}

func inUse(dataDir string) error {
	return fmt.Errorf("a server runs over %s: stop it first", dataDir)
}
