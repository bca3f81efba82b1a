package acs

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/gorilla/websocket"

	"berth/api/acs/message"
	"berth/plan"
	"berth/state"
)

const (
	heartbeat = 30 * time.Second
	// silence is how long an agent that acknowledges heartbeats may say nothing.
	silence = 2*heartbeat + 15*time.Second
	// comeBack is how long an agent that said goodbye, as they do every half an
	// hour, may take to connect again before it counts as disconnected.
	comeBack = 5 * time.Second
	// again is the pause before what could not be written down is tried again.
	again = time.Second
)

// session is one ACS socket.
type session struct {
	api      *API
	id       string
	instance string // ARN
	conn     *websocket.Conn
	log      *slog.Logger
	acks     bool               // the agent acknowledges heartbeats, and wants to be closed if it does not
	software *types.VersionInfo // of the agent
	look     *look
	outbox   *outbox
	ctx      context.Context
	end      context.CancelCauseFunc

	established bool      // the state has this session as the instance's newest
	retry       time.Time // when to try again to write that down
	beat        time.Time // when to send the next heartbeat
}

// acs works on an agent's socket until it ends.
func (a *API) acs(r *http.Request, conn *websocket.Conn, i state.ContainerInstance) {
	query := r.URL.Query()
	s := &session{
		api: a, id: newID(), instance: i.ARN, conn: conn, look: newLook(), outbox: newOutbox(),
		log:  a.Log.With("instance", i.ARN, "remote", r.RemoteAddr),
		acks: query.Get("protocolVersion") == "2",
	}
	if version := query.Get("agentVersion"); version != "" {
		hash, docker := query.Get("agentHash"), query.Get("dockerVersion")
		s.software = &types.VersionInfo{AgentVersion: &version, AgentHash: &hash, DockerVersion: &docker}
	}
	s.outbox.payload, s.outbox.instance, s.outbox.cluster = a.payload, i.ARN, i.Cluster
	s.outbox.restarted = query.Get("sendCredentials") == "true"
	s.ctx, s.end = context.WithCancelCause(a.ctx)
	defer s.end(nil)

	a.register(s)
	s.log.Info("agent connected", "version", query.Get("agentVersion"), "restarted", s.outbox.restarted)
	err := s.run()
	s.leave(err)
}

// run sends what the agent must know, and takes what it says, until one side ends it.
func (s *session) run() error {
	incoming, failed := s.read()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case err := <-failed:
			return err
		case m := <-incoming:
			if err := s.take(m); err != nil {
				return err
			}
		case <-s.look.some:
		case <-timer.C:
		}
		wake, err := s.step(time.Now())
		if err != nil {
			return err
		}
		timer.Reset(time.Until(wake))
	}
}

// read reads the socket until that fails or the session ends.
func (s *session) read() (<-chan message.Message, <-chan error) {
	incoming, failed := make(chan message.Message), make(chan error, 1)
	go func() {
		for {
			if s.acks {
				s.conn.SetReadDeadline(time.Now().Add(silence))
			}
			_, text, err := s.conn.ReadMessage()
			if err != nil {
				failed <- err
				return
			}
			m, err := message.Decode(text)
			if err != nil {
				s.log.Warn("the agent sent what is no message", "err", err)
				continue
			}
			select {
			case incoming <- m:
			case <-s.ctx.Done():
				return
			}
		}
	}()
	return incoming, failed
}

// step does all that is due, and returns when the next thing is.
func (s *session) step(now time.Time) (wake time.Time, err error) {
	if !now.Before(s.beat) {
		s.beat = now.Add(heartbeat)
		if err := s.send(&message.Heartbeat{MessageID: newID(), Healthy: true}); err != nil {
			return wake, err
		}
	}
	if err := s.check(now); err != nil {
		return wake, err
	}
	v := s.api.Store.View()
	if !s.established {
		if s.retry.Before(s.beat) {
			return s.retry, nil
		}
		return s.beat, nil
	}
	tasks, all := s.look.take()
	s.outbox.lookAt(v, tasks, all, now)
	messages, tasksFailed, wake := s.outbox.next(v, now)
	for _, m := range messages {
		if err := s.send(m); err != nil {
			return wake, err
		}
	}
	for _, f := range tasksFailed {
		if err := s.api.report(s.ctx, Report{Failed: &f}); err != nil {
			s.log.Warn("cannot write down that a task cannot run", "task", f.ARN, "err", err)
		}
	}
	if wake.IsZero() || s.beat.Before(wake) {
		wake = s.beat
	}
	return wake, nil
}

