package state

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"berth/state/journal"
)

// saved is a snapshot file of a store with three clusters.
func saved(t *testing.T) []byte {
	t.Helper()
	s, _ := start(t, journal.NewMemory().Server("saved"))
	mustPut(t, s, "a", "b", "<c>")
	var file bytes.Buffer
	if err := s.Save(&file); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestRestore(t *testing.T) {
	file := saved(t)
	m := journal.NewMemory()
	if err := Restore(t.Context(), m.Server("b"), bytes.NewReader(file), false); err != nil {
		t.Fatal(err)
	}
	s, stop := start(t, m.Server("a"))
	checkNames(t, s.View(), "<c> a b")
	mustPut(t, s, "d")
	if err := Restore(t.Context(), m.Server("b"), bytes.NewReader(file), true); err == nil || !strings.Contains(err.Error(), "a server runs on this data") {
		t.Errorf("restore under a running server: %v", err)
	}
	stop()
	if err := Restore(t.Context(), m.Server("b"), bytes.NewReader(file), false); err == nil || !strings.Contains(err.Error(), "already 4 records") {
		t.Errorf("restore over records: %v", err)
	}
	if err := Restore(t.Context(), m.Server("b"), bytes.NewReader(file), true); err != nil {
		t.Fatal(err)
	}
	s, _ = start(t, m.Server("a"))
	checkNames(t, s.View(), "<c> a b")
	var again bytes.Buffer
	if err := s.Save(&again); err != nil {
		t.Fatal(err)
	}
	if a, b := middle(file), middle(again.Bytes()); a != b {
		t.Errorf("saved again:\n%s\nwant\n%s", b, a)
	}
}

// middle is a snapshot file without its header and trailer.
func middle(file []byte) string {
	lines := strings.Split(strings.TrimSpace(string(file)), "\n")
	return strings.Join(lines[1:len(lines)-1], "\n")
}

func TestRestoreRefusesDamage(t *testing.T) {
	file := string(saved(t))
	lines := strings.SplitAfter(file, "\n")
	for _, tc := range []struct{ name, file, want string }{
		{"nothing", "", "ends early, in line 1"},
		{"another file", "hello\n", "not a snapshot file"},
		{"no trailer", strings.Join(lines[:4], ""), "ends early, in line 5"},
		{"half a line", file[:len(file)-1], "ends early"},
		{"a line too few", strings.Join(append(lines[:1:1], lines[2:]...), ""), "do not match its checksum"},
		{"a changed byte", strings.Replace(file, `"name":"a"`, `"name":"x"`, 1), "do not match its checksum"},
		{"broken JSON", strings.Replace(file, `"name":"a"`, `"name":a`, 1), "line 3: invalid character"},
		{"a newer schema", strings.Replace(file, `"schema":1`, `"schema":99`, 1), "do not match its checksum"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := journal.NewMemory()
			err := Restore(t.Context(), m.Server("a"), strings.NewReader(tc.file), true)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if now, err := m.Server("a").Load(t.Context(), func(c journal.Change) error { return errors.New(c.Key) }); err != nil {
				t.Errorf("it wrote something: %v %v", now, err)
			}
		})
	}
}

// A restore that dies in the middle leaves a journal that no server takes, and
// that the next restore repairs.
func TestInterruptedRestore(t *testing.T) {
	file := saved(t)
	m := journal.NewMemory()
	dying := &dyingJournal{m.Server("a"), 1}
	if err := Restore(t.Context(), dying, bytes.NewReader(file), false); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	m.Depose()
	s, err := New(Config{Journal: m.Server("a")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.load(t.Context()); err == nil || !strings.Contains(err.Error(), "a snapshot is being restored") {
		t.Errorf("load: %v", err)
	}
	if err := Restore(t.Context(), m.Server("a"), bytes.NewReader(file), false); err != nil {
		t.Fatal(err)
	}
	s, _ = start(t, m.Server("a"))
	checkNames(t, s.View(), "<c> a b")
}

var errDied = errors.New("died")

// dyingJournal fails after a number of commits.
type dyingJournal struct {
	journal.Journal
	commits int
}

func (d *dyingJournal) Campaign(ctx context.Context, url string) (journal.Term, error) {
	t, err := d.Journal.Campaign(ctx, url)
	return &dyingTerm{t, d}, err
}

type dyingTerm struct {
	journal.Term
	*dyingJournal
}

func (t *dyingTerm) Commit(ctx context.Context, changes []journal.Change) (int64, error) {
	if t.commits--; t.commits < 0 {
		return 0, errDied
	}
	return t.Term.Commit(ctx, changes)
}

func TestMigrations(t *testing.T) {
	m := journal.NewMemory()
	s, stop := start(t, m.Server("a"))
	mustPut(t, s, "a", "b")
	stop()

	rename := func(key Key, value []byte) ([]journal.Change, error) {
		value = bytes.Replace(value, []byte(`"name":"`), []byte(`"name":"new-`), 1)
		return []journal.Change{{Key: key.journalled(), Value: value}}, nil
	}
	drop := func(key Key, _ []byte) ([]journal.Change, error) {
		if key.Key == "a" {
			return []journal.Change{{Key: key.journalled()}}, nil
		}
		return nil, nil
	}
	newer, err := New(Config{Journal: m.Server("a")})
	if err != nil {
		t.Fatal(err)
	}
	newer.migrations = []migration{rename, drop}
	stop = run(t, newer)
	if err := newer.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkNames(t, newer.View(), "new-b")
	stop()

	// What it wrote may be unreadable for an older version; that says why.
	term, err := m.Server("b").Campaign(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := term.Commit(t.Context(), []journal.Change{{Key: "v1/novelties/a", Value: []byte("?")}}); err != nil {
		t.Fatal(err)
	}
	older, err := New(Config{Journal: m.Server("b")})
	if err != nil {
		t.Fatal(err)
	}
	var schema *SchemaError
	if err := older.Run(t.Context()); !errors.As(err, &schema) || *schema != (SchemaError{3, 1}) {
		t.Errorf("an older version: %v", err)
	}
}

func TestJournalOfAnotherKind(t *testing.T) {
	for key, want := range map[string]string{
		"v1/pods/a":     "pods/a, a table",
		"v1/clusters/a": "read clusters/a from the journal",
		"colour":        `the key "colour"`,
	} {
		v := newView()
		err := v.apply(journal.Change{Key: key, Value: []byte("?")})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", key, err, want)
		}

		m := journal.NewMemory()
		term, err := m.Server("a").Campaign(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := term.Commit(t.Context(), []journal.Change{{Key: key, Value: []byte("?")}}); err != nil {
			t.Fatal(err)
		}
		s, err := New(Config{Journal: m.Server("b")})
		if err != nil {
			t.Fatal(err)
		}
		var bad *Unreadable
		if err := s.Run(t.Context()); !errors.As(err, &bad) {
			t.Errorf("%s: a store runs until %v", key, err)
		}
	}
}
