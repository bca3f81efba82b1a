package main

import (
	"strings"
	"testing"

	"berth/cli/profile"
	"berth/state/journal/journaltest"
)

// Two servers over one etcd are one control plane: each answers everything, a
// client reads what it wrote, and one goes on where the other stops.
func TestTwoServers(t *testing.T) {
	etcd := "BERTH_ETCD_ENDPOINTS=" + strings.Join(journaltest.StartEtcd(t, 1).Endpoints, ",")
	leader := startAs(t, "server", t.TempDir(), etcd)
	follower := startAs(t, "server", t.TempDir(), etcd)
	one, err := profile.Read(leader.dir)
	if err != nil {
		t.Fatal(err)
	}
	two, err := profile.Read(follower.dir)
	if err != nil || one.SecretKey != two.SecretKey || one.AccessKeyID != two.AccessKeyID || two.Endpoint != follower.url {
		t.Fatalf("profiles %+v and %+v, %v: want the same key and different endpoints", one, two, err)
	}
	if !strings.Contains(leader.get(t, "/metrics"), "berth_state_leader 1") || !strings.Contains(follower.get(t, "/metrics"), "berth_state_leader 0") {
		t.Error("not exactly one leads")
	}

	follower.create(t, "a")
	if got := follower.clusters(t); got != "a" {
		t.Errorf("read after write at the follower: %q", got)
	}
	leader.create(t, "b")
	if err := leader.stop(); err != nil {
		t.Errorf("SIGTERM: %v\n%s", err, &leader.log)
	}
	for follower.get(t, "/healthz") != "200 ok\n" { // until it has taken over
	}
	follower.create(t, "c")
	if got := follower.clusters(t); got != "a b c" {
		t.Errorf("clusters after the leader stopped: %q", got)
	}
}
