// Package profile reads and writes the credentials file of a data directory: a
// profile in AWS's own format that any AWS client can use as it is, by
// AWS_SHARED_CREDENTIALS_FILE.
//
// Package server writes it, package cli reads it.
package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Profile is how a client reaches and signs for a control plane.
type Profile struct {
	AccessKeyID string
	SecretKey   string
	Region      string
	Endpoint    string // URL
}

// Path is where the profile of a data directory stands.
func Path(dataDir string) string { return filepath.Join(dataDir, "credentials") }

const header = "# Berth's root credentials. Berth writes this file at each start.\n"

// keys are the settings of a profile, in the order in which they are written.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
func (p *Profile) keys() []setting {
	return []setting{
		{"aws_access_key_id", &p.AccessKeyID},
		{"aws_secret_access_key", &p.SecretKey},
		{"region", &p.Region},
		{"endpoint_url", &p.Endpoint},
	}
}

type setting struct {
	name  string
	value *string
}

// Write puts p into dataDir, whole or not at all, readable by its owner alone.
func Write(dataDir string, p Profile) error { return WriteFile(Path(dataDir), header, p) }

// WriteFile is Write to a file of that name, with a comment at its beginning.
func WriteFile(path, header string, p Profile) error {
	var b bytes.Buffer
	b.WriteString(header + "[default]\n")
	for _, s := range p.keys() {
		fmt.Fprintf(&b, "%s = %s\n", s.name, *s.value)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".credentials-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // in vain once it is renamed
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Read returns the profile of dataDir, or an error that says what to do.
func Read(dataDir string) (Profile, error) {
	path := Path(dataDir)
	p, err := ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, fmt.Errorf("there is no %s: start Berth with `berth up`, or say where its data is with --data-dir", path)
	case errors.Is(err, fs.ErrPermission):
		return p, fmt.Errorf("cannot read %s: only the user who runs Berth may", path)
	}
	return p, err
}

// ReadFile reads what WriteFile wrote.
func ReadFile(path string) (Profile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Profile{}, err
	}
	var p Profile
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, "=")
		for _, s := range p.keys() {
			if s.name == strings.TrimSpace(name) {
				*s.value = strings.TrimSpace(value)
			}
		}
	}
	for _, s := range p.keys() {
		if *s.value == "" {
			return Profile{}, fmt.Errorf("%s has no %s: restart Berth, which writes the file anew", path, s.name)
		}
	}
	return p, nil
}
