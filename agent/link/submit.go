package link

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/agent/engine"
)

// Changed has what is new about a task submitted: at once, in order, one call
// at a time, until the control plane has accepted it. It is engine.Config.Changed.
func (l *Link) Changed(arn string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running == nil || l.running.Err() != nil {
		return // Run looks at all tasks when it starts
	}
	if t, _ := l.engine.Task(engine.ID(arn)); slices.ContainsFunc(t.Containers, func(c engine.Container) bool { return c.Check != nil }) {
		select {
		case l.health <- struct{}{}: // TCS looks whether it was that
		default:
		}
	}
	if _, busy := l.busy[arn]; busy {
		l.busy[arn] = true
		return
	}
	l.busy[arn] = false
	ctx, tasks := l.running, l.engine
	l.senders.Go(func() { l.submitAll(ctx, tasks, arn) })
}

// submitAll submits what there is about a task, and what comes up meanwhile.
func (l *Link) submitAll(ctx context.Context, tasks *engine.Engine, arn string) {
	wait := backoff{first: time.Second, last: 30 * time.Second, factor: 1.3}
	for {
		more, err := l.submit(ctx, tasks, arn)
		if err != nil {
			l.cfg.Log.Warn("cannot submit a task's state yet", "task", arn, "err", err)
			if wait.pause(ctx) == nil {
				continue
			}
		}
		l.mu.Lock()
		again := (more || l.busy[arn]) && ctx.Err() == nil
		l.busy[arn] = false
		if !again {
			delete(l.busy, arn)
		}
		l.mu.Unlock()
		if !again {
			return
		}
		wait.reset()
	}
}

// submit submits the next change of a task, if there is one.
func (l *Link) submit(ctx context.Context, tasks *engine.Engine, arn string) (more bool, err error) {
	if err := l.slots.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer l.slots.Release(1)
	change, some := tasks.Change(arn)
	if !some {
		return false, nil
	}
	_, err = l.api.SubmitTaskStateChange(ctx, submission(l.cfg.Cluster, change))
	var invalid *types.InvalidParameterException
	if errors.As(err, &invalid) { // the control plane does not want it, now or later
		l.cfg.Log.Warn("the control plane drops a task's state", "task", arn, "status", change.Status, "err", err)
	} else if err != nil {
		return false, err
	} else {
		l.tell(change)
	}
	tasks.Sent(change)
	return true, nil
}

// tell logs what people at this machine want to know of a change.
func (l *Link) tell(c engine.Change) {
	if c.Status == "PENDING" {
		return
	}
	attrs := []any{"task", c.Task, "status", c.Status}
	if c.Reason != "" {
		attrs = append(attrs, "reason", c.Reason)
	}
	for _, container := range c.Containers {
		if container.ExitCode != nil {
			attrs = append(attrs, "exit_code."+container.Name, *container.ExitCode)
		}
		if container.Reason != "" {
			attrs = append(attrs, "reason."+container.Name, container.Reason)
		}
	}
	l.cfg.Log.Info("task", attrs...)
}

// submission is a change in the API's form.
func submission(cluster string, c engine.Change) *ecs.SubmitTaskStateChangeInput {
	in := &ecs.SubmitTaskStateChangeInput{
		Cluster: &cluster, Task: &c.Task, Status: &c.Status, Reason: &c.Reason,
		PullStartedAt: moment(c.PullStartedAt), PullStoppedAt: moment(c.PullStoppedAt), ExecutionStoppedAt: moment(c.ExecutionStoppedAt),
	}
	for _, container := range c.Containers {
		in.Containers = append(in.Containers, containerChange(container))
	}
	for _, arn := range c.Attached {
		in.Attachments = append(in.Attachments, types.AttachmentStateChange{AttachmentArn: aws.String(arn), Status: aws.String("ATTACHED")})
	}
	return in
}

func containerChange(c engine.Container) types.ContainerStateChange {
	out := types.ContainerStateChange{
		ContainerName: &c.Name, Status: aws.String(c.Status.String()), Reason: text(c.Reason), ImageDigest: text(c.Image.Digest),
	}
	if !c.CreatedAt.IsZero() {
		out.RuntimeId = &c.RuntimeID
	}
	if c.ExitCode != nil {
		out.ExitCode = aws.Int32(int32(*c.ExitCode))
	}
	for _, b := range c.Bindings {
		binding := types.NetworkBinding{BindIP: text(b.IP), Protocol: types.TransportProtocol(b.Protocol)}
		if b.ContainerPortSpan != "" {
			binding.ContainerPortRange, binding.HostPortRange = &b.ContainerPortSpan, &b.HostPortSpan
		} else {
			binding.ContainerPort, binding.HostPort = &b.ContainerPort, &b.HostPort
		}
		out.NetworkBindings = append(out.NetworkBindings, binding)
	}
	return out
}

// text is nil for an empty text, as the API leaves members out.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
