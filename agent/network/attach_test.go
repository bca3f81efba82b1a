package network

import (
	"fmt"
	"testing"
)

// Tasks of the VPC reach each other in and across subnets, and the machine
// reaches them and they it, each with its own address.
func TestVPC(t *testing.T) {
	n := open(t, config(t))
	a := attach(t, n, "a", vpc("10.210.0.5"))
	b := attach(t, n, "b", vpc("10.210.0.6"))
	c := attach(t, n, "c", vpc("10.210.16.5"))
	for _, task := range []Attachment{a, b, c} {
		serve(t, task.Path, "tcp", ":80")
	}
	expect(t, a.Path, "tcp", "10.210.0.6:80", "10.210.0.5")
	expect(t, b.Path, "tcp", "10.210.0.5:80", "10.210.0.6")
	expect(t, a.Path, "tcp", "10.210.16.5:80", "10.210.0.5")
	expect(t, a.Path, "tcp", "127.0.0.1:80", "127.0.0.1")
	expect(t, "", "tcp", "10.210.0.5:80", "10.210.0.1")
	expect(t, "", "tcp", "10.210.16.5:80", "10.210.16.1")
}

// A port mapping is reached by the machine's addresses from everywhere: from
// the machine, from outside, from other containers and from the container itself.
func TestBridge(t *testing.T) {
	n := open(t, config(t))
	outside := joinOutside(t)
	web := attach(t, n, "web", Spec{Mode: Bridge, Ports: []Port{
		{Protocol: "tcp", Container: 80, Host: 8080},
		{Protocol: "udp", Container: 53},
		{Protocol: "tcp", Container: 9000, Count: 3},
	}})
	other := attach(t, n, "other", Spec{Mode: Bridge})
	task := attach(t, n, "task", vpc("10.210.0.5"))
	serve(t, web.Path, "tcp", ":80")
	serve(t, web.Path, "tcp", ":9002")
	serve(t, web.Path, "udp", ":53")

	expect(t, "", "tcp", "127.0.0.1:8080", "10.211.0.1")
	expect(t, "", "tcp", "198.51.100.1:8080", "198.51.100.1")
	expect(t, outside, "tcp", "198.51.100.1:8080", "198.51.100.2")
	expect(t, other.Path, "tcp", "198.51.100.1:8080", "10.211.0.1")
	expect(t, other.Path, "tcp", "10.211.0.1:8080", "10.211.0.1")
	expect(t, web.Path, "tcp", "198.51.100.1:8080", "10.211.0.1")
	expect(t, task.Path, "tcp", "198.51.100.1:8080", "10.210.0.5")
	expect(t, other.Path, "tcp", "10.211.0.2:80", "10.211.0.3")
	expect(t, outside, "udp", fmt.Sprint("198.51.100.1:", web.Ports[1].Host), "198.51.100.2")
	expect(t, outside, "tcp", fmt.Sprint("198.51.100.1:", web.Ports[2].Host+2), "198.51.100.2")
}

// Tasks reach the outside by the machine's address; nobody outside reaches them by theirs.
func TestOutside(t *testing.T) {
	n := open(t, config(t))
	outside := joinOutside(t)
	serve(t, outside, "tcp", ":80")
	task := attach(t, n, "task", vpc("10.210.0.5"))
	container := attach(t, n, "container", Spec{Mode: Bridge})
	serve(t, task.Path, "tcp", ":80")

	expect(t, task.Path, "tcp", "198.51.100.2:80", "198.51.100.1")
	expect(t, container.Path, "tcp", "198.51.100.2:80", "198.51.100.1")
	if seen, err := call(t, outside, "tcp", "10.210.0.5:80"); err == nil {
		t.Errorf("the outside reached a task by its own address, seen as %q", seen)
	}
}
