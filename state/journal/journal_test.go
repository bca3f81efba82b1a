package journal_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/state/journal"
	"berth/state/journal/journaltest"
)

func TestMemory(t *testing.T) {
	journaltest.Run(t, func(*testing.T) func(string) journal.Journal { return journal.NewMemory().Server })
}

func TestEmbedded(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) func(string) journal.Journal {
		first := open(t, journal.Config{DataDir: t.TempDir()})
		return func(id string) journal.Journal {
			if id == "a" {
				return first
			}
			return first.Beside(t, t.TempDir())
		}
	})
}

func TestExternal(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) func(string) journal.Journal {
		etcd := journaltest.StartEtcd(t, 1)
		return func(string) journal.Journal {
			return open(t, journal.Config{DataDir: t.TempDir(), Endpoints: etcd.Endpoints})
		}
	})
}

func open(t *testing.T, cfg journal.Config) *journal.Etcd {
	t.Helper()
	j, err := journal.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func TestSecureEtcd(t *testing.T) {
	ca := journaltest.NewAuthority(t)
	etcd := journaltest.StartSecureEtcd(t, ca, "secret")
	good := journal.Config{Endpoints: etcd.Endpoints, CAFile: ca.File, User: "root", Password: "secret", Timeout: time.Second}
	good.CertFile, good.KeyFile = ca.Issue(t, "client")
	for _, tc := range []struct {
		name   string
		change func(*journal.Config)
		want   string // in the error; empty: it works
	}{
		{"all is right", func(c *journal.Config) {}, ""},
		{"wrong password", func(c *journal.Config) { c.Password = "wrong" }, "authentication failed"},
		{"no user", func(c *journal.Config) { c.User = "" }, "permission denied"},
		{"no client certificate", func(c *journal.Config) { c.CertFile, c.KeyFile = "", "" }, "etcd at https://127.0.0.1:"},
		{"another authority", func(c *journal.Config) { c.CAFile = journaltest.NewAuthority(t).File }, "signed by unknown authority"},
		{"no such file", func(c *journal.Config) { c.CAFile = "/nowhere/ca.pem" }, "TLS: open /nowhere/ca.pem"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := good
			cfg.DataDir = t.TempDir()
			tc.change(&cfg)
			j, err := journal.Open(t.Context(), cfg)
			if err == nil {
				defer j.Close()
			}
			checkError(t, err, tc.want)
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  func(dir string) journal.Config
		want string
	}{
		{"no directory", func(string) journal.Config { return journal.Config{} }, "DataDir is required"},
		{"a file for a directory", func(dir string) journal.Config {
			file := filepath.Join(dir, "file")
			os.WriteFile(file, nil, 0o600)
			return journal.Config{DataDir: file}
		}, "not a directory"},
		{"a directory in use", func(dir string) journal.Config {
			open(t, journal.Config{DataDir: dir})
			return journal.Config{DataDir: dir}
		}, "is in use by another berth"},
		{"a damaged database", func(dir string) journal.Config {
			damage(t, dir, "etcd/member/snap/db", 8)
			return journal.Config{DataDir: dir}
		}, "embedded etcd in "},
		{"damaged pages", func(dir string) journal.Config {
			damage(t, dir, "etcd/member/snap/db", 8<<10) // after the two that describe the others
			return journal.Config{DataDir: dir}
		}, "db is damaged: "},
		{"half a database", func(dir string) journal.Config {
			damage(t, dir, "etcd/member/snap/db", 8<<10)
			if err := os.Truncate(filepath.Join(dir, "etcd/member/snap/db"), 8<<10); err != nil {
				t.Fatal(err)
			}
			return journal.Config{DataDir: dir}
		}, "db is damaged: "},
		{"a damaged log", func(dir string) journal.Config {
			damage(t, dir, "etcd/member/wal/*.wal", 8)
			return journal.Config{DataDir: dir}
		}, "embedded etcd in "},
		{"nobody answers", func(dir string) journal.Config {
			return journal.Config{DataDir: dir, Endpoints: []string{"http://127.0.0.1:1"}, Timeout: 200 * time.Millisecond}
		}, "etcd at http://127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused"},
		{"nothing answers", func(dir string) journal.Config {
			return journal.Config{DataDir: dir, Endpoints: []string{silence(t)}, Timeout: 200 * time.Millisecond}
		}, "did not answer within 200ms"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := journal.Open(t.Context(), tc.cfg(t.TempDir()))
			if err == nil {
				t.Fatal("it opened")
			}
			checkError(t, err, tc.want)
		})
	}
}

// silence is an address that takes connections and never says anything.
func silence(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "http://" + l.Addr().String()
}

// damage overwrites a part of a file that a server has written.
func damage(t *testing.T, dir, pattern string, at int64) {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	noise := []byte(strings.Repeat("noise", 5000))
	f, err := os.OpenFile(files[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(noise, at); err != nil {
		t.Fatal(err)
	}
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Fatal(err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")):
		t.Errorf("got %v, want one line with %q", err, want)
	}
	if err != nil {
		t.Log(err)
	}
}

// rewrite writes one key of a MiB n times, and returns the last revision.
func rewrite(t *testing.T, term journal.Term, n int) (last int64, err error) {
	t.Helper()
	for range n {
		if last, err = term.Commit(t.Context(), []journal.Change{{Key: "x", Value: make([]byte, 1<<20)}}); err != nil {
			return last, err
		}
	}
	return last, nil
}

func size(t *testing.T, j journal.Journal) int64 {
	t.Helper()
	size, err := j.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return size
}

func TestMaintainGivesSpaceBack(t *testing.T) {
	j := open(t, journal.Config{DataDir: t.TempDir()})
	term, err := j.Campaign(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	last, err := rewrite(t, term, 100)
	if err != nil {
		t.Fatal(err)
	}
	before := size(t, j)
	if err := j.Maintain(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	if after := size(t, j); before < 50<<20 || after > 20<<20 {
		t.Errorf("%d MiB before, %d after", before>>20, after>>20)
	}
	if _, err := rewrite(t, term, 1); err != nil {
		t.Error(err)
	}
}

// At its quota etcd takes no more writes. The next campaign makes room.
func TestQuota(t *testing.T) {
	j := open(t, journal.Config{DataDir: t.TempDir(), Quota: 40 << 20})
	term, err := j.Campaign(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = rewrite(t, term, 100)
	checkError(t, err, "database space exceeded")
	if _, err = j.Campaign(t.Context(), ""); err == nil {
		t.Error("a campaign succeeded without space")
	}
	if term, err = j.Campaign(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := rewrite(t, term, 5); err != nil {
		t.Error(err)
	}
}
