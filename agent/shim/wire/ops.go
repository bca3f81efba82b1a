package wire

import (
	"berth/agent/runtime"
)

// The calls that a shim answers, and what they take and give.
const (
	OpSandbox  = "sandbox"  // nothing → runtime.SandboxStatus, once the cgroup is there
	OpCreate   = "create"   // runtime.Container → runtime.Started
	OpStart    = "start"    // container's name → runtime.Started
	OpSignal   = "signal"   // Signal
	OpWait     = "wait"     // container's name → runtime.Exit
	OpStats    = "stats"    // container's name → runtime.Stats
	OpDelete   = "delete"   // container's name
	OpShutdown = "shutdown" // deletes all; the shim has ended when the connection has
	OpExec     = "exec"     // Exec; its connection then carries ExecInput and ExecOutput alone
)

// Signal asks for a signal to a container's first process.
type Signal struct {
	Container string
	Signal    int
}

// Exec asks for one more process in a container.
type Exec struct {
	Container string
	Args, Env []string
	Cwd, User string
	Terminal  bool
}

// ExecInput is what an agent sends to a process.
type ExecInput struct {
	Stdin  []byte        `json:",omitempty"`
	End    bool          `json:",omitempty"` // there will be no more Stdin
	Resize *runtime.Size `json:",omitempty"`
}

// ExecOutput is what comes from a process. The last one has Exit or Error.
type ExecOutput struct {
	Stdout, Stderr []byte        `json:",omitempty"`
	Exit           *runtime.Exit `json:",omitempty"`
	Error          *Error        `json:",omitempty"`
}
