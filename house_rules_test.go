package house

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestRules feeds each rule something bad, which it must name, and something
// good, which it must let pass.
func TestRules(t *testing.T) {
	for _, tc := range []struct {
		rule      string
		path      string
		bad, good string // bodies of the file
		want      string // part of the complaint
	}{
		{"imports", "aws/shape/x.go", `package shape; import _ "berth/state"`, `package shape; import _ "berth/aws/arn"`, "aws/shape may not import state"},
		{"imports", "aws/arn/x.go", `package arn; import _ "berth/iam"`, `package arn`, "may not import iam"},
		{"imports", "iam/x.go", `package iam; import _ "berth/state"`, `package iam; import _ "berth/aws/arn"`, "may not import state"},
		{"imports", "state/x.go", `package state; import _ "berth/aws/protocol"`, `package state; import _ "berth/state/journal"`, "may not import aws/protocol"},
		{"imports", "plan/deploy/x.go", `package deploy; import _ "berth/control"`, `package deploy; import _ "berth/state"`, "may not import control"},
		{"imports", "api/ecs/x.go", `package ecs; import _ "berth/api/sts"`, `package ecs; import _ "berth/api/ecs/taskdef"`, "may not import api/sts"},
		{"imports", "api/ecs/x.go", `package ecs; import _ "berth/control"`, `package ecs; import _ "berth/plan/query"`, "may not import control"},
		{"imports", "control/x.go", `package control; import _ "berth/api/ecs"`, `package control; import _ "berth/plan/deploy"`, "may not import api/ecs"},
		{"imports", "cli/x.go", `package cli; import _ "berth/state"`, `package cli; import _ "berth/aws/arn"`, "may not import state"},
		{"imports", "cmd/berth/x.go", `package main; import _ "berth/state"`, `package main; import _ "berth/server"`, "may not import state"},
		{"imports", "server/x.go", `package server; import _ "berth/test/x"`, `package server; import _ "berth/api/ecs"`, "may not import test/x"},
		{"imports", "new/x.go", `package new`, ``, "no row"},
		{"SDK in aws", "aws/shape/x.go", `package shape; import _ "github.com/aws/aws-sdk-go-v2/service/ecs"`, `package shape; import _ "github.com/aws/smithy-go"`, "knows no service"},
		{"plans are pure", "plan/x.go", `package plan; import _ "os"`, `package plan; import _ "slices"`, "may not import os"},
		{"plans are pure", "plan/x.go", `package plan; import _ "math/rand/v2"`, `package plan; import _ "net/netip"`, "may not import math/rand/v2"},
		{"plans are pure", "plan/x.go", `package plan; func f() { go f() }`, `package plan; func f() { f() }`, "goroutine"},
		{"plans are pure", "plan/x.go", `package plan; import "time"; var f = time.Now`, `package plan; import "time"; var d = time.Second`, "time.Now"},
		{"plans are pure", "plan/x.go", `package plan; import clock "time"; var f = clock.After`, ``, "time.After"},
		{"package comments", "state/x.go", `package state`, "// Package state is what we know.\npackage state", "no package comment"},
		{"package comments", "state/x.go", "// state is it.\npackage state", "", `want "Package state "`},
		{"package comments", "cmd/berth/x.go", "// Package main is it.\npackage main", "// Command berth is it.\npackage main", `want "Command berth "`},
		{"package comments", "state/x.go", "// Package state is" + strings.Repeat("\n// long", 9) + "\npackage state", "// Package state is" + strings.Repeat("\n// long", 8) + "\npackage state", "10 lines"},
		{"lengths", "state/x.go", "package state" + strings.Repeat("\n", 801), "package state" + strings.Repeat("\n", 800), "801 lines"},
		{"lengths", "state/x.go", "package state; func f() {" + strings.Repeat("\n", 100) + "}", "package state; func f() {" + strings.Repeat("\n", 99) + "}", "f has 101 lines"},
		{"no init", "state/x.go", `package state; func init() {}`, `package state; type t int; func (t) init() {}`, "init()"},
		{"no global state", "state/x.go", `package state; import "sync"; var mu sync.Mutex`, `package state; var names = []string{"a"}`, "mu is state"},
		{"no global state", "state/x.go", `package state; var seen = make(map[string]bool)`, `package state; var codes = map[string]int{"a": 1}`, "seen is state"},
		{"no global state", "state/x.go", `package state; var seen map[string]bool`, `package state; type s struct { m map[string]bool }`, "seen is state"},
		{"environment", "server/x.go", `package server; import "os"; var x = os.Getenv("X")`, `package server; import "os"; var x = os.Getpid()`, "os.Getenv"},
		{"no sleeps in tests", "state/x_test.go", `package state; import "time"; func f() { time.Sleep(1) }`, `package state; import "time"; func f() { select { case <-time.After(1): } }`, "time.Sleep"},
		{"no sleeps in tests", "state/x_test.go", `package state; import "time"; func f() { <-time.After(1) }`,
			`package state; import ("testing/synctest"; "time"); func f() { synctest.Wait(); <-time.After(1) }`, "is a sleep"},
		{"names", "state/util/x.go", `package util`, ``, "folder util"},
		{"names", "state/x.go", `package state; type Manager struct{}`, `package state; type Cluster struct{}`, "type Manager"},
		{"names", "state/x.go", `package state; type Node struct{}`, `package state; type node struct{}`, "type Node"},
		{"words", "docs/x.md", "see /wor" + "k/x/y", "see https://go.dev/home/x", "somebody's machine"},
		{"words", "docs/x.md", "from pypi" + ".org", "from Debian", "registry"},
		{"words", "state/x.go", "package state // TO" + "DO: more", "package state // to do it", "unfinished"},
	} {
		t.Run(tc.rule+" "+tc.want, func(t *testing.T) {
			if got := complaintsOf(t, tc.rule, map[string]string{tc.path: tc.bad}); len(got) != 1 || !strings.Contains(got[0], tc.want) {
				t.Errorf("bad: got %q, want one complaint with %q", got, tc.want)
			}
			if tc.good == "" {
				return
			}
			if got := complaintsOf(t, tc.rule, map[string]string{tc.path: tc.good}); len(got) != 0 {
				t.Errorf("good: got %q", got)
			}
		})
	}
}

// What imports state indirectly is as forbidden to a client of the API as state is.
func TestImportsFindsDependents(t *testing.T) {
	got := complaintsOf(t, "imports", map[string]string{
		"cli/a.go":       `package cli; import _ "berth/cli/inner"`,
		"cli/inner/b.go": `package inner; import _ "berth/state"`,
		"state/c.go":     `package state`,
	})
	want := []string{"cli/a.go:1: cli may not import cli/inner", "cli/inner/b.go:1: cli/inner may not import state"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDecisionsAreNumberedOnce(t *testing.T) {
	got := complaintsOf(t, "decisions", map[string]string{
		"docs/decisions/0001-a.md": "", "docs/decisions/0001-b.md": "", "docs/decisions/0002-c.md": "", "docs/decisions/notes.md": "",
	})
	want := []string{
		"docs/decisions/0001-b.md: number 0001 is taken by docs/decisions/0001-a.md",
		"docs/decisions/notes.md: want a name such as 0001-dependencies.md",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// complaintsOf runs one rule over files.
func complaintsOf(t *testing.T, rule string, files map[string]string) []string {
	t.Helper()
	var sources []source
	for _, name := range slices.Sorted(maps.Keys(files)) {
		s, err := parse(name, files[name])
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, s)
	}
	return rules[rule](sources)
}
