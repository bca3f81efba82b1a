package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/agent/runtime"
)

// connect gives a client whose calls ops answer.
func connect(t *testing.T, ops map[string]Func, takeovers map[string]Takeover) (*Client, net.Conn) {
	ours, theirs := net.Pipe()
	go func() { _ = Serve(t.Context(), theirs, ops, takeovers) }()
	c := NewClient(ours)
	t.Cleanup(func() { c.Close() })
	return c, theirs
}

func TestCallsAreAnsweredInAnyOrder(t *testing.T) {
	release := make(chan struct{})
	c, _ := connect(t, map[string]Func{
		"slow": func(_ context.Context, arg json.RawMessage) (any, error) { <-release; return string(arg), nil },
		"fast": func(context.Context, json.RawMessage) (any, error) { close(release); return 7, nil },
	}, nil)
	slow := make(chan string)
	go func() {
		var got string
		_ = c.Call(t.Context(), "slow", 1, &got)
		slow <- got
	}()
	var got int
	if err := c.Call(t.Context(), "fast", nil, &got); err != nil || got != 7 {
		t.Errorf("got %d, %v", got, err)
	}
	if got := <-slow; got != "1" {
		t.Errorf("got %q", got)
	}
}

func TestErrorsKeepWhatTheyAre(t *testing.T) {
	for _, want := range []error{runtime.ErrNotFound, runtime.ErrExists, runtime.ErrNotRunning} {
		got := NewError(fmt.Errorf("container c: %w", want)).Err()
		if !errors.Is(got, want) || got.Error() != "container c: "+want.Error() {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	var process *runtime.ProcessError
	if got := NewError(&runtime.ProcessError{Message: "no such command"}).Err(); !errors.As(got, &process) || process.Message != "no such command" {
		t.Errorf("got %v", got)
	}
	if NewError(nil).Err() != nil {
		t.Error("no error became one")
	}
}

func TestClosedConnection(t *testing.T) {
	asked := make(chan struct{})
	c, theirs := connect(t, map[string]Func{
		"never": func(ctx context.Context, _ json.RawMessage) (any, error) {
			close(asked)
			<-ctx.Done() // ends with the connection
			return nil, ctx.Err()
		},
	}, nil)
	result := make(chan error)
	go func() { result <- c.Call(t.Context(), "never", nil, nil) }()
	<-asked
	theirs.Close()
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v of a call that waited", err)
	}
	<-c.Done()
	if err := c.Call(t.Context(), "never", nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v of a call afterwards", err)
	}
}

func TestTakeover(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() {
		_ = Serve(t.Context(), theirs, nil, map[string]Takeover{"echo": func(_ context.Context, conn net.Conn, in io.Reader, arg json.RawMessage) {
			fmt.Fprintf(conn, "%s:", arg)
			_, _ = io.CopyN(conn, in, 6) // a newline that ended the frame, and "hello"
		}})
	}()
	if err := Take(ours, "echo", "x"); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = ours.Write([]byte("hello")) }()
	got, err := io.ReadAll(ours)
	if err != nil || strings.ReplaceAll(string(got), "\n", "") != `"x":hello` {
		t.Errorf("got %q, %v", got, err)
	}
}

// A journal tells what was, also where the last line was cut short.
func TestHistory(t *testing.T) {
	at := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)
	started, exit := &runtime.Started{Pid: 5, At: at}, &runtime.Exit{Code: 3, At: at}
	created := Entry{What: Created, Container: "c", Started: &runtime.Started{Pid: 5}}
	begun, ended := Entry{What: Started, Container: "c", Started: started}, Entry{What: Exited, Container: "c", Exit: exit}
	for _, tc := range []struct {
		name    string
		entries []Entry
		torn    string
		want    string
	}{
		{"nothing", nil, "", "[]"},
		{"created", []Entry{created}, "", "[c created]"},
		{"running", []Entry{created, begun}, "", "[c running]"},
		{"exited", []Entry{created, begun, ended}, "", "[c exited 3]"},
		{"exited before the start was written", []Entry{created, ended, begun}, "", "[c exited 3]"},
		{"deleted", []Entry{created, begun, ended, {What: Deleted, Container: "c"}}, "", "[]"},
		{"again", []Entry{created, begun, ended, {What: Deleted, Container: "c"}, created}, "", "[c created]"},
		{"torn", []Entry{created, begun}, `{"What":"exited","Conta`, "[c running]"},
		{"lost", []Entry{created, {What: Lost, Reason: "killed"}}, "", "[c created]killed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, SandboxFile), []byte(`{"Task":"t","Boot":"b"}`), 0o600); err != nil {
				t.Fatal(err)
			}
			for i, e := range tc.entries {
				write(t, dir, e)
				if i == 0 && tc.torn != "" {
					appendText(t, dir, tc.torn) // the next entry must not be lost with it
				}
			}
			appendText(t, dir, tc.torn)
			record, h, err := Read(dir)
			if err != nil || record.Boot != "b" {
				t.Fatal(record, err)
			}
			got := []string{}
			for _, c := range h.Containers {
				text := c.Name + " " + string(c.State)
				if c.State == runtime.Exited {
					text += fmt.Sprintf(" %d", c.Exit.Code)
				}
				got = append(got, text)
			}
			if text := fmt.Sprint(got) + h.Lost; text != tc.want {
				t.Errorf("got %s, want %s", text, tc.want)
			}
		})
	}
}

// write appends an entry as a new shim would.
func write(t *testing.T, dir string, e Entry) {
	t.Helper()
	j, err := OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Append(e); err != nil {
		t.Fatal(err)
	}
}

func appendText(t *testing.T, dir, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, JournalFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestTicks(t *testing.T) {
	if a, b := Ticks(os.Getpid()), Ticks(os.Getpid()); a == 0 || a != b {
		t.Errorf("this process started at %d, and at %d", a, b)
	}
	if Ticks(1<<30) != 0 {
		t.Error("a process that is not there started")
	}
}
