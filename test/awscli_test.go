package test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the sessions of testdata/awscli print anew")

// TestAWSCLI plays the sessions of testdata/awscli: each is a terminal as a
// user would see it, on a control plane of its own. A block has comments, a
// command after "$ " (continued after "> "), and what the command prints. Ids
// and times are shown as <id> and <time>, blank lines left out.
func TestAWSCLI(t *testing.T) {
	t.Parallel()
	cli := findCLI(t)
	files, err := filepath.Glob("testdata/awscli/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("found no sessions: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			blocks := readSession(string(text))
			printed := up(t).play(t, cli, blocks)
			if *update {
				writeSession(t, file, blocks, printed)
			}
			for i, block := range blocks {
				switch {
				case cli.old && refusedByCLI(printed[i]):
					t.Skipf("this AWS CLI is too old for %s", block.command)
				case cli.old && strings.HasPrefix(block.output, "{"): // it leaves out the members it does not know
				case !*update && printed[i] != block.output:
					t.Errorf("$ %s\nprints\n%swant\n%s", block.command, printed[i], block.output)
				}
			}
		})
	}
}

// block is one command of a session.
type block struct{ comment, command, output string }

func readSession(text string) (blocks []block) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		var b block
		for line := range strings.Lines(strings.TrimSpace(paragraph) + "\n") {
			switch {
			case strings.HasPrefix(line, "$ "), strings.HasPrefix(line, "> "):
				b.command += line[2:]
			case b.command == "":
				b.comment += line
			default:
				b.output += line
			}
		}
		blocks = append(blocks, b)
	}
	return blocks
}

func writeSession(t *testing.T, file string, blocks []block, printed []string) {
	t.Helper()
	var out []string
	for i, b := range blocks {
		paragraph := b.comment
		if b.command != "" {
			paragraph += "$ " + strings.ReplaceAll(strings.TrimSuffix(b.command, "\n"), "\n", "\n> ") + "\n" + printed[i]
		}
		out = append(out, paragraph)
	}
	if err := os.WriteFile(file, []byte(strings.Join(out, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// cli is the AWS CLI that is installed.
type cli struct {
	setup string // what a shell needs before it
	old   bool   // its model is older than the sessions
}

func findCLI(t *testing.T) cli {
	t.Helper()
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS CLI (aws) is not installed")
	}
	if exec.Command("aws", "ecs", "create-daemon", "--generate-cli-skeleton").Run() == nil {
		return cli{}
	}
	t.Log("this AWS CLI is old: whole documents are not compared")
	return cli{setup: `aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }` + "\n", old: true}
}

// play runs all blocks in one shell and returns what each printed.
func (b *berth) play(t *testing.T, cli cli, blocks []block) []string {
	t.Helper()
	const end = "--- end of block ---"
	var script strings.Builder
	script.WriteString(cli.setup)
	for _, block := range blocks {
		script.WriteString(block.command + "\necho '" + end + "'\n")
	}
	shell := b.command(t, "sh", "-c", script.String())
	shell.Dir = "testdata/awscli"
	shell.Stderr = nil
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("the shell: %v\n%s", err, out)
	}
	var printed []string
	for part := range strings.SplitSeq(string(out), end+"\n") {
		printed = append(printed, readable(part))
	}
	return printed[:len(blocks)]
}

// readable makes what differs between runs and between versions of the CLI equal.
func readable(printed string) string {
	for _, r := range []struct{ pattern, by string }{
		{`[0-9a-f]{32}`, "<id>"},
		{`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`, "<id>"},
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)`, "<time>"},
		{`(?m)^aws: \[ERROR\]: `, ""},
		{`[ \t]+\n`, "\n"},
		{`\n\n+`, "\n"},
		{`^\n`, ""},
	} {
		printed = regexp.MustCompile(r.pattern).ReplaceAllString(printed, r.by)
	}
	return printed
}

// refusedByCLI reports whether the CLI refused its arguments by itself.
func refusedByCLI(printed string) bool {
	return regexp.MustCompile(`(?i)invalid choice|unknown options|parameter validation failed|usage: `).MatchString(printed)
}
