// Package join lets a machine join a control plane: it trades a token, which
// root made, for the credentials of a container agent, and keeps those.
//
// It also has the messages of that conversation, which package server answers.
// Used by cmd/berth and cli.
package join

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"berth/cli/profile"
)

// The paths of the conversation, at a control plane's endpoint.
const (
	TokensPath = "/_berth/tokens" // GET lists them, POST makes one
	RevokePath = "/_berth/revoke"
	Path       = "/_berth/join"
)

// CreateToken asks for a token.
type CreateToken struct {
	Seconds int64 `json:"seconds,omitempty"` // its life; 0: an hour
}

// Token is a join token. Its secret is known only to who made it.
type Token struct {
	ID      string    `json:"id"`
	Secret  string    `json:"secret,omitempty"` // what machines join with; it starts with the id
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// RevokeToken ends a token, and with Agents also the credentials that machines
// got for it.
type RevokeToken struct {
	ID     string `json:"id"`
	Agents bool   `json:"agents,omitempty"`
}

// Revoked says how many agents lost their credentials.
type Revoked struct {
	Agents int `json:"agents"`
}

// Request asks for the credentials of a new container agent.
type Request struct {
	Token string `json:"token"`
	Name  string `json:"name"` // of the agent, such as its machine's; for logs and ARNs
}

// Answer has them.
type Answer struct {
	AccessKeyID string `json:"accessKeyId"`
	SecretKey   string `json:"secretAccessKey"`
	Region      string `json:"region"`
}

// File is where the agent whose data is in dataDir keeps its credentials.
func File(dataDir string) string { return filepath.Join(dataDir, "agent-credentials") }

// Join returns the credentials of the agent whose data is in dataDir: those it
// keeps there, or, the first time, those it gets for a token at endpoint.
func Join(ctx context.Context, dataDir, endpoint, token, name string) (profile.Profile, error) {
	endpoint = strings.TrimSuffix(endpoint, "/")
	kept, err := profile.ReadFile(File(dataDir))
	switch {
	case err == nil:
		kept.Endpoint = endpoint
		return kept, nil
	case !errors.Is(err, fs.ErrNotExist):
		return profile.Profile{}, err
	case token == "":
		return profile.Profile{}, errors.New("this machine has not joined yet: give a token, which `berth token create` makes where the control plane runs")
	}
	answer, err := ask(ctx, endpoint, Request{Token: token, Name: name})
	if err != nil {
		return profile.Profile{}, err
	}
	p := profile.Profile{AccessKeyID: answer.AccessKeyID, SecretKey: answer.SecretKey, Region: answer.Region, Endpoint: endpoint}
	return p, profile.WriteFile(File(dataDir), "# The credentials of this machine's container agent. It joins anew without them.\n", p)
}

func ask(ctx context.Context, endpoint string, in Request) (out Answer, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+Path, bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return out, fmt.Errorf("no Berth answers at %s: %w", endpoint, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return out, err
	}
	if resp.StatusCode != http.StatusOK {
		return out, fmt.Errorf("%s answers %s: %s", endpoint, resp.Status, strings.TrimSpace(string(text)))
	}
	return out, json.Unmarshal(text, &out)
}
