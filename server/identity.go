package server

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/aws/protocol"
	"berth/iam"
	"berth/plan/access"
	"berth/state"
)

// credentials finds access keys for the protocol server.
func credentials(store *state.Store, account string) func(context.Context, string, string) (protocol.Credential, error) {
	return func(_ context.Context, id, token string) (protocol.Credential, error) {
		secret, principal, err := access.Credential(store.View(), time.Now(), account, id, token)
		return protocol.Credential{Secret: secret, Principal: principal}, err
	}
}

// authorize decides about calls by the policies in the state.
func authorize(store *state.Store) func(iam.Principal, string, []string, iam.Keys) error {
	return func(p iam.Principal, action string, resources []string, keys iam.Keys) error {
		return access.Authorize(store.View(), time.Now(), p, action, resources, keys)
	}
}

// settleSessionsKey makes the key of temporary credentials, if there is none.
func settleSessionsKey(tx *state.Tx) {
	if tx.SigningKeys.Has(access.SessionsKey) {
		return
	}
	key := make([]byte, iam.IssuerKeySize)
	rand.Read(key) // never fails, by its documentation
	tx.SigningKeys.Put(tx, state.SigningKey{ID: access.SessionsKey, Key: key, CreatedAt: tx.Now()})
}

// agentSession is how long the credentials of an agent in this process last.
const agentSession = time.Hour

// AgentCredentials are those of the container agent of that name in this
// process, which needs no token. Nothing of them is stored. They can be
// retrieved once the server is ready.
func (s *Server) AgentCredentials(name string) aws.CredentialsProvider {
	return aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		select {
		case <-s.ready:
		case <-ctx.Done():
			return aws.Credentials{}, ctx.Err()
		}
		now := time.Now()
		t, err := access.Issue(s.store.Load().View(), iam.Agent(s.cfg.Account, name), now, now.Add(agentSession))
		return aws.Credentials{
			AccessKeyID: t.AccessKeyID, SecretAccessKey: t.SecretKey, SessionToken: t.Token,
			CanExpire: true, Expires: t.Expiration, Source: "berth",
		}, err
	}), func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 5 * time.Minute })
}
