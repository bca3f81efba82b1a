package acs

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/gorilla/websocket"

	"berth/api/acs/message"
	"berth/plan"
	"berth/state"
)

// telemetrySilence is how long an agent, which sends metrics every 20 seconds,
// may say nothing.
const telemetrySilence = 3 * time.Minute

// tcs works on an agent's socket for metrics until it ends.
func (a *API) tcs(r *http.Request, conn *websocket.Conn, i state.ContainerInstance) {
	ctx, cancel := context.WithCancel(a.ctx)
	defer cancel()
	go func() { // ends the read below
		<-ctx.Done()
		text := websocket.FormatCloseMessage(websocket.CloseGoingAway, "")
		conn.WriteControl(websocket.CloseMessage, text, time.Now().Add(time.Second))
		conn.Close()
	}()
	t := &telemetry{api: a, instance: i.ARN, log: a.Log.With("instance", i.ARN, "remote", r.RemoteAddr)}
	t.log.Debug("telemetry connected")
	for {
		conn.SetReadDeadline(time.Now().Add(telemetrySilence))
		_, text, err := conn.ReadMessage()
		if err != nil {
			t.log.Debug("telemetry disconnected", "because", err)
			return
		}
		m, err := message.Decode(text)
		if err != nil {
			t.log.Warn("the agent sent what is no message", "err", err)
			continue
		}
		answer := t.take(ctx, m)
		if answer == nil {
			continue
		}
		if text, err = message.Encode(answer); err != nil {
			t.log.Error("cannot answer the agent", "err", err)
			return
		}
		conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if err := conn.WriteMessage(websocket.TextMessage, text); err != nil {
			t.log.Debug("telemetry disconnected", "because", err)
			return
		}
		if current, ok := a.Store.View().ContainerInstances.Get(i.ARN); !ok || current.Status == "INACTIVE" {
			return
		}
	}
}

// telemetry is what one TCS socket brings.
type telemetry struct {
	api      *API
	instance string // ARN
	log      *slog.Logger
}

// take notes what m says and returns the answer. Metrics are only counted so far.
func (t *telemetry) take(ctx context.Context, m message.Message) message.Message {
	t.api.Metrics.received(m)
	switch m := m.(type) {
	case *message.PublishMetrics:
		return &message.AckMetrics{Message: "ok"}
	case *message.PublishHealth:
		t.health(ctx, m)
		return &message.AckHealth{Message: "ok"}
	case *message.PublishInstanceStatus:
		t.status(ctx, m)
		return &message.AckInstanceStatus{Message: "ok"}
	}
	t.log.Debug("the agent sent what we have no use for", "type", m.Type())
	return nil
}

// health notes the health of containers where it changes. What cannot be
// written down comes again in 20 seconds.
func (t *telemetry) health(ctx context.Context, m *message.PublishHealth) {
	v := t.api.Store.View()
	var changes []plan.SetHealth
	for _, reported := range m.Tasks {
		task, ok := v.Tasks.Get(reported.Task)
		if !ok || task.Instance != t.instance {
			continue
		}
		set := plan.SetHealth{Task: task.ARN, Containers: map[string]types.HealthStatus{}}
		for _, c := range reported.Containers {
			if status := types.HealthStatus(c.Status); slices.Contains(status.Values(), status) {
				set.Containers[c.Name] = status
			}
		}
		if set.Changes(task) {
			changes = append(changes, set)
		}
	}
	if len(changes) == 0 {
		return
	}
	if err := t.api.report(ctx, Report{Health: changes}); err != nil {
		t.log.Warn("cannot write down the health of containers", "err", err)
	}
}

// status notes how the parts of the instance are, when one changes.
func (t *telemetry) status(ctx context.Context, m *message.PublishInstanceStatus) {
	i, ok := t.api.Store.View().ContainerInstances.Get(t.instance)
	if !ok {
		return
	}
	var parts []types.InstanceHealthCheckResult
	for _, s := range m.Statuses {
		// The agent says ContainerRuntime, the API CONTAINER_RUNTIME.
		kind := types.InstanceHealthCheckTypeContainerRuntime
		if s.Kind != "ContainerRuntime" {
			kind = types.InstanceHealthCheckType(s.Kind)
		}
		updated, changed := s.LastUpdated.Time, s.LastStatusChange.Time
		parts = append(parts, types.InstanceHealthCheckResult{
			Type: kind, Status: types.InstanceHealthCheckState(s.Status), LastUpdated: &updated, LastStatusChange: &changed,
		})
	}
	same := slices.EqualFunc(parts, i.Health, func(a, b types.InstanceHealthCheckResult) bool {
		return a.Type == b.Type && a.Status == b.Status
	})
	if same || len(parts) == 0 {
		return
	}
	report := Report{Instance: &plan.SetInstanceHealth{Instance: t.instance, Parts: parts}}
	if err := t.api.report(ctx, report); err != nil {
		t.log.Warn("cannot write down the health of the instance", "err", err)
	}
}
