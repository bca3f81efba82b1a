package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"berth/cli/profile"
)

// SaveSnapshot asks the control plane whose data is in dataDir for its whole
// state, as of one moment, and writes it to file, whole or not at all.
func SaveSnapshot(ctx context.Context, dataDir, file string) error {
	p, err := profile.Read(dataDir)
	if err != nil {
		return err
	}
	answer, err := get(ctx, p, "/_berth/snapshot")
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

// get sends a signed request for one of Berth's own paths.
func get(ctx context.Context, p profile.Profile, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Endpoint+path, nil)
	if err != nil {
		return nil, err
	}
	nothing := sha256.Sum256(nil)
	key := aws.Credentials{AccessKeyID: p.AccessKeyID, SecretAccessKey: p.SecretKey}
	if err := v4.NewSigner().SignHTTP(ctx, key, req, hex.EncodeToString(nothing[:]), "berth", p.Region, time.Now()); err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("no Berth answers at %s: %w", p.Endpoint, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		reason, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
		return nil, fmt.Errorf("%s answers %s: %s", p.Endpoint, resp.Status, strings.TrimSpace(string(reason)))
	}
	return resp.Body, nil
}
