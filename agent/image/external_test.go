package image

import (
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/cmd/containerd/server"
	srvconfig "github.com/containerd/containerd/v2/cmd/containerd/server/config"
	_ "github.com/containerd/containerd/v2/plugins/content/local/plugin"
	_ "github.com/containerd/containerd/v2/plugins/diff/walking/plugin"
	_ "github.com/containerd/containerd/v2/plugins/events"
	_ "github.com/containerd/containerd/v2/plugins/gc"
	_ "github.com/containerd/containerd/v2/plugins/leases"
	_ "github.com/containerd/containerd/v2/plugins/metadata"
	_ "github.com/containerd/containerd/v2/plugins/mount"
	_ "github.com/containerd/containerd/v2/plugins/server/grpc"
	_ "github.com/containerd/containerd/v2/plugins/services/content"
	_ "github.com/containerd/containerd/v2/plugins/services/diff"
	_ "github.com/containerd/containerd/v2/plugins/services/images"
	_ "github.com/containerd/containerd/v2/plugins/services/leases"
	_ "github.com/containerd/containerd/v2/plugins/services/namespaces"
	_ "github.com/containerd/containerd/v2/plugins/services/snapshots"
	_ "github.com/containerd/containerd/v2/plugins/services/version"
	_ "github.com/containerd/containerd/v2/plugins/snapshots/overlay/plugin"
)

// containerd runs one, as it would run beside the agent, and returns its socket.
func containerd(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "c.sock")
	cfg := &srvconfig.Config{Version: 4, Root: dir + "/root", State: dir + "/state", Plugins: map[string]any{
		"io.containerd.server.v1.grpc": map[string]any{"address": socket},
	}}
	if err := server.CreateTopLevelDirectories(cfg); err != nil {
		t.Fatal(err)
	}
	s, err := server.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return socket
}

// The same code with containerd behind its socket.
func TestExternalContainerd(t *testing.T) {
	host, s := serve(t, nil), open(t, Config{Address: containerd(t), Namespace: "berth-test"})
	digest := push(t, host+"/web:1", build(t, "amd64", "v=1", "v=2"))
	img := pull(t, s, host+"/web:1", PullOptions{})
	if img.Digest != digest {
		t.Errorf("got %s, want %s", img.Digest, digest)
	}
	mounts, err := s.Snapshot(t.Context(), "c", img, "")
	if got := tree(t, mounted(t, mounts, err)); got != "v=2" {
		t.Errorf("container sees %q", got)
	}
	if _, err := s.Import(t.Context(), dockerSave(t, "mine:1", build(t, "amd64", "v=mine"))); err != nil {
		t.Fatal(err)
	}
	if all, err := s.List(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("images are %+v, %v", all, err)
	}
	if err := s.Remove(t.Context(), "mine:1"); err != nil {
		t.Error(err)
	}
	if _, err := Open(t.Context(), Config{Dir: t.TempDir(), Address: t.TempDir() + "/none.sock"}); err == nil {
		t.Error("opened a containerd that is not there")
	}
}
