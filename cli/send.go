package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"berth/cli/profile"
)

// send sends a signed request for one of Berth's own paths, and returns the
// body of a good answer.
func send(ctx context.Context, p profile.Profile, method, path string, body []byte) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.Endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	key := aws.Credentials{AccessKeyID: p.AccessKeyID, SecretAccessKey: p.SecretKey}
	if err := v4.NewSigner().SignHTTP(ctx, key, req, hex.EncodeToString(sum[:]), "berth", p.Region, time.Now()); err != nil {
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

// ask sends in as JSON to one of Berth's own paths, as root of the control plane
// whose data is in dataDir, and reads the answer into out. Without in, it gets.
func ask(ctx context.Context, dataDir, path string, in, out any) error {
	p, err := profile.Read(dataDir)
	if err != nil {
		return err
	}
	method, body := http.MethodGet, []byte(nil)
	if in != nil {
		method = http.MethodPost
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	answer, err := send(ctx, p, method, path, body)
	if err != nil {
		return err
	}
	defer answer.Close()
	return json.NewDecoder(answer).Decode(out)
}
