package cli

import "testing"

func TestIsOldCLI(t *testing.T) {
	for _, tc := range []struct {
		version string
		want    bool
	}{
		{"aws-cli/2.9.19 Python/3.11.2 Linux/6.1.0-9-amd64 source/x86_64.debian.12\n", true},
		{"aws-cli/2.12.7 Python/3.11.4", true},
		{"aws-cli/2.13.0 Python/3.11.4", false},
		{"aws-cli/1.28.99", true},
		{"aws-cli/1.29.0", false},
		{"aws-cli/1.45.11 Python/3.11.7", false},
		{"aws-cli/3.0.0", false},
		{"", false},
		{"another program", false},
	} {
		if got := isOldCLI(tc.version); got != tc.want {
			t.Errorf("%q: %v, want %v", tc.version, got, tc.want)
		}
	}
}
