// Package networktest gives tests a machine of their own, as far as networks
// and mounts go, and lets them act from inside a namespace. Only tests use it.
package networktest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Main runs a package's tests in a network and a mount namespace that end with
// the test process, whatever happens in it. Call it from TestMain and exit with
// what it gives. It needs root; without, it says that nothing was run.
func Main(m *testing.M) int {
	const inside = "inside its own namespaces"
	if os.Args[0] == inside {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			panic(err)
		}
		if err := netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 1}}); err != nil { // lo
			panic(err)
		}
		return m.Run()
	}
	if os.Getuid() != 0 {
		fmt.Println("SKIP: network namespaces need root")
		return 0
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = inside
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	// The kernel counts Pdeathsig from the thread that started the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		return 1
	}
	return 0
}

// Within runs f on a thread in the network namespace that is mounted at path.
// What f opens stays there; goroutines that it starts do not.
func Within(path string, f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			// The first thread cannot end, and its namespaces are the process's: keep it aside.
			defer runtime.UnlockOSThread()
			done <- Within(path, f)
			return
		}
		done <- enter(path, f)
	}()
	return <-done
}

func enter(path string, f func() error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	return f()
}
