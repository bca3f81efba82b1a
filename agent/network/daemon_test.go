package network

import "testing"

// Daemons share one namespace, which tasks reach at one address whatever their
// network mode is.
func TestDaemonBridge(t *testing.T) {
	n := open(t, config(t))
	daemons := attach(t, n, "daemons", Spec{Mode: DaemonBridge})
	if again := attach(t, n, "daemons", Spec{Mode: DaemonBridge}); again.Path != daemons.Path {
		t.Errorf("a second daemon is in %s, not in %s", again.Path, daemons.Path)
	}
	const address = "169.254.172.2:7000"
	serve(t, daemons.Path, "tcp", address)
	task := attach(t, n, "task", vpc("10.210.0.5"))
	container := attach(t, n, "container", Spec{Mode: Bridge})
	expect(t, task.Path, "tcp", address, "10.210.0.5")
	expect(t, container.Path, "tcp", address, container.Interface.Address.Addr().String())
	expect(t, "", "tcp", address, daemons.Interface.Gateway.String())
}
