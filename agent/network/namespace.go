package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"berth/agent/network/dump"
)

// makeNamespace makes the namespace of a at its path, with what is in it.
//
// A thread that enters another namespace is spoilt for the rest of the process,
// so the work is done on one that ends with it.
func (n *Network) makeNamespace(a Attachment) error {
	done := make(chan error)
	go onOwnThread(func() { done <- n.makeNamespaceHere(a) })
	return <-done
}

// onOwnThread runs f on a thread that is not used again. The runtime cannot end
// a process's first thread, whose namespaces /proc/self shows; where it is that
// one, it is kept aside for the time that another does the work.
func onOwnThread(f func()) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	defer runtime.UnlockOSThread()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
}

func (n *Network) makeNamespaceHere(a Attachment) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return lacking("make a network namespace", err)
	}
	if err := mountNamespace(a.Path); err != nil {
		return err
	}
	inside, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open a netlink socket in the namespace: %w", err)
	}
	defer inside.Close()
	const loopback = 1 // the first link of every namespace
	if err := inside.LinkSetUp(linkIndex(loopback)); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	if a.Link == "" {
		return nil
	}
	// The VPC has no IPv6: an address that nobody else can reach only delays
	// programs which prefer it. The loopback keeps ::1.
	err = os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("disable IPv6 in the namespace: %w", err)
	}
	return n.makeVeth(inside, a)
}

// mountNamespace gives the thread's namespace a name that keeps it alive.
func mountNamespace(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return err
	}
	file.Close()
	if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
		return lacking("mount the namespace at "+path, err)
	}
	return nil
}

// alive reports whether a's namespace is still there: mounts do not survive a
// reboot.
func (n *Network) alive(a Attachment) bool {
	return a.Path == "" || isNamespace(a.Path)
}

func isNamespace(path string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(path, &fs) == nil && fs.Type == unix.NSFS_MAGIC
}

// clear removes the namespace and the link of a, whatever is there of them.
func (n *Network) clear(a Attachment) error {
	if a.Link != "" {
		if err := n.removeLink(a.Link); err != nil {
			return err
		}
	}
	return n.leave(a)
}

// leave gives the namespace of a up. Once no process is in it, the kernel
// removes it and its links in the background, many at a time: that is cheaper
// by far than to remove a link and wait.
func (n *Network) leave(a Attachment) error {
	if a.Link != "" {
		n.forgetNeighbour(a.Interface)
	}
	return unmount(a.Path)
}

// unmount removes a namespace's name. The namespace itself ends with its last process.
func unmount(path string) error {
	for isNamespace(path) { // a crash can have left several mounts on top of one another
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			return lacking("unmount "+path, err)
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// sweep removes the namespaces and links that belong to no attachment.
func (n *Network) sweep(ctx context.Context) error {
	entries, err := os.ReadDir(n.namespaces())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if n.attached[entry.Name()] == nil {
			if err := unmount(filepath.Join(n.namespaces(), entry.Name())); err != nil {
				return err
			}
		}
	}
	links, err := dump.Whole(n.rtnl.LinkList)
	if err != nil {
		return fmt.Errorf("list links: %w", err)
	}
	owned := map[string]bool{}
	for _, a := range n.attached {
		owned[a.Link] = true
	}
	for _, link := range links {
		name := link.Attrs().Name
		if link.Type() == "veth" && n.isLinkName(name) && !owned[name] {
			if err := n.removeLink(name); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// lacking names what a machine lacks where the kernel only says no.
func lacking(what string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%s: %w (this needs root, with CAP_NET_ADMIN and CAP_SYS_ADMIN)", what, err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EPROTONOSUPPORT):
		return fmt.Errorf("%s: %w (the kernel lacks this: it needs bridge, veth and nf_tables with nat, fib and masq)", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// linkIndex is a link of which only the index is known.
func linkIndex(index int) netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index}}
}

func parseMAC(mac string) net.HardwareAddr {
	address, err := net.ParseMAC(mac)
	if err != nil {
		panic(err) // check has looked at it
	}
	return address
}
