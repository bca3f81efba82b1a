package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/agent/engine"
	"berth/agent/logdriver"
	"berth/agent/oci"
)

const (
	// drainAtOnce is how long Clean waits for logs before it lets others go on.
	drainAtOnce = 10 * time.Second
	// drainAtAll is after how long the log of a task that has stopped is given up.
	drainAtAll = 24 * time.Hour
)

// shipment is a container's log on its way to CloudWatch Logs.
type shipment struct {
	*logdriver.Shipper
	stop context.CancelFunc
}

// driver is what a container's log configuration asks for.
func driver(t *engine.Task, container string) (logdriver.Driver, error) {
	docker, err := oci.Parse(t.Definition(container).DockerConfig)
	if err != nil {
		return logdriver.Driver{}, err
	}
	return logdriver.Parse(docker.HostConfig.LogConfig.Type, docker.HostConfig.LogConfig.Config)
}

func (h *Host) logDir(task, container string) string { return h.dir(task, "logs", container) }

// shipper makes the shipper of a container's log; nil if it stays here.
func (h *Host) shipper(t *engine.Task, container string) (*logdriver.Shipper, error) {
	d, err := driver(t, container)
	if err != nil || d.Type != logdriver.TypeAWSLogs {
		return nil, err
	}
	return logdriver.NewShipper(logdriver.Config{
		Dir: h.logDir(t.ID(), container), AWSLogs: d.AWSLogs, Stream: t.Container(container).RuntimeID, Endpoint: h.cfg.Endpoint,
		Credentials: h.credentials(t), Log: h.cfg.Log,
	})
}

// credentials are those that act for a task outside of it: its execution
// role's, or the agent's own if it has none.
func (h *Host) credentials(t *engine.Task) aws.CredentialsProvider {
	if t.Payload.ExecutionRoleCredentials == nil {
		return h.cfg.Credentials
	}
	task := t.ID()
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		c := h.cfg.Execution(task)
		if c == nil {
			return aws.Credentials{}, errors.New("the credentials of the execution role have not come yet")
		}
		return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}, nil
	})
}

// ship has a container's log shipped until the container is cleaned up.
func (h *Host) ship(t *engine.Task, container string) *shipment {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := id(t, container)
	if s := h.shipping[key]; s != nil || h.ctx.Err() != nil {
		return s
	}
	shipper, err := h.shipper(t, container)
	if err != nil || shipper == nil {
		if err != nil {
			h.cfg.Log.Error("cannot ship a log", "container", key, "err", err)
		}
		return nil
	}
	ctx, stop := context.WithCancel(h.ctx)
	s := &shipment{shipper, stop}
	h.shipping[key] = s
	h.ships.Go(func() {
		if err := shipper.Run(ctx); err != nil && ctx.Err() == nil {
			h.cfg.Log.Error("shipping a log ended", "container", key, "err", err)
		}
	})
	return s
}

// drain waits until a task's logs are where they belong. An error says that
// they are not yet, and to try again.
func (h *Host) drain(ctx context.Context, t *engine.Task) error {
	ctx, cancel := context.WithTimeout(ctx, drainAtOnce)
	defer cancel()
	for _, c := range t.Containers {
		if c.CreatedAt.IsZero() {
			continue
		}
		s := h.ship(t, c.Name)
		if s == nil {
			continue
		}
		s.Finish()
		select {
		case <-s.Drained():
		case <-ctx.Done():
			if time.Since(t.StoppedAt) < drainAtAll {
				return fmt.Errorf("the log of container %s is not shipped yet", c.Name)
			}
			h.cfg.Log.Error("giving up a log that cannot be shipped", "task", t.Payload.ARN, "container", c.Name)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range t.Containers {
		if s := h.shipping[id(t, c.Name)]; s != nil {
			s.stop()
			delete(h.shipping, id(t, c.Name))
		}
	}
	return nil
}
