package server

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestRemove(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "berth")
	put := func(files ...string) {
		t.Helper()
		for _, file := range files {
			path := filepath.Join(dir, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := Remove(dir); err != nil {
		t.Errorf("nothing there: %v", err)
	}
	put("lock", "etcd/member/db", "credentials", "server-id")
	lock, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"Remove": Remove(dir), "Running": Running(dir)} {
		if err == nil || !strings.Contains(err.Error(), "a server runs over "+dir) {
			t.Errorf("%s while a server runs: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "etcd/member/db")); err != nil {
		t.Error(err)
	}
	lock.Close()
	put("mine.txt")
	if err := Remove(dir); err == nil || !strings.Contains(err.Error(), "not Berth's, which stay: mine.txt") {
		t.Errorf("with another's file: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "mine.txt")); err != nil {
		t.Fatal(err)
	}
	if err := Remove(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there", dir)
	}
}
