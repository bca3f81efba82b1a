package seal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSeal(t *testing.T) {
	box := NewBox()
	for _, text := range []string{"hunter2", "", strings.Repeat("x", 64<<10), "\x00é"} {
		a, err := box.Seal(text, "parameters/db/1")
		if err != nil {
			t.Fatal(err)
		}
		b, _ := box.Seal(text, "parameters/db/1")
		if a == b || text != "" && strings.Contains(string(a), text) || !box.Knows(a.KeyID()) {
			t.Errorf("sealed as %.80s and %.80s", a, b)
		}
		if got, err := box.Open(a, "parameters/db/1"); err != nil || got != text {
			t.Errorf("opened as %.80q, %v", got, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	box := NewBox()
	v, err := box.Seal("hunter2", "parameters/db/1")
	if err != nil {
		t.Fatal(err)
	}
	id := v.KeyID()
	for name, tc := range map[string]struct {
		box      *Box
		value    Value
		of       string
		unusable bool
	}{
		"another's value": {box, v, "parameters/db/2", false},
		"a changed value": {box, v[:len(v)-4] + "AAA=", "parameters/db/1", false},
		"a cut value":     {box, Value(id + ":AAAA"), "parameters/db/1", false},
		"nonsense":        {box, Value(id + ":!"), "parameters/db/1", false},
		"another key":     {NewBox(), v, "parameters/db/1", true},
		"no key":          {&Box{}, v, "parameters/db/1", true},
	} {
		text, err := tc.box.Open(tc.value, tc.of)
		var unusable *Unusable
		if err == nil || text != "" || errors.As(err, &unusable) != tc.unusable {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
		if tc.unusable && !strings.Contains(unusable.Public(), id) {
			t.Errorf("%s: %s does not name the key", name, unusable.Public())
		}
	}
	var unusable *Unusable
	if _, err := (&Box{}).Seal("x", "y"); !errors.As(err, &unusable) {
		t.Errorf("without a key: %v", err)
	}
}

func TestFile(t *testing.T) {
	old, now := NewBox(), NewBox()
	path := filepath.Join(t.TempDir(), "key")
	both := &Box{keys: append(now.keys, old.keys...)}
	if err := both.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	if stat, err := os.Stat(path); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", stat.Mode(), err)
	}
	read, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := old.Seal("old", "x") // a key that was replaced still opens
	if text, err := read.Open(v, "x"); err != nil || text != "old" {
		t.Errorf("got %q %v", text, err)
	}
	if v, _ := read.Seal("new", "x"); v.KeyID() != now.keys[0].id {
		t.Error("it is not the first key that seals")
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind %v", left)
	}
}

// Values of a lost key can be given up, and are then no reason not to start.
func TestLostKey(t *testing.T) {
	v, err := NewBox().Seal("x", "y")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(NewBox().keys[0].text+"\nlost "+v.KeyID()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	box, err := ReadFile(path)
	if err != nil || !box.Knows(v.KeyID()) || NewBox().Knows(v.KeyID()) {
		t.Errorf("is not known to be lost, %v", err)
	}
	if _, err := box.Open(v, "y"); err == nil || !strings.Contains(err.Error(), "which is lost") {
		t.Errorf("got %v", err)
	}
}

func TestReadFileRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"empty":  {"# nothing\n\n", 0o600, "has no key"},
		"short":  {"AAAA\n", 0o600, "line 1: a key has 3 bytes, want 32"},
		"text":   {"# my key\nhunter2!\n", 0o600, "line 2 is no base64"},
		"public": {NewBox().keys[0].text, 0o644, "chmod 600"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(tc.text), tc.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
	if _, err := ReadFile(filepath.Join(dir, "gone")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
