package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"golang.org/x/sync/errgroup"

	"berth/cli"
	"berth/cli/join"
)

// fleet is all agents.
type fleet struct {
	agents []*agent
	open   atomic.Int64 // sockets
	stop   func()
}

// newFleet joins, registers and connects n agents.
func newFleet(ctx context.Context, srv *server, n int) (*fleet, error) {
	api, err := srv.client()
	if err != nil {
		return nil, err
	}
	if _, err := api.CreateCluster(ctx, &ecs.CreateClusterInput{}); err != nil {
		return nil, err
	}
	var token bytes.Buffer
	if err := cli.CreateToken(ctx, &token, dataDir(srv.dir), time.Hour); err != nil {
		return nil, err
	}
	f := &fleet{agents: make([]*agent, n)}
	var g errgroup.Group
	g.SetLimit(64)
	for i := range n {
		g.Go(func() (err error) {
			f.agents[i], err = joinAs(ctx, srv.url(), strings.TrimSpace(token.String()), i)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running errgroup.Group
	for _, a := range f.agents {
		running.Go(func() error { a.run(ctx, &f.open); return nil })
	}
	f.stop = func() { cancel(); running.Wait() }
	return f, f.connected(ctx)
}

// connected waits until every agent has a socket.
func (f *fleet) connected(ctx context.Context) error {
	return until(ctx, func(context.Context) (bool, error) { return f.open.Load() == int64(len(f.agents)), nil })
}

// joinAs makes the agent with a number.
func joinAs(ctx context.Context, url, token string, number int) (*agent, error) {
	body, err := json.Marshal(join.Request{Token: token, Name: fmt.Sprint("agent-", number)})
	if err != nil {
		return nil, err
	}
	response, err := http.Post(url+join.Path, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("join: %s: %s, %w", response.Status, text, err)
	}
	var got join.Answer
	if err := json.Unmarshal(text, &got); err != nil {
		return nil, err
	}
	a := &agent{
		url: url, region: got.Region, signer: v4.NewSigner(), known: map[string]status{}, nudge: make(chan struct{}, 1),
		key:  aws.Credentials{AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretKey},
		http: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxConnsPerHost: 1}},
	}
	return a, a.register(ctx, number)
}

// attributes are some of those that agents register.
func attributes(number int) (all []map[string]string) {
	for _, name := range []string{"docker-remote-api.1.18", "docker-remote-api.1.24", "docker-remote-api.1.29", "ecr-auth",
		"logging-driver.awslogs", "logging-driver.json-file", "privileged-container", "task-iam-role"} {
		all = append(all, map[string]string{"name": "com.amazonaws.ecs.capability." + name})
	}
	return append(all, map[string]string{"name": "berth.task-eni"}, map[string]string{"name": "ecs.capability.task-eni"},
		map[string]string{"name": "ecs.os-type", "value": "linux"},
		map[string]string{"name": "ecs.availability-zone", "value": "us-east-1" + string("abc"[number%3])})
}
