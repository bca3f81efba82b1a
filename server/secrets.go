package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"berth/state"
	"berth/state/seal"
)

// keyFile is where the encryption key is; empty: there is none, as several
// servers would each make another.
func (c Config) keyFile() string {
	switch {
	case c.EncryptionKeyFile != "":
		return c.EncryptionKeyFile
	case len(c.Etcd.Endpoints) == 0:
		return filepath.Join(c.DataDir, "encryption-key")
	}
	return ""
}

// openBox reads the encryption key. Where it may be made, and is not there yet,
// the box has a new one, which [Config.settleBox] writes.
func (c Config) openBox() (*seal.Box, error) {
	path := c.keyFile()
	if path == "" {
		return &seal.Box{}, nil
	}
	box, err := seal.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.EncryptionKeyFile == "":
		return seal.NewBox(), nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("--encryption-key-file: %w; `umask 077; openssl rand -base64 32 > %s` makes one", err, path)
	case err != nil:
		return nil, fmt.Errorf("the encryption key: %w", err)
	}
	return box, nil
}

// settleBox refuses to start without the key of what the state holds, before
// anything is sealed with another, and writes a new key where there is no file.
func (c Config) settleBox(v *state.View, box *seal.Box) error {
	path := c.keyFile()
	for value := range v.Sealed() {
		id := value.KeyID()
		switch {
		case box.Knows(id):
		case path == "":
			return fmt.Errorf("the state holds secrets that were sealed with the encryption key %s: say with --encryption-key-file where it is", id)
		default:
			return fmt.Errorf("the state holds secrets that were sealed with the encryption key %s, which is not in %s: put it back there. "+
				"Only if it is lost for good, give those secrets up: write a new key there, and below it the line `lost %s`", id, path, id)
		}
	}
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := box.WriteFile(path); err != nil {
		return fmt.Errorf("cannot write the encryption key: %w", err)
	}
	return nil
}
