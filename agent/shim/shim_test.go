package shim_test

import (
	"testing"
	"time"

	"berth/agent/runtime"
	"berth/agent/shim"
	"berth/agent/shim/shimtest"
)

func TestFirst(t *testing.T) {
	s, err := shim.Open(t.Context(), shim.Config{Dir: t.TempDir(), Cgroup: "/berth-test", Binary: shimtest.Build(t)})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := s.CreateSandbox(t.Context(), runtime.Sandbox{Task: "one"}); err != nil {
		t.Fatal(err)
	}
	t.Log("sandbox", time.Since(start))
	id := runtime.ID{Task: "one", Container: "web"}
	if _, err := s.Create(t.Context(), runtime.Container{ID: id, Spec: shimtest.Spec(shimtest.Rootfs(t, nil), "sh", "-c", "exit 7")}); err != nil {
		t.Fatal(err)
	}
	t.Log("create", time.Since(start))
	if _, err := s.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	t.Log("start", time.Since(start))
	exit, err := s.Wait(t.Context(), id)
	t.Log(exit, err, time.Since(start))
	if err := s.DeleteSandbox(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	if err := s.Down(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log("deleted", time.Since(start))
}
