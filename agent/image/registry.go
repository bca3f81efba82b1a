package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/distribution/reference"
)

// resolver speaks to the registry of a reference, with the credentials of one pull.
func (s *Store) resolver(ctx context.Context, named reference.Named, o PullOptions) (remotes.Resolver, error) {
	auth := []docker.AuthorizerOpt{docker.WithAuthClient(s.http)}
	if o.Credentials != nil {
		user, password, err := o.Credentials(ctx, reference.Domain(named))
		if err != nil {
			return nil, fmt.Errorf("credentials for %s: %w", reference.Domain(named), err)
		}
		auth = append(auth, docker.WithAuthCreds(func(string) (string, string, error) { return user, password, nil }))
	}
	return docker.NewResolver(docker.ResolverOptions{
		Hosts: docker.ConfigureDefaultRegistries(
			docker.WithClient(s.http),
			docker.WithAuthorizer(docker.NewDockerAuthorizer(auth...)),
			docker.WithPlainHTTP(s.plainHTTP)),
	}), nil
}

// plainHTTP reports whether a registry is spoken to without TLS.
func (s *Store) plainHTTP(host string) (bool, error) {
	if slices.Contains(s.cfg.PlainHTTP, host) {
		return true, nil
	}
	return docker.MatchLocalhost(host)
}

// newHTTP makes the client for all registries. It gives a request up that
// brings nothing for the time of stall.
func newHTTP(stall time.Duration) *http.Client {
	t := docker.DefaultHTTPTransport(nil)
	t.DialContext = (&net.Dialer{Timeout: min(stall, 10*time.Second), KeepAlive: 30 * time.Second}).DialContext
	t.ResponseHeaderTimeout = stall
	return &http.Client{Transport: &stallGuard{t, stall}}
}

// stallError is what reading a body returns when nothing came for too long.
type stallError struct{ after time.Duration }

func (e *stallError) Error() string { return fmt.Sprintf("the registry sent nothing for %v", e.after) }

// stallGuard watches the bodies of answers.
type stallGuard struct {
	next  http.RoundTripper
	stall time.Duration
}

func (g *stallGuard) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	resp, err := g.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel(err)
		return nil, err
	}
	timer := time.AfterFunc(g.stall, func() { cancel(&stallError{g.stall}) })
	timer.Stop()
	resp.Body = &guardedBody{resp.Body, ctx, cancel, timer, g.stall}
	return resp, nil
}

type guardedBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	stall  time.Duration
}

func (b *guardedBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.stall) // only while somebody reads: the reader may be the slow one
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if cause := context.Cause(b.ctx); err != nil && err != io.EOF && cause != nil {
		err = cause
	}
	return n, err
}

func (b *guardedBody) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

// mayPass reports whether an error of a registry may be gone on the next attempt.
func mayPass(err error) bool {
	if status := statusOf(err); status != 0 {
		return status >= 500 || slices.Contains([]int{http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusRequestedRangeNotSatisfiable}, status)
	}
	if stalled := (*stallError)(nil); errors.As(err, &stalled) {
		return true
	}
	if unknown := (*net.DNSError)(nil); errors.As(err, &unknown) && unknown.IsNotFound {
		return false
	}
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout() || slices.ContainsFunc([]error{
		io.EOF, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, syscall.ENETUNREACH, syscall.EHOSTUNREACH,
	}, func(passing error) bool { return errors.Is(err, passing) })
}

// statusOf is the status that a registry answered, if that is what err is about.
func statusOf(err error) int {
	var status remoteerrors.ErrUnexpectedStatus
	errors.As(err, &status)
	return status.StatusCode
}
