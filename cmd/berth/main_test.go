package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestMain lets the test binary be berth itself; see start.
func TestMain(m *testing.M) {
	if os.Getenv("BE_BERTH") != "" {
		main()
	}
	os.Exit(m.Run())
}

// These names are a promise to scripts: they stay.
func TestFlagsAndVariables(t *testing.T) {
	etcd := "--etcd-endpoints --etcd-cafile --etcd-certfile --etcd-keyfile --etcd-user --etcd-password"
	control := "--encryption-key-file --listen --advertise-url --region --account-id --data-dir --log-level --log-format " + etcd
	machine := "--containerd-address --capacity-provider --efs --image-pull-behavior --container-stop-timeout --task-cleanup-wait --image-healthchecks --introspection"
	for command, flags := range map[string]string{
		"up":               control + " --pools " + machine,
		"agent":            "--endpoint --token --name --data-dir --cluster --pool --cpu --memory --reserved-memory --attribute --tag --log-level --log-format " + machine,
		"server":           control,
		"down":             "--data-dir",
		"env":              "--data-dir",
		"snapshot save":    "--data-dir",
		"snapshot restore": "--data-dir " + etcd,
		"token create":     "--data-dir --expires-in",
		"token ls":         "--data-dir",
		"token revoke":     "--data-dir",
	} {
		t.Run(command, func(t *testing.T) {
			code, help, _ := berth(t, nil, append(strings.Fields(command), "--help")...)
			if code != 0 {
				t.Fatalf("exit status %d", code)
			}
			for flag := range strings.FieldsSeq(flags) {
				if !strings.Contains(help, flag+" ") || !strings.Contains(help, "($"+variable(flag[2:])+")") {
					t.Errorf("%s and $%s are not both in\n%s", flag, variable(flag[2:]), help)
				}
			}
		})
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	var check func(*cobra.Command)
	check = func(c *cobra.Command) {
		if c.Short == "" {
			t.Errorf("%s has no help", c.CommandPath())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no help", c.CommandPath(), f.Name)
			}
		})
		for _, sub := range c.Commands() {
			check(sub)
		}
	}
	check(newRoot("berth", func(string) (string, bool) { return "", false }))
}

func TestVariablesStandInForFlags(t *testing.T) {
	dir := t.TempDir()
	vars := map[string]string{"BERTH_DATA_DIR": dir}
	if _, _, stderr := berth(t, vars, "env"); !strings.Contains(stderr, dir) {
		t.Errorf("$BERTH_DATA_DIR does not count: %s", stderr)
	}
	other := t.TempDir()
	if _, _, stderr := berth(t, vars, "env", "--data-dir", other); !strings.Contains(stderr, other) {
		t.Errorf("the command line does not win: %s", stderr)
	}
}

