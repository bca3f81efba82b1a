//go:build cgo

package task

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"berth/agent/runtime"
	"berth/agent/shim/wire"
)

// Recover buries what is left of a sandbox whose shim is gone: it kills its
// processes, removes its mounts and cgroups, and writes into the journal how
// its containers ended, as far as that is known. The directory stays, so that
// the agent can read it. To do it again does no harm.
func Recover(dir string) error {
	record, history, err := wire.Read(dir)
	if err != nil {
		return err
	}
	reason := "its shim was killed"
	if boot, err := wire.BootID(); err != nil {
		return err
	} else if boot != record.Boot {
		reason = "the machine restarted"
	} else if history.ShimPid != 0 && wire.Ticks(history.ShimPid) == history.ShimTicks {
		_ = unix.Kill(history.ShimPid, unix.SIGKILL) // it lives, and the agent does not reach it
	}
	lock, err := wire.Hold(filepath.Join(dir, wire.LockFile), 10*time.Second)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := bury(dir, record); err != nil {
		return err
	}
	if history.Lost != "" {
		return nil
	}
	return conclude(dir, history, reason)
}

// bury removes what runs and what is mounted.
func bury(dir string, record wire.SandboxRecord) error {
	m, err := openCgroup(record.Cgroup, runtime.Resources{})
	if err != nil {
		return err
	}
	if err := killAll(m); err != nil {
		return fmt.Errorf("kill what is left: %w", err)
	}
	return errors.Join(unmountRoots(dir), unmountBelow(dir), m.Destroy())
}

// unmountRoots unmounts the file systems of containers where they must be: the
// table of mounts may lack one while others change.
func unmountRoots(dir string) error {
	roots := filepath.Join(dir, "rootfs")
	entries, err := os.ReadDir(roots)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, unmountBelow(filepath.Join(roots, e.Name())))
	}
	return err
}

// conclude ends a journal.
func conclude(dir string, history wire.History, reason string) error {
	journal, err := wire.OpenJournal(dir)
	if err != nil {
		return err
	}
	defer journal.Close()
	for _, c := range history.Containers {
		if c.State == runtime.Exited {
			continue
		}
		exit := runtime.Exit{At: time.Now(), Code: 128 + int(unix.SIGKILL), Lost: reason}
		if err := journal.Append(wire.Entry{What: wire.Exited, Container: c.Name, Exit: &exit}); err != nil {
			return err
		}
	}
	return journal.Append(wire.Entry{What: wire.Lost, Reason: reason})
}

// RemoveCgroup removes a cgroup and all below it, with the processes in them.
func RemoveCgroup(name string) error {
	m, err := openCgroup(name, runtime.Resources{})
	if err != nil {
		return err
	}
	return errors.Join(killAll(m), m.Destroy())
}
