// Command summary reads what `go test -json` writes and prints it for people:
// a line per package as it ends, all that failing tests said, and at the end
// what was skipped and why, and how many tests passed, failed and were skipped.
//
// A test with subtests counts as its subtests. Exit status 1 means a failure.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	ok, err := summarize(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// event is a line of `go test -json`; see `go doc test2json` and `go help buildjson`.
type event struct {
	Action, Package, Test, Output string
	ImportPath                    string // of build output
	FailedBuild                   string // of a package that fails: what did not build
	Elapsed                       float64
}

// test is one test, or with an empty name the package itself.
type test struct{ pkg, name string }

type summary struct {
	out                     io.Writer
	output                  map[test]*strings.Builder
	isParent                map[test]bool
	builds                  map[string]*strings.Builder // by import path
	passed, failed, skipped int
	failedHere              map[string]int // failed tests by package
	skips                   []string
	broken                  []string // packages that failed outside of a test
}

// summarize reports whether everything passed.
func summarize(in io.Reader, out io.Writer) (ok bool, err error) {
	s := &summary{out: out, output: map[test]*strings.Builder{}, isParent: map[test]bool{},
		builds: map[string]*strings.Builder{}, failedHere: map[string]int{}}
	lines := bufio.NewReader(in)
	events := 0
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			return false, err
		}
		var e event
		if json.Unmarshal(line, &e) != nil {
			fmt.Fprintf(out, "%s", line) // go itself speaks: a wrong flag, a missing module
			continue
		}
		events++
		s.take(e)
	}
	s.finish()
	return events > 0 && s.failed == 0 && len(s.broken) == 0, nil
}

func (s *summary) take(e event) {
	key := test{e.Package, e.Test}
	if parent, _, ok := cutLast(e.Test, "/"); ok {
		s.isParent[test{e.Package, parent}] = true
	}
	switch e.Action {
	case "output":
		write(s.output, key, e.Output)
	case "build-output":
		write(s.builds, e.ImportPath, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.endPackage(e)
		} else {
			s.endTest(e, key)
		}
		delete(s.output, key)
	}
}

func (s *summary) endTest(e event, key test) {
	counts := !s.isParent[key]
	switch e.Action {
	case "fail":
		fmt.Fprintf(s.out, "FAIL %s %s\n%s", e.Package, e.Test, indent(said(s.output[key])))
		s.failedHere[e.Package]++
		if counts {
			s.failed++
		}
	case "skip":
		s.skips = append(s.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, strings.Join(strings.Fields(said(s.output[key])), " ")))
		s.skipped++
	case "pass":
		if counts {
			s.passed++
		}
	}
}

func (s *summary) endPackage(e event) {
	switch {
	case e.Action == "pass":
		fmt.Fprintf(s.out, "ok   %-28s %6.1fs\n", e.Package, e.Elapsed)
	case e.Action == "fail":
		if s.failedHere[e.Package] == 0 { // it does not build, panics, or ran out of time
			s.broken = append(s.broken, e.Package)
			fmt.Fprintf(s.out, "FAIL %s\n%s%s", e.Package, indent(said(s.builds[e.FailedBuild])), s.unfinished(e.Package))
			return
		}
		fmt.Fprintf(s.out, "FAIL %-28s %6.1fs\n", e.Package, e.Elapsed)
	}
}

// unfinished is what a package and its tests that never ended have said.
func (s *summary) unfinished(pkg string) string {
	var b strings.Builder
	for key, out := range s.output {
		if key.pkg == pkg {
			b.WriteString(indent(said(out)))
		}
	}
	return b.String()
}

func (s *summary) finish() {
	if len(s.skips) > 0 {
		fmt.Fprintf(s.out, "\nskipped:\n%s", indent(strings.Join(s.skips, "\n")+"\n"))
	}
	if len(s.broken) > 0 {
		fmt.Fprintf(s.out, "\nfailed as a whole: %s\n", strings.Join(s.broken, " "))
	}
	fmt.Fprintf(s.out, "\n%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
}

// said is a test's own words, without the frame that the go tool puts around them.
func said(b *strings.Builder) string {
	if b == nil {
		return ""
	}
	var own strings.Builder
	for line := range strings.Lines(b.String()) {
		bare := strings.TrimSpace(line)
		if !strings.HasPrefix(bare, "=== ") && !strings.HasPrefix(bare, "--- ") && bare != "PASS" && bare != "FAIL" {
			own.WriteString(line)
		}
	}
	return own.String()
}

func write[K comparable](to map[K]*strings.Builder, key K, text string) {
	if to[key] == nil {
		to[key] = new(strings.Builder)
	}
	to[key].WriteString(text)
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("     " + line)
	}
	return b.String()
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
