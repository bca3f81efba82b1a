package engine

import (
	"cmp"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stopSignal is what tells a container to stop: the definition's, the image's,
// or SIGTERM.
func stopSignal(t *Task, container string) syscall.Signal {
	config, _ := dockerConfig(*t.Definition(container)) // was read when the task came
	return parseSignal(cmp.Or(config.StopSignal, t.Container(container).Image.StopSignal))
}

// parseSignal reads a name or a number, as images give it: SIGQUIT, QUIT, 3.
func parseSignal(text string) syscall.Signal {
	if n, err := strconv.Atoi(text); err == nil && n > 0 && n < 65 {
		return syscall.Signal(n)
	}
	name := strings.ToUpper(text)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if s := unix.SignalNum(name); s != 0 {
		return s
	}
	return syscall.SIGTERM
}
