package test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestBoto3 runs the unittest files of testdata/boto3, each on a control plane
// of its own.
func TestBoto3(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/boto3/test_*.py")
	if err != nil || len(files) == 0 {
		t.Fatalf("found no tests: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".py"), func(t *testing.T) {
			t.Parallel()
			b := up(t)
			if out, err := b.command(t, "python3", "-c", "import boto3").CombinedOutput(); err != nil {
				t.Skipf("boto3 is not installed: %s", out)
			}
			python := b.command(t, "python3", "-B", filepath.Base(file))
			python.Dir = filepath.Dir(file)
			out, err := python.CombinedOutput()
			for _, skipped := range regexp.MustCompile(`skipped '.*'`).FindAllString(string(out), -1) {
				t.Log(skipped)
			}
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
