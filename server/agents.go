package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/prometheus/client_golang/prometheus"

	"berth/api/acs"
	"berth/aws/protocol"
	"berth/iam"
	"berth/state"
)

// reportPath is where the leader takes what other servers' sockets of agents show.
const reportPath = "/_berth/report"

// agents returns the sockets of container agents.
func (s *Server) agents(store *state.Store, api *protocol.Server, metrics *prometheus.Registry) *acs.API {
	return acs.New(acs.Config{
		Store: store, Region: s.cfg.Region, Account: s.cfg.Account, VPC: s.cfg.VPC, Endpoint: s.URL(),
		Log: s.cfg.Log, Metrics: acs.NewMetrics(metrics),
		Authenticate: func(r *http.Request) (iam.Principal, error) { return api.Authenticate(r, nil, "ecs") },
		Authorize: func(r *http.Request, p iam.Principal, action, resource string) error {
			return authorize(store)(p, action, []string{resource}, api.Keys(r))
		},
		Pass: func(ctx context.Context, leader string, r acs.Report) error {
			return s.passReport(ctx, store, leader, r)
		},
	})
}

// passReport gives a report to the leader, signed as root, and waits until this
// server's own tables show what it changed.
func (s *Server) passReport(ctx context.Context, store *state.Store, leader string, report acs.Report) error {
	key, ok := findRootKey(store.View(), s.cfg.Account)
	if !ok || leader == "" {
		return errors.New("no server leads at the moment")
	}
	body, err := json.Marshal(report)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, leader+reportPath, bytes.NewReader(body))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	signing := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
	if err := v4.NewSigner().SignHTTP(ctx, signing, request, hex.EncodeToString(sum[:]), "berth", s.cfg.Region, time.Now()); err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err != nil {
		return err
	}
	var revision int64
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", leader, response.Status, bytes.TrimSpace(answer))
	}
	if err := json.Unmarshal(answer, &revision); err != nil {
		return err
	}
	return store.CaughtUp(ctx, revision)
}

// takeReport writes a report down that another server passed on, and answers
// the revision that shows it.
func (s *Server) takeReport(store *state.Store, api *protocol.Server, agents *acs.API) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 8<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := fromRoot(r, body, api); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		var report acs.Report
		if err := json.Unmarshal(body, &report); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := agents.Write(r.Context(), report); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode(store.Revision())
	}
}