// check finds out from the state whether the session is still, or already, the
// instance's own, and asks the leader to make it that.
func (s *session) check(now time.Time) error {
	i, ok := s.api.Store.View().ContainerInstances.Get(s.instance)
	switch {
	case !ok || i.Status == "INACTIVE":
		return errInactive
	case i.Session.ID == s.id && !i.AgentConnected:
		// The leader took this server for dead; the agent knows better.
		s.id, s.established = newID(), false
	case i.Session.ID == s.id:
		s.established = true
		s.outbox.epoch = i.Session.Epoch
		return nil
	case s.established:
		return errSuperseded
	}
	if now.Before(s.retry) {
		return nil
	}
	s.retry = now.Add(again)
	err := s.api.report(s.ctx, Report{
		Connected: &plan.ConnectAgent{Instance: s.instance, Session: s.id, Server: s.api.id, Software: s.software},
		Server:    &plan.SeeServer{ID: s.api.id, URL: s.api.Endpoint},
	})
	if err != nil {
		s.log.Debug("cannot write down that the agent is connected; trying again", "err", err)
		return nil
	}
	return s.check(now) // on a server that does not lead, it may be seen only later
}

func (s *session) send(m message.Message) error {
	text, err := message.Encode(m)
	if err != nil {
		return err
	}
	s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	s.api.Metrics.sent(m.Type())
	s.log.Debug("to agent", "type", m.Type(), "bytes", len(text))
	return s.conn.WriteMessage(websocket.TextMessage, text)
}

// take handles one message of the agent.
func (s *session) take(m message.Message) error {
	now := time.Now()
	s.api.Metrics.received(m)
	switch m := m.(type) {
	case *message.Ack:
		if task := s.outbox.acked(m.MessageID, false, now); task != "" {
			s.stopping(task)
		}
	case *message.CredentialsAck:
		s.outbox.acked(m.MessageID, true, now)
	case *message.Nack:
		s.log.Warn("the agent refuses a message", "message", m.MessageID, "reason", m.Reason)
	case *message.StopVerification:
		tasks := s.outbox.mustStop(s.api.Store.View(), m.StopCandidates)
		s.log.Info("the agent runs tasks that it should not", "asked", len(m.StopCandidates), "stop", len(tasks))
		return s.send(&message.StopVerificationAck{MessageID: m.MessageID, GeneratedAt: now.UnixMilli(), StopTasks: tasks})
	case *message.HeartbeatAck:
	default:
		s.log.Debug("the agent sent what we have no use for", "type", m.Type())
	}
	return nil
}

// stopping notes that the agent knows that a task must stop.
func (s *session) stopping(task string) {
	if t, _ := s.api.Store.View().Tasks.Get(task); t.Last != "RUNNING" {
		return // noted before, or over already
	}
	if err := s.api.report(s.ctx, Report{Stopping: &plan.StoppingTask{ARN: task}}); err != nil {
		s.log.Debug("cannot write down that a task is stopping", "task", task, "err", err) // it will be STOPPED soon
	}
}

// leave ends the session: it tells the agent why, if that is still there, and
// notes that it is gone, unless it comes back to this server or another.
func (s *session) leave(err error) {
	stopping := s.api.ctx.Err() != nil
	code := websocket.CloseGoingAway // agents connect again at once
	if errors.Is(err, errInactive) || errors.Is(err, errSuperseded) {
		code = websocket.ClosePolicyViolation // and not at once, lest two with one identity take turns
	}
	text := websocket.FormatCloseMessage(code, strings.TrimSpace(err.Error()[:min(len(err.Error()), 100)]))
	s.conn.WriteControl(websocket.CloseMessage, text, time.Now().Add(time.Second))
	s.conn.Close()
	s.log.Info("agent disconnected", "because", err)

	newest := s.api.unregister(s)
	if stopping || !newest || errors.Is(err, errSuperseded) {
		return // its next session, here or elsewhere, speaks for the instance
	}
	if websocket.IsCloseError(err, websocket.CloseNormalClosure) && s.comesBack() {
		return
	}
	s.gone()
}

// comesBack waits for the agent's next session.
func (s *session) comesBack() bool {
	timer := time.NewTimer(comeBack)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.api.ctx.Done():
		return true
	}
	i, _ := s.api.Store.View().ContainerInstances.Get(s.instance)
	return i.Session.ID != s.id
}

// gone notes that the agent is not connected, however long that takes.
func (s *session) gone() {
	for s.api.ctx.Err() == nil {
		err := s.api.report(s.api.ctx, Report{Disconnected: &plan.DisconnectAgent{Instance: s.instance, Session: s.id}})
		if err == nil {
			return
		}
		s.log.Debug("cannot write down that the agent is gone; trying again", "err", err)
		select {
		case <-time.After(again):
		case <-s.api.ctx.Done():
		}
	}
}
