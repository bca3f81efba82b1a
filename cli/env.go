// Package cli holds the commands of berth that are clients of a control plane,
// one file per verb. They know its public API and the credentials file, and
// nothing of its state. Used by cmd/berth.
package cli

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"berth/cli/profile"
)

// Env writes the shell commands that point every AWS client at the control
// plane whose data is in dataDir, for eval. awsCLI is what `aws --version` says;
// one that does not read AWS_ENDPOINT_URL gets a shell function around it.
//
// Both region variables are needed: SDKs read AWS_REGION, version 1 of the AWS
// CLI reads AWS_DEFAULT_REGION. A session token or profile left over from
// elsewhere would be sent along, so they are unset.
func Env(out io.Writer, dataDir, awsCLI string) error {
	p, err := profile.Read(dataDir)
	if err != nil {
		return err
	}
	for _, v := range [][2]string{
		{"AWS_ENDPOINT_URL", p.Endpoint},
		{"AWS_ACCESS_KEY_ID", p.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", p.SecretKey},
		{"AWS_DEFAULT_REGION", p.Region},
		{"AWS_REGION", p.Region},
	} {
		fmt.Fprintf(out, "export %s=%s\n", v[0], Quote(v[1]))
	}
	fmt.Fprintln(out, "unset AWS_SESSION_TOKEN AWS_PROFILE")
	if isOldCLI(awsCLI) {
		fmt.Fprintln(out, `aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; } # this one does not read the variable`)
	}
	return nil
}

// isOldCLI tells the versions of the AWS CLI before 1.29 and 2.13, which need
// --endpoint-url:
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
func isOldCLI(version string) bool {
	var major, minor int
	if n, _ := fmt.Sscanf(version, "aws-cli/%d.%d", &major, &minor); n < 2 {
		return false
	}
	return major == 1 && minor < 29 || major == 2 && minor < 13
}

// Quote writes s as one word of a POSIX shell.
func Quote(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

var plain = regexp.MustCompile(`^[\w@%+=:,./-]+$`)
