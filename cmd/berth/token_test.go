package main

import (
	"os"
	"strings"
	"testing"

	"berth/cli/join"
)

// A token that `berth token create` prints lets a machine join, until it is revoked.
func TestTokens(t *testing.T) {
	p := start(t, t.TempDir())
	run := func(args ...string) string {
		t.Helper()
		code, out, stderr := berth(t, nil, append(args, "--data-dir", p.dir)...)
		if code != 0 {
			t.Fatalf("berth %s: %s", strings.Join(args, " "), stderr)
		}
		return strings.TrimSpace(out)
	}
	token := run("token", "create", "--expires-in", "5m")
	id, _, _ := strings.Cut(token, ".")
	if list := run("token", "ls"); !strings.Contains(list, id) || strings.Contains(list, token) {
		t.Errorf("listed:\n%s", list)
	}
	if _, err := join.Join(t.Context(), t.TempDir(), p.url, token, "host-1"); err != nil {
		t.Error(err)
	}
	if out := run("token", "revoke", id, "--agents"); out != "agents shut out: 1" {
		t.Errorf("revoked: %s", out)
	}
	dir := t.TempDir()
	if _, err := join.Join(t.Context(), dir, p.url, token, "host-2"); err == nil || !strings.Contains(err.Error(), "unknown, revoked or expired") {
		t.Errorf("with a revoked token: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind %v", left)
	}
	if _, _, stderr := berth(t, nil, "token", "revoke", id, "--data-dir", p.dir); !strings.Contains(stderr, "there is no join token") {
		t.Errorf("revoked again: %s", stderr)
	}
}
