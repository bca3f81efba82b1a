package runtimetest

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"berth/agent/runtime"
)

func TestFake(t *testing.T) {
	Suite(t, func(*testing.T) Setup {
		fake := New()
		return Setup{
			Runtime: fake,
			Container: func(id runtime.ID, args ...string) runtime.Container {
				return runtime.Container{ID: id, Spec: &specs.Spec{Process: &specs.Process{Args: args}}}
			},
			Reopen: func() runtime.Runtime { return fake },
		}
	})
}
