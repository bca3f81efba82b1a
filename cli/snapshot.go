package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"berth/cli/profile"
)

// SaveSnapshot asks the control plane whose data is in dataDir for its whole
// state, as of one moment, and writes it to file, whole or not at all.
func SaveSnapshot(ctx context.Context, dataDir, file string) error {
	p, err := profile.Read(dataDir)
	if err != nil {
		return err
	}
	answer, err := send(ctx, p, http.MethodGet, "/_berth/snapshot", nil)
	if err != nil {
		return err
	}
	defer answer.Close()
	f, err := os.CreateTemp(filepath.Dir(file), ".snapshot-*") // mode 0600: it holds access keys
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // in vain once it is renamed
	if _, err := io.Copy(f, answer); err != nil {
		return errors.Join(fmt.Errorf("the snapshot broke off: %w", err), f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
