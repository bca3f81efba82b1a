package link

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/agent/engine"
	"berth/api/acs/message"
)

// tasksConversation is ACS: the control plane says what should run.
type tasksConversation struct {
	*Link
	sent bool // a socket was opened: the control plane has sent all credentials

	newest     int64                      // number of the newest payload or manifest on this socket
	manifest   string                     // id of the last manifest, until it is verified
	candidates map[string]message.TaskRef // what it does not list, by ARN
}

func (l *Link) acs() *tasksConversation { return &tasksConversation{Link: l} }

func (c *tasksConversation) path(e endpoints) (string, url.Values) {
	return e.acs, url.Values{
		"clusterArn":           {c.cfg.Cluster},
		"containerInstanceArn": {aws.ToString(c.Instance().ContainerInstanceArn)},
		"agentVersion":         {c.cfg.Version},
		"agentHash":            {""},
		"dockerVersion":        {c.cfg.Runtime},
		"seqNum":               {"1"},
		"protocolVersion":      {"2"},
		"sendCredentials":      {map[bool]string{true: "false", false: "true"}[c.sent]},
	}
}

func (c *tasksConversation) begin(context.Context, *socket) error {
	c.cfg.Log.Info("connected", "instance", aws.ToString(c.Instance().ContainerInstanceArn))
	c.once.Do(func() { close(c.ready) })
	c.sent, c.newest, c.manifest = true, 0, ""
	return nil
}

func (c *tasksConversation) take(ctx context.Context, s *socket, m message.Message) error {
	switch m := m.(type) {
	case *message.Heartbeat:
		return s.send(&message.HeartbeatAck{MessageID: m.MessageID})
	case *message.Payload:
		c.newest = max(c.newest, m.SeqNum)
		// Each task is written to the disk before it is acknowledged: several at once.
		go c.payload(s, m)
		return nil
	case *message.Credentials:
		if !c.engine.SetCredentials(m.Task, m.RoleType, m.RoleCredentials) {
			return nil
		}
		return s.send(credentialsAck(m.MessageID, &m.RoleCredentials))
	case *message.Manifest:
		go c.reportLost(ctx, m)
		return c.compare(s, m)
	case *message.StopVerificationAck:
		c.verified(m)
		return nil
	case *message.Close:
		c.cfg.Log.Info("the control plane closes the connection", "why", m.Message)
		return nil
	case *message.Unknown:
		return c.unknown(s, m)
	}
	return nil
}

// payload keeps the tasks of a payload, and acknowledges it if all are kept.
func (c *tasksConversation) payload(s *socket, m *message.Payload) {
	for _, t := range m.Tasks {
		if err := c.engine.Accept(t); err != nil {
			c.cfg.Log.Error("cannot take a task", "task", t.ARN, "err", err)
			return // it comes again
		}
		for _, credentials := range []*message.RoleCredentials{t.RoleCredentials, t.ExecutionRoleCredentials} {
			if credentials != nil {
				s.send(credentialsAck(m.MessageID, credentials))
			}
		}
	}
	s.send(&message.Ack{Cluster: m.Cluster, ContainerInstance: m.ContainerInstance, MessageID: m.MessageID})
}

func credentialsAck(id string, r *message.RoleCredentials) *message.CredentialsAck {
	return &message.CredentialsAck{MessageID: id, CredentialsID: r.CredentialsID, Expiration: r.Expiration}
}

// compare asks about the tasks that run here and should not, as far as a manifest tells.
func (c *tasksConversation) compare(s *socket, m *message.Manifest) error {
	if m.Timeline <= c.newest {
		c.cfg.Log.Debug("old manifest", "timeline", m.Timeline, "newest", c.newest)
		return nil
	}
	c.newest, c.manifest, c.candidates = m.Timeline, m.MessageID, map[string]message.TaskRef{}
	if err := s.send(&message.Ack{Cluster: m.Cluster, ContainerInstance: m.ContainerInstance, MessageID: m.MessageID}); err != nil {
		return err
	}
	verify := &message.StopVerification{MessageID: m.MessageID}
	for _, t := range c.engine.Live() {
		wanted := slices.ContainsFunc(m.Tasks, func(r message.TaskRef) bool {
			return r.Task == t.Payload.ARN && r.DesiredStatus == "RUNNING"
		})
		if !wanted && t.Desired() == "RUNNING" && t.Last() != "STOPPED" {
			ref := message.TaskRef{Task: t.Payload.ARN, TaskCluster: t.Payload.Cluster, DesiredStatus: "STOPPED"}
			c.candidates[ref.Task] = ref
			verify.StopCandidates = append(verify.StopCandidates, ref)
		}
	}
	if len(verify.StopCandidates) == 0 {
		return nil
	}
	return s.send(verify)
}

// reportLost tells the control plane which tasks it takes for running here in
// vain: their files are gone, and with them the containers. A task that it has
// not heard of from here comes as a payload.
func (c *tasksConversation) reportLost(ctx context.Context, m *message.Manifest) {
	for _, ref := range m.Tasks {
		if _, known := c.engine.Task(engine.ID(ref.Task)); known || ref.LastStatus != "RUNNING" {
			continue
		}
		c.cfg.Log.Warn("a task that should run here is not known here: reporting it as stopped", "task", ref.Task)
		stopped := engine.Change{Task: ref.Task, Status: "STOPPED", Reason: "TaskLostError: the container instance has lost the task"}
		if _, err := c.api.SubmitTaskStateChange(ctx, submission(c.cfg.Cluster, stopped)); err != nil {
			c.cfg.Log.Warn("cannot report a lost task", "task", ref.Task, "err", err) // the next manifest lists it again
		}
	}
}

// verified stops what the control plane says must really stop.
func (c *tasksConversation) verified(m *message.StopVerificationAck) {
	if m.MessageID != c.manifest {
		return
	}
	c.manifest = ""
	for _, ref := range m.StopTasks {
		if _, asked := c.candidates[ref.Task]; !asked {
			continue
		}
		c.cfg.Log.Info("stopping a task that should not run", "task", ref.Task)
		if err := c.engine.Accept(message.Task{ARN: ref.Task, DesiredStatus: "STOPPED"}); err != nil {
			c.cfg.Log.Error("cannot stop a task", "task", ref.Task, "err", err) // the next manifest asks again
		}
	}
}

// unknown refuses what asks for an answer, as Amazon's agent does without updates.
func (c *tasksConversation) unknown(s *socket, m *message.Unknown) error {
	var head struct {
		MessageID         string `json:"messageId"`
		Cluster           string `json:"clusterArn"`
		ContainerInstance string `json:"containerInstanceArn"`
	}
	if err := json.Unmarshal(m.Body, &head); err != nil || m.Name != "StageUpdateMessage" && m.Name != "PerformUpdateMessage" {
		c.cfg.Log.Debug("message ignored", "type", m.Name)
		return nil
	}
	return s.send(&message.Nack{Cluster: head.Cluster, ContainerInstance: head.ContainerInstance, MessageID: head.MessageID, Reason: "Updates are disabled"})
}
