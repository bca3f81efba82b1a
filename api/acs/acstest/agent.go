// Package acstest has a test double of a container agent. It speaks on its two
// sockets exactly as Amazon's agent 1.105.1 does, of which the frames and headers
// here are recordings.
//
// It runs nothing: a test says what the agent sends, and sees what it gets. Used by
// tests of api/acs and test.
package acstest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/gorilla/websocket"

	"berth/api/acs/message"
)

// patience bounds how long a test waits for what must come.
const patience = 10 * time.Second

// Agent is an agent that is registered.
type Agent struct {
	Endpoint         string // URL of the control plane
	Cluster          string // name
	Instance         string // ARN
	Region           string
	Key              aws.Credentials
	ProtocolVersion  string // default 2
	KeepsCredentials bool   // it was connected before: sendCredentials=false
}

// Socket is an open ACS or TCS socket.
type Socket struct {
	t      testing.TB
	conn   *websocket.Conn
	header string // of each TCS frame
}

// ACS opens the socket for tasks.
func (a Agent) ACS(t testing.TB) *Socket {
	t.Helper()
	s, refused := a.dial(t, "/acs/ws", a.acsQuery())
	if refused != "" {
		t.Fatalf("ACS refused: %s", refused)
	}
	return s
}

// TCS opens the socket for metrics.
func (a Agent) TCS(t testing.TB) *Socket {
	t.Helper()
	s, refused := a.dial(t, "/tcs/ws", a.tcsQuery())
	if refused != "" {
		t.Fatalf("TCS refused: %s", refused)
	}
	return s
}

// Refused opens the socket for tasks, which must not work, and returns the
// status and body of the answer.
func (a Agent) Refused(t testing.TB) string {
	t.Helper()
	_, refused := a.dial(t, "/acs/ws", a.acsQuery())
	if refused == "" {
		t.Fatal("ACS was not refused")
	}
	return refused
}

func (a Agent) acsQuery() url.Values {
	protocol := a.ProtocolVersion
	if protocol == "" {
		protocol = "2"
	}
	return url.Values{
		"agentHash": {"a8b3e7d3"}, "agentVersion": {"1.105.1"}, "clusterArn": {a.Cluster},
		"containerInstanceArn": {a.Instance}, "dockerVersion": {"DockerVersion: 20.10.24+dfsg1"},
		"protocolVersion": {protocol}, "sendCredentials": {fmt.Sprint(!a.KeepsCredentials)}, "seqNum": {"1"},
	}
}

func (a Agent) tcsQuery() url.Values {
	return url.Values{
		"agentHash": {"a8b3e7d3"}, "agentVersion": {"1.105.1"}, "cluster": {a.Cluster},
		"containerInstance": {a.Instance}, "dockerVersion": {"20.10.24+dfsg1"},
	}
}

// dial signs the upgrade as the agent does: over host and x-amz-date alone.
func (a Agent) dial(t testing.TB, path string, query url.Values) (s *Socket, refused string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, a.Endpoint+path+"?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	empty := sha256.Sum256(nil)
	err = v4.NewSigner().SignHTTP(context.Background(), a.Key, request, hex.EncodeToString(empty[:]), "ecs", a.Region, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	request.URL.Scheme = strings.Replace(request.URL.Scheme, "http", "ws", 1)
	request.Header.Del("Host")
	dialer := websocket.Dialer{HandshakeTimeout: patience}
	conn, response, err := dialer.Dial(request.URL.String(), request.Header)
	if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(response.Body)
		return nil, fmt.Sprintf("%d %s", response.StatusCode, body)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	header := fmt.Sprintf("Authorization: %s\r\nHost: %s\r\nX-Amz-Date: %s\r\n\r\n",
		request.Header.Get("Authorization"), request.URL.Host, request.Header.Get("X-Amz-Date"))
	return &Socket{t: t, conn: conn, header: header}, ""
}

// Close drops the connection, as a machine that dies does.
func (s *Socket) Close() { s.conn.NetConn().Close() }

// Goodbye closes the socket as the agent does every half an hour.
func (s *Socket) Goodbye() {
	text := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "ConnectionExpired: Reconnect to continue")
	s.conn.WriteControl(websocket.CloseMessage, text, time.Now().Add(time.Second))
	s.conn.Close()
}

// Send sends a message on ACS.
func (s *Socket) Send(m message.Message) {
	s.t.Helper()
	text, err := message.Encode(m)
	if err != nil {
		s.t.Fatal(err)
	}
	s.SendText(text)
}

// Publish sends a message on TCS, behind the block of headers that the agent
// puts before each.
func (s *Socket) Publish(m message.Message) {
	s.t.Helper()
	text, err := message.Encode(m)
	if err != nil {
		s.t.Fatal(err)
	}
	s.SendText(append([]byte(s.header), text...))
}

// SendText sends a frame as it is.
func (s *Socket) SendText(text []byte) {
	s.t.Helper()
	if err := s.conn.WriteMessage(websocket.TextMessage, text); err != nil {
		s.t.Fatal(err)
	}
}

// Any returns the next message.
func (s *Socket) Any() message.Message {
	s.t.Helper()
	m, err := s.next(patience)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// Closed reads until the socket is closed and returns the code and text that
// the control plane gives for it.
func (s *Socket) Closed() (code int, text string) {
	s.t.Helper()
	for {
		_, err := s.next(patience)
		if e, ok := err.(*websocket.CloseError); ok {
			return e.Code, e.Text
		}
		if err != nil {
			s.t.Fatalf("closed without a word: %v", err)
		}
	}
}

func (s *Socket) next(within time.Duration) (message.Message, error) {
	s.conn.SetReadDeadline(time.Now().Add(within))
	_, text, err := s.conn.ReadMessage()
	if err != nil {
		return nil, err
	}
	if !json.Valid(text) { // frames to the agent are plain JSON
		return nil, fmt.Errorf("not JSON: %.200s", text)
	}
	return message.Decode(text)
}

// Next returns the next message of type M, and acknowledges heartbeats on the
// way. Messages of other types are dropped.
func Next[M message.Message](s *Socket) M {
	s.t.Helper()
	for {
		switch m := s.Any().(type) {
		case M:
			return m
		case *message.Heartbeat:
			s.Send(&message.HeartbeatAck{MessageID: m.MessageID})
		}
	}
}

// Ack acknowledges a payload as the agent does: each set of credentials, then
// the whole.
func (s *Socket) Ack(p *message.Payload) {
	s.t.Helper()
	for _, task := range p.Tasks {
		for _, c := range []*message.RoleCredentials{task.RoleCredentials, task.ExecutionRoleCredentials} {
			if c != nil {
				s.Send(&message.CredentialsAck{MessageID: p.MessageID, CredentialsID: c.CredentialsID, Expiration: c.Expiration})
			}
		}
	}
	s.Send(&message.Ack{Cluster: p.Cluster, ContainerInstance: p.ContainerInstance, MessageID: p.MessageID})
}
