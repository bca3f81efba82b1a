package link

import (
	"context"
	"crypto/rand"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/agent/engine"
	"berth/api/acs/message"
)

const (
	publishEvery  = 20 * time.Second
	tasksAtOnce   = 10 // in one message
	runtimeStatus = "ContainerRuntime"
)

// telemetry is TCS: the agent says how tasks and the machine are.
type telemetry struct {
	*Link
	told   map[string]string // health by task and container, as sent on this socket
	status message.InstanceStatus
}

func (l *Link) tcs() *telemetry { return &telemetry{Link: l} }

func (c *telemetry) path(e endpoints) (string, url.Values) {
	return e.tcs, url.Values{
		"cluster":           {c.cfg.Cluster},
		"containerInstance": {aws.ToString(c.Instance().ContainerInstanceArn)},
		"agentVersion":      {c.cfg.Version},
		"agentHash":         {""},
		"dockerVersion":     {c.cfg.Runtime},
	}
}

// begin starts to publish, until the socket ends.
func (c *telemetry) begin(ctx context.Context, s *socket) error {
	c.told = map[string]string{}
	go func() {
		tick := time.NewTicker(publishEvery)
		defer tick.Stop()
		for err := c.publish(ctx, s); err == nil; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				err = c.publish(ctx, s)
			case <-c.health:
				err = c.publishHealth(s, c.engine.Live(), true)
			}
		}
		s.conn.Close() // the reader makes a new one
	}()
	return nil
}

// take: acknowledgements need no answer; that they come keeps the socket.
func (c *telemetry) take(context.Context, *socket, message.Message) error { return nil }

// publish sends everything there is to tell.
func (c *telemetry) publish(ctx context.Context, s *socket) error {
	tasks := c.engine.Live()
	if err := c.publishMetrics(ctx, s, tasks); err != nil {
		return err
	}
	if err := c.publishHealth(s, tasks, false); err != nil {
		return err
	}
	return c.publishStatus(ctx, s)
}

func (c *telemetry) publishMetrics(ctx context.Context, s *socket, tasks []engine.Task) error {
	if c.cfg.Meter == nil {
		return nil
	}
	measured := c.metrics.measure(ctx, c.cfg.Meter, tasks, time.Now())
	id := rand.Text()
	for batch := range slices.Chunk(measured, tasksAtOnce) {
		if err := s.send(c.metricsMessage(id, batch, false)); err != nil {
			return err
		}
	}
	return s.send(c.metricsMessage(id, nil, true))
}

func (c *telemetry) metricsMessage(id string, tasks []message.TaskMetrics, fin bool) *message.PublishMetrics {
	return &message.PublishMetrics{
		Metadata: message.MetricsMetadata{
			Cluster: c.cfg.Cluster, ContainerInstance: aws.ToString(c.Instance().ContainerInstanceArn),
			MessageID: id, Idle: len(tasks) == 0 && fin, Fin: fin,
		},
		Timestamp: message.Time{Time: time.Now()},
		Tasks:     tasks,
	}
}

// publishHealth sends the health of containers that have a check; of news only,
// those tasks in which something has changed.
func (c *telemetry) publishHealth(s *socket, tasks []engine.Task, news bool) error {
	told := map[string]string{}
	var all []message.TaskHealth
	for _, t := range tasks {
		health, fresh := c.taskHealth(t, told)
		if len(health.Containers) > 0 && (fresh || !news) {
			all = append(all, health)
		}
	}
	for batch := range slices.Chunk(all, tasksAtOnce) {
		err := s.send(&message.PublishHealth{
			Metadata: message.HealthMetadata{
				Cluster: c.cfg.Cluster, ContainerInstance: aws.ToString(c.Instance().ContainerInstanceArn),
				MessageID: rand.Text(), Fin: true,
			},
			Timestamp: message.Time{Time: time.Now()},
			Tasks:     batch,
		})
		if err != nil {
			return err
		}
	}
	c.told = maps.Clone(told)
	return nil
}

// taskHealth is the health of a task's running containers; told gets what it says.
func (c *telemetry) taskHealth(t engine.Task, told map[string]string) (h message.TaskHealth, fresh bool) {
	h = message.TaskHealth{Task: t.Payload.ARN, Family: t.Payload.Family, Version: t.Payload.Version}
	for _, container := range t.Containers {
		if container.Check == nil || container.Status != engine.Running {
			continue
		}
		status, since := container.Health.Status, container.Health.Since
		if status == "" {
			status, since = engine.Unknown, container.StartedAt
		}
		key := t.Payload.ARN + "/" + container.Name
		told[key] = status
		fresh = fresh || c.told[key] != status
		h.Containers = append(h.Containers, message.ContainerHealth{
			Name: container.Name, Status: status, Since: message.Time{Time: since}, Message: container.Health.Output,
		})
	}
	return h, fresh
}

// publishStatus sends whether the machine can run containers.
func (c *telemetry) publishStatus(ctx context.Context, s *socket) error {
	status, now := "OK", message.Time{Time: time.Now()}
	if c.cfg.Meter != nil && c.cfg.Meter.Check(ctx) != nil {
		status = "IMPAIRED"
	}
	if c.status.Status != status {
		c.status = message.InstanceStatus{Kind: runtimeStatus, Status: status, LastStatusChange: now}
	}
	c.status.LastUpdated = now
	return s.send(&message.PublishInstanceStatus{
		Metadata: message.InstanceStatusMetadata{
			Cluster: c.cfg.Cluster, ContainerInstance: aws.ToString(c.Instance().ContainerInstanceArn), RequestID: rand.Text(),
		},
		Timestamp: now,
		Statuses:  []message.InstanceStatus{c.status},
	})
}
