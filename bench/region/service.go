package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// service is the one that is measured.
type service struct {
	api      *client
	config   config
	revision int // of the task definition
}

const family = "web"

func newService(ctx context.Context, api *client, c config) (*service, error) {
	s := &service{api: api, config: c}
	return s, s.define(ctx)
}

// define registers the next revision.
func (s *service) define(ctx context.Context) error {
	s.revision++
	_, err := s.api.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String(family), NetworkMode: types.NetworkMode(s.config.network),
		ContainerDefinitions: []types.ContainerDefinition{{
			Name: aws.String("web"), Image: aws.String("123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1.2.3"), Cpu: 128, Memory: aws.Int32(256),
			Environment:  []types.KeyValuePair{{Name: aws.String("RELEASE"), Value: aws.String(fmt.Sprint(s.revision))}},
			PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(8080)}},
		}},
	})
	return err
}

func (s *service) definition() *string { return aws.String(fmt.Sprintf("%s:%d", family, s.revision)) }

func (s *service) create(ctx context.Context, tasks int) error {
	in := &ecs.CreateServiceInput{
		ServiceName: aws.String(family), TaskDefinition: s.definition(), DesiredCount: aws.Int32(int32(tasks)), LaunchType: types.LaunchTypeEc2,
		PlacementStrategy: map[string][]types.PlacementStrategy{
			"spread":  {{Type: "spread", Field: aws.String("attribute:ecs.availability-zone")}, {Type: "spread", Field: aws.String("instanceId")}},
			"binpack": {{Type: "binpack", Field: aws.String("memory")}},
			"random":  {{Type: "random"}},
		}[s.config.strategy],
	}
	if s.config.network == "awsvpc" {
		in.NetworkConfiguration = &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{}}}
	}
	_, err := s.api.CreateService(ctx, in)
	return err
}

// deploy begins a deployment of another revision.
func (s *service) deploy(ctx context.Context, lowest, most int32) error {
	if err := s.define(ctx); err != nil {
		return err
	}
	_, err := s.api.UpdateService(ctx, &ecs.UpdateServiceInput{
		Service: aws.String(family), TaskDefinition: s.definition(),
		DeploymentConfiguration: &types.DeploymentConfiguration{MinimumHealthyPercent: &lowest, MaximumPercent: &most},
	})
	return err
}

func (s *service) scale(ctx context.Context, tasks int32) error {
	_, err := s.api.UpdateService(ctx, &ecs.UpdateServiceInput{Service: aws.String(family), DesiredCount: &tasks})
	return err
}

func (s *service) describe(ctx context.Context) (types.Service, error) {
	out, err := s.api.DescribeServices(ctx, &ecs.DescribeServicesInput{Services: []string{family}})
	if err != nil || len(out.Services) != 1 {
		return types.Service{}, fmt.Errorf("describe the service: %w", err)
	}
	return out.Services[0], nil
}

// running reports whether as many tasks run as should.
func (s *service) running(ctx context.Context) (bool, error) {
	d, err := s.describe(ctx)
	return d.RunningCount == d.DesiredCount && d.PendingCount == 0, err
}

// completed reports whether the newest deployment is all that is left.
func (s *service) completed(ctx context.Context) (bool, error) {
	d, err := s.describe(ctx)
	return err == nil && len(d.Deployments) == 1 && d.Deployments[0].RolloutState == types.DeploymentRolloutStateCompleted &&
		d.RunningCount == d.DesiredCount, err
}

// half reports whether half of the newest deployment's tasks run.
func (s *service) half(ctx context.Context) (bool, error) {
	d, err := s.describe(ctx)
	return err == nil && d.Deployments[0].RunningCount > d.DesiredCount/2, err
}

// read calls what dashboards call, ten times a second each, until the function
// that it returns is called, which tells how long that took.
func (b *bench) read(ctx context.Context) func() []string {
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex // guards some
	var some []string // ARNs of tasks
	calls := []*call{
		{name: "DescribeServices", do: func() error { _, err := b.service.describe(ctx); return err }},
		{name: "ListTasks, one page after the other", do: b.listing(ctx, func(arns []string) {
			mu.Lock()
			defer mu.Unlock()
			some = arns
		})},
		{name: "DescribeTasks of 100", do: func() error {
			mu.Lock()
			arns := some
			mu.Unlock()
			if len(arns) == 0 {
				return nil
			}
			_, err := b.api.DescribeTasks(ctx, &ecs.DescribeTasksInput{Tasks: arns})
			return err
		}},
	}
	var callers sync.WaitGroup
	for _, c := range calls {
		callers.Go(func() { c.repeat(ctx) })
	}
	return func() (lines []string) {
		cancel()
		callers.Wait()
		for _, c := range calls {
			lines = append(lines, c.String())
		}
		return lines
	}
}

// listing returns a call of ListTasks for the page after that of the last call.
func (b *bench) listing(ctx context.Context, got func([]string)) func() error {
	var next *string
	return func() error {
		out, err := b.api.ListTasks(ctx, &ecs.ListTasksInput{ServiceName: aws.String(family), NextToken: next})
		if err == nil {
			next = out.NextToken
			got(out.TaskArns)
		}
		return err
	}
}

// call is one operation and how long its calls took.
type call struct {
	name   string
	do     func() error
	took   []time.Duration
	failed int
}

func (c *call) repeat(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		begin := time.Now()
		if err := c.do(); err == nil {
			c.took = append(c.took, time.Since(begin))
		} else if ctx.Err() == nil {
			c.failed++
		}
	}
}

func (c *call) String() string {
	if len(c.took) == 0 {
		return fmt.Sprintf("%s: %d failed", c.name, c.failed)
	}
	slices.Sort(c.took)
	at := func(percent int) time.Duration { return c.took[len(c.took)*percent/100].Round(100 * time.Microsecond) }
	return fmt.Sprintf("%-36s p50 %v  p99 %v  (%d calls, %d failed)", c.name, at(50), at(99), len(c.took), c.failed)
}
