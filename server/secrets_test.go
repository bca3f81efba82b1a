package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/state"
	"berth/state/seal"
)

// start is what a server does with its encryption key at its start.
func (c Config) start(v *state.View) (*seal.Box, error) {
	box, err := c.openBox()
	if err != nil {
		return nil, err
	}
	return box, c.settleBox(v, box)
}

// withSecret is a state with one value that box sealed.
func withSecret(t *testing.T, box *seal.Box) (*state.View, seal.Value) {
	t.Helper()
	store := state.NewMemory()
	key := state.ParameterVersionKey("db", 1)
	value, err := box.Seal("hunter2", key)
	if err != nil {
		t.Fatal(err)
	}
	err = store.Update(t.Context(), func(tx *state.Tx) error {
		tx.ParameterVersions.Put(tx, state.ParameterVersion{Name: "db", Number: 1, Sealed: value})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return store.View(), value
}

func TestEncryptionKey(t *testing.T) {
	cfg := Default()
	cfg.DataDir = t.TempDir()
	empty := state.NewMemory().View()
	box, err := cfg.start(empty)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cfg.DataDir, "encryption-key")
	made, err := os.ReadFile(path)
	if err != nil {
		t.Fatal("the first start makes no key")
	}
	v, value := withSecret(t, box)
	if again, err := cfg.start(v); err != nil || !again.Knows(value.KeyID()) {
		t.Errorf("a later start: %v", err)
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.start(v); err == nil || !strings.Contains(err.Error(), "which is not in "+path) {
		t.Errorf("without its key: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a start that was refused made a key")
	}
	lost := cfg
	lost.EncryptionKeyFile = filepath.Join(t.TempDir(), "key")
	if _, err := lost.start(v); err == nil || !strings.Contains(err.Error(), "openssl rand") {
		t.Errorf("with a file that is not there: %v", err)
	}
	if err := seal.NewBox().WriteFile(lost.EncryptionKeyFile); err != nil {
		t.Fatal(err)
	}
	if _, err := lost.start(v); err == nil || !strings.Contains(err.Error(), "lost "+value.KeyID()) {
		t.Errorf("with another key: %v", err)
	}
	appendTo(t, lost.EncryptionKeyFile, "lost "+value.KeyID()+"\n")
	if _, err := lost.start(v); err != nil {
		t.Errorf("with a key that is given up: %v", err)
	}

	several := cfg
	several.Etcd.Endpoints = []string{"http://127.0.0.1:2379"}
	if box, err := several.start(empty); err != nil {
		t.Errorf("several servers without a key and secrets: %v", err)
	} else if _, err := box.Seal("x", "y"); err == nil {
		t.Error("they keep secrets")
	}
	if _, err := several.start(v); err == nil || !strings.Contains(err.Error(), "say with --encryption-key-file") {
		t.Errorf("several servers without their key: %v", err)
	}
	several.EncryptionKeyFile = path
	if err := os.WriteFile(path, made, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := several.start(v); err != nil {
		t.Errorf("several servers with their key: %v", err)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(old, text...), 0o600); err != nil {
		t.Fatal(err)
	}
}
