package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"berth/aws/sigv4"
	"berth/state"
	"berth/state/journal"
)

// snapshot streams the whole state, as of one moment, to who signs as root for
// the service "berth". A stream that breaks off lacks its trailer.
func (s *Server) snapshot(store *state.Store) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := s.verifyRoot(r, store); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		// A large state over a slow line takes longer than any other answer.
		if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
			s.cfg.Log.Warn("snapshot: no deadline can be lifted", "err", err)
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		if err := store.Save(w); err != nil {
			s.cfg.Log.Warn("snapshot broke off", "err", err, "remote", r.RemoteAddr)
			panic(http.ErrAbortHandler) // tells the client that the body is not whole
		}
		s.cfg.Log.Info("snapshot saved", "remote", r.RemoteAddr)
	}
}

func (s *Server) verifyRoot(r *http.Request, store *state.Store) error {
	if !sigv4.Signed(r) {
		return errors.New("the request is not signed")
	}
	signature, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	key, ok := credentials(store, s.cfg.Account)(r.Context(), signature.AccessKeyID)
	if !ok {
		return errors.New("the access key is not root's")
	}
	return signature.Verify(r, nil, sigv4.Expect{
		Secret: key.Secret, Service: "berth", Regions: []string{s.cfg.Region}, Now: time.Now(),
	})
}

// Restore fills the empty state that cfg names from a snapshot, or, with force,
// replaces one that is not empty: all or nothing. No server may be running on it.
func Restore(ctx context.Context, cfg Config, snapshot io.Reader, force bool) (err error) {
	if err := cfg.checkEtcd(); err != nil {
		return err
	}
	cfg.Etcd.DataDir, cfg.Etcd.Log = cfg.DataDir, cfg.Log
	j, err := journal.Open(ctx, cfg.Etcd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	return state.Restore(ctx, j, snapshot, force)
}
