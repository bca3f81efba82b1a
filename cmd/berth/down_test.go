package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Down waits for Berth to be stopped, and then leaves nothing of it.
func TestDown(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("takes root")
	}
	dir := filepath.Join(t.TempDir(), "berth")
	p := start(t, dir)
	if code, _, stderr := berth(t, nil, "down", "--data-dir", dir); code == 0 || !strings.Contains(stderr, "a server runs over "+dir) {
		t.Errorf("while it runs: exit status %d: %s", code, stderr)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if code, out, stderr := berth(t, nil, "down", "--keep-data", "--data-dir", dir); code != 0 || !strings.Contains(out, "removed all but the data in "+dir) {
		t.Errorf("--keep-data: exit status %d: %s%s", code, out, stderr)
	}
	p = start(t, dir) // from what was kept
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if code, out, stderr := berth(t, nil, "down", "--data-dir", dir); code != 0 || !strings.Contains(out, "removed all of "+dir) {
			t.Errorf("exit status %d: %s%s", code, out, stderr)
		}
	}
	if entries, err := os.ReadDir(dir); !os.IsNotExist(err) {
		t.Errorf("%v are still there", entries)
	}
}
