package link

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/gorilla/websocket"

	"berth/api/acs/message"
)

// The times of Amazon's agent; each has up to as much again, or a sixth, by chance.
const (
	inactivity = time.Minute      // without a message, before a socket counts as dead
	lifetime   = 30 * time.Minute // of a socket, before it is made anew
	dialLimit  = 30 * time.Second
	writeLimit = 30 * time.Second
	// soon is how long a socket must have lived to be made anew without a pause.
	soon = 5 * time.Second
	// inactive is the pause after being told that the instance is not registered any more.
	inactive = time.Hour
)

// socket is one open websocket.
type socket struct {
	conn *websocket.Conn
	mu   sync.Mutex // of writes
}

// conversation is what is said on a socket: begin when it is there, and take for
// each message that comes. It ends with the first error.
type conversation interface {
	path(e endpoints) (endpoint string, query url.Values)
	begin(ctx context.Context, s *socket) error
	take(ctx context.Context, s *socket, m message.Message) error
}

// keep holds a socket open until ctx ends, and makes it anew when it closes.
func (l *Link) keep(ctx context.Context, name string, first, last time.Duration, c conversation) error {
	wait := backoff{first: first, last: last}
	for {
		began := time.Now()
		err := l.converse(ctx, c)
		if ctx.Err() != nil {
			return nil
		}
		lived := time.Since(began)
		if lived >= time.Minute {
			wait.reset()
		}
		var gone *refusal
		if errors.As(err, &gone) && gone.inactive() {
			l.cfg.Log.Error("this container instance is deregistered; restart the agent to register it again", "socket", name)
			wait.now = inactive
			wait.last = inactive
		} else if lived >= soon && normal(err) {
			l.cfg.Log.Debug("socket closed", "socket", name, "err", err)
			continue
		} else {
			wait.last = last
		}
		l.cfg.Log.Warn("not connected", "socket", name, "err", err)
		if wait.pause(ctx) != nil {
			return nil
		}
	}
}

// normal reports whether a socket ended as sockets do: another can be made at once.
func normal(err error) bool {
	return websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseInternalServerErr, websocket.CloseAbnormalClosure) ||
		errors.Is(err, io.EOF) || errors.Is(err, errExpired) || errors.Is(err, io.ErrUnexpectedEOF)
}

var errExpired = errors.New("ConnectionExpired: Reconnect to continue")

// converse opens a socket and talks until it ends.
func (l *Link) converse(ctx context.Context, c conversation) error {
	at, err := l.discover(ctx)
	if err != nil {
		return fmt.Errorf("discover endpoints: %w", err)
	}
	endpoint, query := c.path(at)
	s, err := l.dial(ctx, endpoint, query)
	if err != nil {
		return err
	}
	defer s.conn.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(ctx, func() { s.close("") })()
	expiry := time.AfterFunc(lifetime+rand.N(lifetime/6), func() { s.close(errExpired.Error()) })
	defer expiry.Stop()

	if err := c.begin(ctx, s); err != nil {
		return err
	}
	for {
		s.conn.SetReadDeadline(time.Now().Add(inactivity + rand.N(inactivity)))
		_, text, err := s.conn.ReadMessage()
		if err != nil {
			return err
		}
		m, err := message.Decode(text)
		if err != nil {
			l.cfg.Log.Warn("message not understood", "err", err)
			continue
		}
		if err := c.take(ctx, s, m); err != nil {
			return err
		}
	}
}

// close says goodbye, which ends the reading.
func (s *socket) close(reason string) {
	goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, reason)
	s.conn.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(time.Second))
	s.conn.Close()
}

// send writes a message.
func (s *socket) send(m message.Message) error {
	text, err := message.Encode(m)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(writeLimit))
	return s.conn.WriteMessage(websocket.TextMessage, text)
}

// dial opens a websocket with a signed request.
func (l *Link) dial(ctx context.Context, endpoint string, query url.Values) (*socket, error) {
	at := strings.TrimSuffix(endpoint, "/") + "/ws?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	keys, err := l.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	nothing := sha256.Sum256(nil)
	if err := v4.NewSigner().SignHTTP(ctx, keys, request, hex.EncodeToString(nothing[:]), "ecs", l.cfg.Region, time.Now()); err != nil {
		return nil, err
	}
	header := http.Header{}
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		if value := request.Header.Get(name); value != "" {
			header.Set(name, value)
		}
	}
	dialer := websocket.Dialer{HandshakeTimeout: dialLimit, Proxy: http.ProxyFromEnvironment}
	conn, response, err := dialer.DialContext(ctx, strings.Replace(request.URL.String(), "http", "ws", 1), header)
	if err != nil && response != nil {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		return nil, &refusal{response.Status, string(body)}
	}
	if err != nil {
		return nil, err
	}
	return &socket{conn: conn}, nil
}

// refusal is an answer to the upgrade that is none.
type refusal struct{ status, body string }

func (r *refusal) Error() string { return r.status + ": " + r.body }

// inactive reports whether the instance was deregistered.
func (r *refusal) inactive() bool { return strings.Contains(r.body, "InactiveInstanceException") }

// endpoints are where the sockets are.
type endpoints struct{ acs, tcs string }

// pollEndpoint remembers them, for as long as Amazon's agent does.
type pollEndpoint struct {
	mu    sync.Mutex
	known endpoints
	asked time.Time
}

func (l *Link) discover(ctx context.Context) (endpoints, error) {
	l.poll.mu.Lock()
	defer l.poll.mu.Unlock()
	if l.poll.known.acs != "" && time.Since(l.poll.asked) < 12*time.Hour {
		return l.poll.known, nil
	}
	out, err := l.api.DiscoverPollEndpoint(ctx, &ecs.DiscoverPollEndpointInput{
		Cluster: &l.cfg.Cluster, ContainerInstance: l.Instance().ContainerInstanceArn,
	})
	switch {
	case err == nil:
		l.poll.known, l.poll.asked = endpoints{aws.ToString(out.Endpoint), aws.ToString(out.TelemetryEndpoint)}, time.Now()
	case l.poll.known.acs == "":
		return endpoints{}, err
	}
	return l.poll.known, nil
}
