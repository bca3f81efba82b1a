package link

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// registration is what is remembered of the instance between two starts.
type registration struct {
	Cluster  string
	Instance string // ARN
}

func (l *Link) remembered() (r registration, err error) {
	text, err := os.ReadFile(l.cfg.File)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w", l.cfg.File, err)
	}
	return r, nil
}

func (l *Link) remember(r registration) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	fresh := l.cfg.File + ".new"
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, l.cfg.File)
}

// register makes this machine a container instance, under the ARN that it had
// before if it had one. It tries for as long as that may help.
func (l *Link) register(ctx context.Context) error {
	known, err := l.remembered()
	if err != nil {
		return err
	}
	if known.Cluster != "" && known.Cluster != l.cfg.Cluster {
		return fmt.Errorf("this agent's data belongs to an instance of cluster %s: give it --cluster %s, or another data directory", known.Cluster, known.Cluster)
	}
	token, first := rand.Text(), known.Instance == ""
	wait := backoff{first: 500 * time.Millisecond, last: 30 * time.Second}
	for {
		out, err := l.api.RegisterContainerInstance(ctx, l.registerInput(known.Instance), withToken(token))
		if err == nil {
			known = registration{l.cfg.Cluster, aws.ToString(out.ContainerInstance.ContainerInstanceArn)}
			if err := l.remember(known); err != nil {
				return err
			}
			l.instance.Store(out.ContainerInstance)
			l.cfg.Log.Info("registered", "instance", known.Instance, "again", !first)
			return nil
		}
		var missing *types.ClusterNotFoundException
		if errors.As(err, &missing) && l.cfg.Cluster == "default" { // that one is made by the first who needs it
			if _, err := l.api.CreateCluster(ctx, &ecs.CreateClusterInput{}); err == nil {
				continue
			}
		}
		switch verdict(err) {
		case forgotten:
			if known.Instance != "" { // deregistered, lost, or left behind with other credentials: its tasks will be stopped
				l.cfg.Log.Warn("this agent cannot be the instance that it was; registering as a new one", "instance", known.Instance, "err", err)
				known.Instance = ""
				continue
			}
			return fmt.Errorf("register container instance: %w", err)
		case refused:
			return fmt.Errorf("register container instance: %w", err)
		}
		l.cfg.Log.Warn("cannot register yet", "err", err)
		if err := wait.pause(ctx); err != nil {
			return err
		}
	}
}

func (l *Link) registerInput(instance string) *ecs.RegisterContainerInstanceInput {
	in := &ecs.RegisterContainerInstanceInput{
		Cluster: &l.cfg.Cluster, TotalResources: l.cfg.Resources, Attributes: l.cfg.Attributes,
		Tags: l.cfg.Tags, PlatformDevices: l.cfg.Devices,
		VersionInfo: &types.VersionInfo{AgentVersion: &l.cfg.Version, DockerVersion: &l.cfg.Runtime},
	}
	if instance != "" {
		in.ContainerInstanceArn = &instance
	}
	return in
}

type answer int

const (
	later     answer = iota // it may go better the next time
	refused                 // it will not
	forgotten               // the instance is not registered, or is that of other credentials
)

// verdict is what an error of RegisterContainerInstance means for the next try.
func verdict(err error) answer {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return later
	}
	switch code := api.ErrorCode(); {
	case strings.Contains(api.ErrorMessage(), "type changes are not supported"), code == "InvalidParameterException":
		return refused
	case code == "ClientException", strings.Contains(api.ErrorMessage(), "is not the agent of the container instance"):
		return forgotten
	}
	return later
}

// withToken adds the call's idempotency token, which agents send and the SDK's
// struct lacks.
func withToken(token string) func(*ecs.Options) {
	add := middleware.BuildMiddlewareFunc("ClientToken", func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
		var out middleware.BuildOutput
		request, ok := in.Request.(*smithyhttp.Request)
		if !ok {
			return out, middleware.Metadata{}, fmt.Errorf("no HTTP request but %T", in.Request)
		}
		body, err := io.ReadAll(request.GetStream())
		if err != nil {
			return out, middleware.Metadata{}, err
		}
		body = append([]byte(`{"clientToken":"`+token+`",`), bytes.TrimPrefix(body, []byte("{"))...)
		if request, err = request.SetStream(bytes.NewReader(body)); err != nil {
			return out, middleware.Metadata{}, err
		}
		in.Request = request
		return next.HandleBuild(ctx, in)
	})
	return func(o *ecs.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Build.Add(add, middleware.Before)
		})
	}
}

// Tags are those of a task or of this instance.
func (l *Link) Tags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := l.api.ListTagsForResource(ctx, &ecs.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, t := range out.Tags {
		all[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return all, nil
}
