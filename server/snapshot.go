package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"berth/aws/protocol"
	"berth/state"
	"berth/state/journal"
)

// snapshot streams the whole state, as of one moment, to who signs as root for
// the service "berth". A stream that breaks off lacks its trailer.
func (s *Server) snapshot(store *state.Store, api *protocol.Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := fromRoot(r, nil, api); err != nil {
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
