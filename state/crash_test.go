package state

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/state/journal"
)

const (
	kills   = 100
	writers = 8
)

// TestKill kills a server with SIGKILL at random points under load, 100 times
// over one data directory. Each writer counts, writing its number to several
// records in one transaction. After each start, every number must be the last
// that was answered, or the one that was under way, in all records alike.
func TestKill(t *testing.T) {
	n := kills
	if testing.Short() {
		n = 10
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	answered := make([]int, writers) // the last number of each writer that was answered
	total, early := 0, 0
	for range n {
		child := startChild(t, "crash", dir)
		if r.IntN(10) == 0 { // while it starts
			time.AfterFunc(time.Duration(r.IntN(200))*time.Millisecond, child.kill)
		}
		left := 1 + r.IntN(500)
		for line := range child.lines {
			var writer, number int
			switch {
			case scan(line, "state %d %d", &writer, &number):
				if number != answered[writer] && number != answered[writer]+1 {
					t.Fatalf("writer %d was answered %d, and after a kill is at %d", writer, answered[writer], number)
				}
				answered[writer] = number
			case scan(line, "ok %d %d", &writer, &number):
				answered[writer] = number
				total++
				if left--; left == 0 {
					child.kill()
				}
			default:
				t.Fatalf("the server said: %s", line)
			}
		}
		if left > 0 {
			early++
		}
		child.wait()
	}
	t.Logf("%d kills, %d of them while starting; %d transactions answered, none lost", n, early, total)
	if total == 0 {
		t.Error("nothing was ever answered")
	}
}

func scan(line, format string, into ...any) bool {
	n, err := fmt.Sscanf(line, format, into...)
	return err == nil && n == len(into)
}

// crashChild counts until it is killed.
func crashChild(dir string) error {
	s, err := runChild(journal.Config{DataDir: dir}, "")
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for w := range writers {
		n, err := counterOf(s.View(), w)
		if err != nil {
			return err
		}
		fmt.Println("state", w, n)
		wg.Go(func() {
			for ; ; n++ {
				if err := count(s, w, n+1); err != nil {
					fmt.Println("count:", err)
					return
				}
				fmt.Println("ok", w, n+1)
			}
		})
	}
	wg.Wait()
	return nil
}

// count writes a number to two records of a writer; a third is there when the
// number is even.
func count(s *Store, writer, n int) error {
	return s.Update(context.Background(), func(tx *Tx) error {
		for _, part := range []string{"a", "b"} {
			tx.Families.Put(tx, Family{Name: fmt.Sprint(writer, part), LastRevision: int32(n)})
		}
		even := Family{Name: fmt.Sprint(writer, "even"), LastRevision: int32(n)}
		if n%2 == 0 {
			tx.Families.Put(tx, even)
		} else {
			tx.Families.Delete(tx, even.Name)
		}
		return nil
	})
}

// counterOf reads what count wrote, whole or not.
func counterOf(v *View, writer int) (int, error) {
	a, _ := v.Families.Get(fmt.Sprint(writer, "a"))
	b, _ := v.Families.Get(fmt.Sprint(writer, "b"))
	even, ok := v.Families.Get(fmt.Sprint(writer, "even"))
	n := a.LastRevision
	if b.LastRevision != n || ok != (n > 0 && n%2 == 0) || ok && even.LastRevision != n {
		return 0, fmt.Errorf("half of a transaction: %v, %v, %v (there: %v)", a, b, even, ok)
	}
	return int(n), nil
}

// TestMain turns the test binary into a server when a test has started it as one.
func TestMain(m *testing.M) {
	role, rest, _ := strings.Cut(os.Getenv("BERTH_TEST_CHILD"), " ")
	var err error
	switch role {
	case "":
		os.Exit(m.Run())
	case "crash":
		err = crashChild(rest)
	case "pause":
		err = pauseChild(rest)
	case "die":
		err = dieChild(rest)
	}
	fmt.Println("failed:", err)
	os.Exit(1)
}

// runChild starts a store that runs until the process ends.
func runChild(cfg journal.Config, url string) (*Store, error) {
	ctx := context.Background()
	j, err := journal.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s, err := New(Config{Journal: j, URL: url})
	if err != nil {
		return nil, err
	}
	go s.Run(ctx)
	return s, s.WaitReady(ctx)
}

// child is this test binary as a server in a process of its own.
type child struct {
	cmd   *exec.Cmd
	lines chan string // what it prints, until it ends
	kill  func()
}

func startChild(t *testing.T, role, rest string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BERTH_TEST_CHILD="+role+" "+rest)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, lines: make(chan string)}
	c.kill = sync.OnceFunc(func() { cmd.Process.Kill() })
	t.Cleanup(func() { c.kill(); c.wait() })
	go func() {
		defer close(c.lines)
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				if cmp.Or(err, io.EOF) != io.EOF {
					t.Error(err)
				}
				return
			}
			c.lines <- strings.TrimSpace(line)
		}
	}()
	return c
}

func (c *child) wait() {
	for range c.lines {
	}
	c.cmd.Wait()
}
