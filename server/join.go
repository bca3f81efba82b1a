package server

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"

	"berth/aws/protocol"
	"berth/cli/join"
	"berth/iam"
	"berth/state"
)

// fromRoot returns nil when root signed r, with its body, for the service "berth".
func fromRoot(r *http.Request, body []byte, api *protocol.Server) error {
	p, err := api.Authenticate(r, body, "berth")
	if err == nil && !p.Root {
		return errors.New("only root may do this, not " + p.ARN)
	}
	return err
}

// tokens makes, lists and revokes join tokens, for root.
func (s *Server) tokens(store *state.Store, api *protocol.Server) http.HandlerFunc {
	return answering(func(r *http.Request, body []byte) (any, error) {
		if err := fromRoot(r, body, api); err != nil {
			return nil, &refusal{http.StatusForbidden, err.Error()}
		}
		switch {
		case r.Method == http.MethodGet:
			return listTokens(store.View(), time.Now()), nil
		case r.URL.Path == join.RevokePath:
			return s.revokeToken(r, body, store)
		}
		return s.createToken(r, body, store)
	})
}

// The longest life of a join token, and the default one.
const (
	maxTokenLife = 7 * 24 * time.Hour
	tokenLife    = time.Hour
)

func (s *Server) createToken(r *http.Request, body []byte, store *state.Store) (out join.Token, err error) {
	in := join.CreateToken{}
	if err := read(body, &in); err != nil {
		return out, err
	}
	life := tokenLife
	if in.Seconds != 0 {
		life = time.Duration(in.Seconds) * time.Second
	}
	if life < time.Second || life > maxTokenLife {
		return out, &refusal{http.StatusBadRequest, fmt.Sprintf("a token can last from a second to %s", maxTokenLife)}
	}
	id, secret := randomText(5), randomText(20)
	err = store.Update(r.Context(), func(tx *state.Tx) error {
		dropExpired(tx)
		t := state.JoinToken{ID: id, SHA256: hash(secret), CreatedAt: tx.Now(), ExpiresAt: tx.Now().Add(life)}
		tx.JoinTokens.Put(tx, t)
		out = describeToken(t)
		return nil
	})
	out.Secret = id + "." + secret
	return out, err
}

// revokeToken ends a token, and with it, if asked to, all agents that joined by it.
func (s *Server) revokeToken(r *http.Request, body []byte, store *state.Store) (out join.Revoked, err error) {
	in := join.RevokeToken{}
	if err := read(body, &in); err != nil {
		return out, err
	}
	return out, store.Update(r.Context(), func(tx *state.Tx) error {
		known := tx.JoinTokens.Has(in.ID)
		tx.JoinTokens.Delete(tx, in.ID)
		for key := range tx.AccessKeys.All() {
			if key.Token == "" || key.Token != in.ID {
				continue
			}
			known = true
			if in.Agents {
				tx.AccessKeys.Delete(tx, key.ID)
				out.Agents++
			}
		}
		if !known {
			return &refusal{http.StatusNotFound, fmt.Sprintf("there is no join token %q; `berth token ls` lists them", in.ID)}
		}
		return nil
	})
}

func listTokens(v *state.View, now time.Time) []join.Token {
	list := []join.Token{}
	for t := range v.JoinTokens.All() {
		if now.Before(t.ExpiresAt) {
			list = append(list, describeToken(t))
		}
	}
	return list
}

func describeToken(t state.JoinToken) join.Token {
	return join.Token{ID: t.ID, Created: t.CreatedAt, Expires: t.ExpiresAt}
}

// dropExpired forgets tokens that are of no use any more.
func dropExpired(tx *state.Tx) {
	for t := range tx.JoinTokens.All() {
		if !tx.Now().Before(t.ExpiresAt) {
			tx.JoinTokens.Delete(tx, t.ID)
		}
	}
}

// agentName is what IAM takes as the name of a role's session.
var agentName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// join trades a token for the access key of a new container agent.
func (s *Server) join(store *state.Store) http.HandlerFunc {
	return answering(func(r *http.Request, body []byte) (any, error) {
		in := join.Request{}
		if err := read(body, &in); err != nil {
			return nil, err
		}
		if !agentName.MatchString(in.Name) {
			return nil, &refusal{http.StatusBadRequest, fmt.Sprintf("invalid name %q: want 2 to 64 letters, digits or any of _+=,.@-", in.Name)}
		}
		made := iam.NewAccessKey()
		err := store.Update(r.Context(), func(tx *state.Tx) error {
			id, secret, _ := strings.Cut(in.Token, ".")
			token, ok := tx.JoinTokens.Get(id)
			if !ok || subtle.ConstantTimeCompare([]byte(hash(secret)), []byte(token.SHA256)) != 1 || !tx.Now().Before(token.ExpiresAt) {
				return &refusal{http.StatusForbidden, "the join token is unknown, revoked or expired: make one with `berth token create`"}
			}
			agent := iam.Agent(s.cfg.Account, in.Name)
			tx.AccessKeys.Put(tx, state.AccessKey{
				ID: made.ID, Secret: made.Secret, Principal: agent.ARN, Token: id, CreatedAt: tx.Now(),
			})
			return nil
		})
		if err == nil {
			s.cfg.Log.Info("a container agent joined", "name", in.Name, "access_key_id", made.ID, "remote", r.RemoteAddr)
		}
		return join.Answer{AccessKeyID: made.ID, SecretKey: made.Secret, Region: s.cfg.Region}, err
	})
}

// refusal is an error that a client of these paths shall see.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

// maxOwnBody bounds the bodies of requests for our own paths, in bytes.
const maxOwnBody = 64 << 10

// answering makes a handler of f, whose output is answered as JSON. What only
// the leader can do is passed on to it.
func answering(f func(r *http.Request, body []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOwnBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out, err := f(r, body)
		var refused *refusal
		var elsewhere *state.NotLeader
		var public interface{ Public() string }
		switch {
		case err == nil:
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(out) // the client may be gone; nobody is left to tell
		case errors.As(err, &refused):
			http.Error(w, refused.message, refused.status)
		case errors.As(err, &elsewhere):
			passOn(w, r, body, elsewhere.Leader())
		case errors.As(err, &public):
			http.Error(w, public.Public(), http.StatusServiceUnavailable)
		default:
			http.Error(w, "internal error", http.StatusInternalServerError)
		}
	}
}

// passedOn marks a request that came from another server.
const passedOn = "Berth-Passed-On"

// passOn lets the leader answer r, which stays as it was signed.
func passOn(w http.ResponseWriter, r *http.Request, body []byte, leader string) {
	to, err := url.Parse(leader)
	if err != nil || leader == "" || r.Header.Get(passedOn) != "" {
		http.Error(w, "the leader is changing; try again", http.StatusServiceUnavailable)
		return
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.Out.URL.Scheme, p.Out.URL.Host = to.Scheme, to.Host
		p.Out.Host = r.Host
		p.Out.Body, p.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		p.Out.Header.Set(passedOn, r.RemoteAddr)
	}}
	proxy.ServeHTTP(w, r)
}

func read(body []byte, in any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return &refusal{http.StatusBadRequest, "the body is not as expected: " + err.Error()}
	}
	return nil
}

// randomText is n random bytes in letters and digits that are hard to confuse.
func randomText(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails, by its documentation
	return strings.ToLower(base32.StdEncoding.EncodeToString(b))
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
