package lifecycle

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

const (
	// remembered is how long a deregistered container instance can still be
	// described: as long as AWS shows stopped tasks.
	remembered = time.Hour

	// unseen is how long a server may say nothing before the sockets it had are
	// taken for closed. It says something every ten seconds.
	unseen = 30 * time.Second
)

// Limits are what the operator decides about ends.
type Limits struct {
	// LostAfter is how long the tasks of an instance whose agent is away count as
	// running. Zero is for ever: an agent that comes back finds its containers.
	LostAfter time.Duration
	// FargateLostAfter is the same for Fargate.
	FargateLostAfter time.Duration
	// KeepStopped is how long a task can still be described after it has stopped.
	// ECS promises an hour.
	KeepStopped time.Duration
}

// ContainerInstance disconnects i when the server that had its agent's socket
// is gone, gives its tasks up when its agent has been away too long, and removes
// it some time after it was deregistered.
func (l Limits) ContainerInstance(v *state.View, i state.ContainerInstance, now time.Time) (p plan.Plan) {
	switch {
	case i.Status == "INACTIVE":
		if end := i.DeregisteredAt.Add(remembered); now.Before(end) {
			p.WakeAt(end)
		} else {
			p.Do(plan.RemoveContainerInstance{ARN: i.ARN})
		}
	case i.AgentConnected:
		if gone := socketGone(v, i.Session.Server, now); now.Before(gone) {
			p.WakeAt(gone)
		} else {
			p.Do(plan.DisconnectAgent{Instance: i.ARN, Session: i.Session.ID})
		}
	case !i.DisconnectedAt.IsZero():
		l.loseTasks(&p, v, i, now)
	}
	return p
}

// socketGone is when the sockets of a server are taken for closed. Agents need
// another server to connect to, and time for that.
func socketGone(v *state.View, server string, now time.Time) time.Time {
	s, _ := v.Servers.Get(server)
	since := s.SeenAt
	var others time.Time // since when there is another server
	for other := range v.Servers.All() {
		alive := other.ID != server && now.Before(other.SeenAt.Add(unseen))
		if alive && (others.IsZero() || other.StartedAt.Before(others)) {
			others = other.StartedAt
		}
	}
	if others.IsZero() {
		others = now
	}
	if others.After(since) {
		since = others
	}
	return since.Add(unseen)
}

// loseTasks gives up the tasks of an instance that is away for too long. If its
// agent comes back, it is told to stop them.
func (l Limits) loseTasks(p *plan.Plan, v *state.View, i state.ContainerInstance, now time.Time) {
	after := l.LostAfter
	if strings.HasSuffix(i.Cluster, "/"+state.FargateCluster) {
		after = l.FargateLostAfter
	}
	if after == 0 {
		return
	}
	end := i.DisconnectedAt.Add(after)
	for t := range v.TasksOn(i.ARN) {
		if t.Stopped() {
			continue
		}
		if now.Before(end) {
			p.WakeAt(end)
			return
		}
		p.Do(plan.EndTask{ARN: t.ARN, Code: types.TaskStopCodeTerminationNotice, Reason: lostReason(i)})
	}
}

// lostReason is ECS's text, which tools look for. Users do not see the machines
// of Fargate.
func lostReason(i state.ContainerInstance) string {
	if strings.HasSuffix(i.Cluster, "/"+state.FargateCluster) {
		return "The host of the task was lost."
	}
	host := i.EC2ID
	if host == "" {
		host = i.ARN[strings.LastIndexByte(i.ARN, '/')+1:]
	}
	return "Host EC2 (instance " + host + ") terminated."
}

// Server forgets s some time after it ended.
func Server(v *state.View, s state.Server, now time.Time) (p plan.Plan) {
	if end := s.SeenAt.Add(remembered); now.Before(end) {
		p.WakeAt(end)
		return p
	}
	for range v.InstancesConnectedTo(s.ID) {
		p.WakeAt(now.Add(unseen)) // it is needed to tell when they are lost
		return p
	}
	p.Do(plan.RemoveServer{ID: s.ID})
	return p
}
