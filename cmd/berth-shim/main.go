// Command berth-shim is the parent of one task's containers. An agent starts
// it, and it outlives the agent:
//
//	berth-shim run DIR      answer agents on file descriptor 3 until told to end
//	berth-shim recover DIR  bury what a killed shim has left
//	berth-shim remove PATH  remove a cgroup and all that is in it
//	berth-shim features     print what containers may ask for, as JSON
//
// As "berth-shim init" it becomes a container's first process, and by the names
// of early.c it is a process that holds namespaces, or an init for a container.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"

	_ "github.com/opencontainers/cgroups/devices" // how cgroups control devices
	"github.com/opencontainers/runc/libcontainer"
	_ "github.com/opencontainers/runc/libcontainer/nsenter" // what runs before Go does in "init"
	"golang.org/x/sys/unix"

	"berth/agent/shim/task"
)

// #include "early.h"
import "C"

func main() {
	if len(os.Args) == 2 && os.Args[1] == "init" {
		libcontainer.Init() // does not return
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "berth-shim:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "features":
		return json.NewEncoder(os.Stdout).Encode(task.Features())
	case len(args) == 2 && args[0] == "recover":
		return task.Recover(args[1])
	case len(args) == 2 && args[0] == "remove":
		return task.RemoveCgroup(args[1])
	case len(args) == 2 && args[0] == "run":
		return serve(args[1])
	}
	return fmt.Errorf("usage: berth-shim run DIR | recover DIR | remove PATH | features")
}

func serve(dir string) error {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	debug.SetGCPercent(50) // it is idle nearly always, and there may be hundreds
	// Who signals every process named berth does not mean the tasks.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGHUP, unix.SIGINT, unix.SIGTERM)
	file := os.NewFile(3, "listener")
	listener, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("file descriptor 3 is to be a listener: %w", err)
	}
	file.Close()
	return task.Run(context.Background(), dir, listener)
}
