package profile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var full = Profile{AccessKeyID: "AKIAEXAMPLE", SecretKey: "s3cr3t/+=", Region: "us-east-1", Endpoint: "http://127.0.0.1:8080"}

func TestReadsWhatItWrote(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second replaces the first
		if err := Write(dir, full); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := Read(dir); err != nil || got != full {
		t.Errorf("got %+v, %v, want %+v", got, err, full)
	}
	info, err := os.Stat(Path(dir))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v, want -rw-------", info.Mode(), err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 1 {
		t.Errorf("left behind %q", names)
	}
}

func TestReadSaysWhatToDo(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"no file", "", "start Berth with `berth up`"},
		{"no secret", "aws_access_key_id = a\nregion = r\nendpoint_url = e\n", "has no aws_secret_access_key: restart Berth"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.text != "" {
				if err := os.WriteFile(Path(dir), []byte(tc.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Read(dir)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), Path(dir)) {
				t.Errorf("got %v, want it to name the file and say %q", err, tc.want)
			}
		})
	}
}