// Whatever is wrong, it is one line that says so, and exit status 1.
func TestErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().String()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("not a snapshot\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := "--listen 127.0.0.1:0 --data-dir " + t.TempDir()

	for _, tc := range []struct{ name, args, vars, want string }{
		{"no such command", "upp", "", `there is no command "upp"; ` + "`berth --help` lists them"},
		{"no such command below", "snapshot store", "", `there is no command "store"; ` + "`berth snapshot --help` lists them"},
		{"no such flag", "up --lisen x", "", "unknown flag: --lisen; `berth up --help` lists the flags"},
		{"stray argument", "up now", "", "`berth up` takes no arguments, only flags: what is \"now\"?"},
		{"account", "up --account-id 12", "", `invalid --account-id "12": want 12 digits`},
		{"account in variable", "up", "BERTH_ACCOUNT_ID=x", `invalid --account-id "x": want 12 digits`},
		{"region", "up --region US", "", `invalid --region "US": want a name such as us-east-1`},
		{"address", "up --listen 8080", "", `invalid --listen "8080": want host:port, such as 127.0.0.1:8080`},
		{"port", "up --listen 127.0.0.1:123456", "", `cannot listen on 127.0.0.1:123456: `},
		{"no such address", "up --listen 192.0.2.1:80", "", `cannot listen on 192.0.2.1:80: cannot assign requested address`},
		{"port taken", "up --listen " + port, "", "cannot listen on " + port + ": address already in use"},
		{"log level", "up --log-level loud", "", `invalid --log-level "loud": want debug, info, warn or error`},
		{"log format", "up --log-format xml", "", `invalid --log-format "xml": want text or json`},
		{"advertised URL", "server --advertise-url here", "", `invalid --advertise-url "here": want a URL such as http://10.0.0.11:8080`},
		{"advertised path", "server --advertise-url http://a:1/b", "", `invalid --advertise-url "http://a:1/b": want a URL such as http://10.0.0.11:8080`},
		{"nobody can reach", "server --listen :0 --etcd-endpoints http://127.0.0.1:1", "", "say with --advertise-url where other servers reach this one"},
		{"half a key", "up", "BERTH_ROOT_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "set both, or neither"},
		{"other half", "up", "BERTH_ROOT_SECRET_ACCESS_KEY=0123456789abcdef", "set both, or neither"},
		{"bad key", "up", "BERTH_ROOT_ACCESS_KEY_ID=short BERTH_ROOT_SECRET_ACCESS_KEY=0123456789abcdef", "invalid BERTH_ROOT_ACCESS_KEY_ID: want"},
		{"bad secret", "up", "BERTH_ROOT_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE BERTH_ROOT_SECRET_ACCESS_KEY=x", "invalid BERTH_ROOT_SECRET_ACCESS_KEY: want"},
		{"data directory below a file", "up --listen 127.0.0.1:0 --data-dir " + file + "/data", "", "not a directory"},
		{"etcd away", "server " + fresh + " --etcd-endpoints http://127.0.0.1:1", "", "etcd at http://127.0.0.1:1"},
		{"etcd flags alone", "server " + fresh + " --etcd-user ann", "", "--etcd-user, --etcd-password and the files for TLS are for --etcd-endpoints, which is not given"},
		{"etcd flags alone, restoring", "snapshot restore " + file + " --etcd-user ann", "", "are for --etcd-endpoints"},
		{"password in an etcd URL", "server " + fresh + " --etcd-endpoints http://ann:secret@127.0.0.1:1", "", "--etcd-endpoints must hold no user and password: give"},
		{"half a certificate", "server " + fresh + " --etcd-endpoints https://127.0.0.1:1 --etcd-keyfile k", "", "--etcd-certfile and --etcd-keyfile belong together"},
		{"no CA file", "server " + fresh + " --etcd-endpoints https://127.0.0.1:1 --etcd-cafile /none", "", "/none"},
		{"env without credentials", "env --data-dir " + filepath.Dir(file), "", "start Berth with `berth up`"},
		{"no file to save to", "snapshot save", "", "want one file: berth snapshot save FILE"},
		{"save without credentials", "snapshot save x --data-dir " + filepath.Dir(file), "", "start Berth with `berth up`"},
		{"restore what is not there", "snapshot restore /none --data-dir " + t.TempDir(), "", "/none"},
		{"restore what is no snapshot", "snapshot restore " + file + " --data-dir " + t.TempDir(), "", "snapshot"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			vars := map[string]string{"BERTH_DATA_DIR": t.TempDir(), "BERTH_POOLS": ""}
			for v := range strings.FieldsSeq(tc.vars) {
				name, value, _ := strings.Cut(v, "=")
				vars[name] = value
			}
			code, stdout, stderr := berth(t, vars, strings.Fields(tc.args)...)
			lines := spoken(stderr)
			if code != 1 || stdout != "" || len(lines) != 1 || !strings.HasPrefix(lines[0], "berth: ") || !strings.Contains(lines[0], tc.want) {
				t.Errorf("exit status %d, stdout %q, stderr:\n%s\nwant status 1 and one line with %q", code, stdout, stderr, tc.want)
			}
		})
	}
}

// spoken are the lines of text that are no log lines.
func spoken(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "time=") {
			lines = append(lines, line)
		}
	}
	return lines
}

// berth runs the program within this process.
func berth(t *testing.T, vars map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	lookup := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // should it start where it should fail
	defer cancel()
	code = run(ctx, append([]string{"berth"}, args...), lookup, &out, &err)
	return code, out.String(), err.String()
}
