package test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What `berth up` prints works when it is pasted: a task runs, answers and has
// a log.
func TestFirstSteps(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS CLI is not installed")
	}
	if _, err := os.Stat("../agent/image/demo/files/demo.tar"); err != nil {
		t.Skip("the demo image is not built: make does it")
	}
	m := upMachine(t)
	var steps string
	eventually(t, "first steps are printed", func() bool {
		text, err := os.ReadFile(m.stdout)
		if err != nil {
			t.Fatal(err)
		}
		steps = string(text)
		return strings.Contains(steps, " down")
	})
	_, steps, _ = strings.Cut(steps, "In another terminal:\n")
	steps, _, _ = strings.Cut(steps, "Ctrl-C stops")
	if !strings.Contains(steps, "aws ecs run-task") {
		t.Fatalf("no task in the first steps:\n%s", steps)
	}
	shell := m.command(t, "bash", "-e")
	shell.Stdin = strings.NewReader(steps)
	var out, errs bytes.Buffer
	shell.Stdout, shell.Stderr = &out, &errs
	if err := shell.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, &out, &errs)
	}
	for _, want := range []string{"RUNNING", "Hello from ip-", "definition hello:1", "serving on", `GET "/"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
