package server

import (
	"context"
	"errors"
	"regexp"
	"time"

	"berth/iam"
	"berth/state"
)

// checkRootKey checks the pair that replaces root's access key, if there is one.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html
func (c Config) checkRootKey() error {
	id, secret := c.RootAccessKeyID, c.RootSecretKey
	switch {
	case id == "" && secret == "":
		return nil
	case id == "" || secret == "":
		return errors.New("BERTH_ROOT_ACCESS_KEY_ID and BERTH_ROOT_SECRET_ACCESS_KEY belong together: set both, or neither")
	case !regexp.MustCompile(`^\w{16,128}$`).MatchString(id):
		return errors.New("invalid BERTH_ROOT_ACCESS_KEY_ID: want 16 to 128 letters, digits or _")
	case !regexp.MustCompile(`^[\w/+=.-]{16,128}$`).MatchString(secret):
		return errors.New("invalid BERTH_ROOT_SECRET_ACCESS_KEY: want 16 to 128 letters, digits or any of _/+=.-")
	}
	return nil
}

// rootKey returns root's access key, once it is durable. The server that leads
// makes it, or replaces it by the one of its configuration; the others take it
// from the state.
func (s *Server) rootKey(ctx context.Context, store *state.Store) (key state.AccessKey, err error) {
	for {
		if err := store.WaitReady(ctx); err != nil {
			return key, err
		}
		if err := s.cfg.checkOwner(store.View()); err != nil {
			return key, err
		}
		err := store.Update(ctx, func(tx *state.Tx) error {
			key = s.settleRootKey(tx)
			settleSessionsKey(tx)
			return nil
		})
		if err == nil {
			return key, nil
		}
		var elsewhere *state.NotLeader
		var unavailable *state.Unavailable
		switch {
		case errors.As(err, &elsewhere):
			if key, ok := findRootKey(store.View(), s.cfg.Account); ok {
				if want := s.cfg.RootAccessKeyID; want != "" && want != key.ID {
					s.cfg.Log.Warn("the leader has another root access key; ours counts when a server with it leads at its start",
						"leader", elsewhere.Leader(), "ours", want, "theirs", key.ID)
				}
				return key, nil
			}
		case !errors.As(err, &unavailable):
			return key, err
		}
		select { // the leader has yet to make it, or there is to be another leader
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return key, ctx.Err()
		}
	}
}

// settleRootKey makes sure that root has exactly one key, the configured one if
// there is one, and returns it.
func (s *Server) settleRootKey(tx *state.Tx) state.AccessKey {
	root := iam.Root(s.cfg.Account).ARN
	old, ok := findRootKey(tx.View, s.cfg.Account)
	if ok && (s.cfg.RootAccessKeyID == "" || s.cfg.RootAccessKeyID == old.ID && s.cfg.RootSecretKey == old.Secret) {
		return old
	}
	if ok {
		tx.AccessKeys.Delete(tx, old.ID)
	}
	key := state.AccessKey{ID: s.cfg.RootAccessKeyID, Secret: s.cfg.RootSecretKey, Principal: root, CreatedAt: tx.Now()}
	if key.ID == "" {
		made := iam.NewAccessKey()
		key.ID, key.Secret = made.ID, made.Secret
	}
	tx.AccessKeys.Put(tx, key)
	return key
}

func findRootKey(v *state.View, account string) (state.AccessKey, bool) {
	for key := range v.AccessKeys.All() {
		if key.Principal == iam.Root(account).ARN {
			return key, true
		}
	}
	return state.AccessKey{}, false
}
