package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"berth/agent/runtime"
)

// The files in the directory of a sandbox.
const (
	SandboxFile = "sandbox.json" // a [SandboxRecord] of the agent's, before the shim starts
	JournalFile = "journal"      // entries, one JSON value a line, of the shim's
	LockFile    = "lock"         // flocked while the shim lives
	SocketFile  = "shim.sock"
	LogFile     = "shim.log" // what the shim has to complain about
)

// SandboxRecord is all that a shim is told when it starts.
type SandboxRecord struct {
	runtime.Sandbox
	Boot   string // boot id of the machine when it was made
	Cgroup string // the task's cgroup, from the root of every hierarchy
}

// What an [Entry] tells.
const (
	ShimStarted = "shim"    // Pid, Ticks
	Created     = "created" // Container, Started
	Started     = "started" // Container, Started
	Exited      = "exited"  // Container, Exit
	Deleted     = "deleted" // Container
	Lost        = "lost"    // Reason: the shim is gone, and all containers with it
)

// Entry is one line of the journal.
type Entry struct {
	What      string
	Container string           `json:",omitempty"`
	Started   *runtime.Started `json:",omitempty"`
	Exit      *runtime.Exit    `json:",omitempty"`
	Pid       int              `json:",omitempty"`
	Ticks     uint64           `json:",omitempty"` // when the process started, as /proc/<pid>/stat has it
	Reason    string           `json:",omitempty"`
}

// Journal appends entries to a file. A killed process loses none that was
// appended: the kernel has it. After a crash of the machine nothing runs any
// more, so what the disk has not got does not matter.
type Journal struct {
	mu   sync.Mutex
	file *os.File
}

const (
	reserve  = 16 << 10
	keepSize = 1 // FALLOC_FL_KEEP_SIZE of fallocate(2)
)

// OpenJournal continues the journal of a sandbox, or begins it.
func OpenJournal(dir string) (*Journal, error) {
	file, err := os.OpenFile(filepath.Join(dir, JournalFile), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	// The end of a container is to be written down also on a full disk.
	_ = syscall.Fallocate(int(file.Fd()), keepSize, 0, reserve)
	// A line that was cut short must not swallow the next one.
	if size, err := file.Seek(0, 2); err == nil && size > 0 {
		last := make([]byte, 1)
		if _, err := file.ReadAt(last, size-1); err == nil && last[0] != '\n' {
			_, _ = file.Write([]byte{'\n'})
		}
	}
	return &Journal{file: file}, nil
}

// Append adds an entry.
func (j *Journal) Append(e Entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err = j.file.Write(append(text, '\n'))
	return err
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }

// History is what a journal tells when it is read to its end.
type History struct {
	runtime.SandboxStatus
	ShimPid   int
	ShimTicks uint64
}

// Read reads the record and the journal of a sandbox. Lines that were cut
// short are passed over.
func Read(dir string) (SandboxRecord, History, error) {
	var record SandboxRecord
	text, err := os.ReadFile(filepath.Join(dir, SandboxFile))
	if err != nil {
		return record, History{}, err
	}
	if err := json.Unmarshal(text, &record); err != nil {
		return record, History{}, fmt.Errorf("%s: %w", filepath.Join(dir, SandboxFile), err)
	}
	lines, err := os.ReadFile(filepath.Join(dir, JournalFile))
	if err != nil && !os.IsNotExist(err) {
		return record, History{}, err
	}
	h := History{SandboxStatus: runtime.SandboxStatus{Task: record.Task}}
	for line := range bytes.Lines(lines) {
		var e Entry
		if json.Unmarshal(line, &e) == nil {
			h.add(e)
		}
	}
	return record, h, nil
}

// add brings the history one entry further.
func (h *History) add(e Entry) {
	i := 0
	for i < len(h.Containers) && h.Containers[i].Name != e.Container {
		i++
	}
	known := i < len(h.Containers)
	switch e.What {
	case ShimStarted:
		h.ShimPid, h.ShimTicks = e.Pid, e.Ticks
	case Created:
		if !known {
			h.Containers = append(h.Containers, runtime.ContainerStatus{})
		}
		h.Containers[i] = runtime.ContainerStatus{Name: e.Container, State: runtime.Created}
		if e.Started != nil {
			h.Containers[i].Started = *e.Started
		}
	case Started:
		if known && e.Started != nil {
			h.Containers[i].Started = *e.Started
			if h.Containers[i].State == runtime.Created { // it may have ended before its start was written
				h.Containers[i].State = runtime.Running
			}
		}
	case Exited:
		if known && e.Exit != nil {
			h.Containers[i].State, h.Containers[i].Exit = runtime.Exited, *e.Exit
		}
	case Deleted:
		if known {
			h.Containers = append(h.Containers[:i], h.Containers[i+1:]...)
		}
	case Lost:
		h.Lost = e.Reason
	}
}

// BootID names this run of the machine's kernel.
func BootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}

// Ticks is when a process started, in clock ticks since the machine did:
// with the pid it names a process for ever. It is 0 where there is none.
func Ticks(pid int) uint64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name of the program, in parentheses, may have spaces in it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks uint64
	if len(fields) > 19 {
		fmt.Sscan(fields[19], &ticks)
	}
	return ticks
}
