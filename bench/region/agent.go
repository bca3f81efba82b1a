package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/gorilla/websocket"

	"berth/api/acs/message"
)

// agent is a container agent that does all of one but to run containers. It
// signs by hand: an SDK's client for each of a thousand would be most of what
// is measured.
type agent struct {
	url, region string
	key         aws.Credentials
	signer      *v4.Signer
	http        *http.Client
	instance    string // ARN

	mu    sync.Mutex
	known map[string]status // by the ARN of the task
	nudge chan struct{}     // holds one: there may be something to submit
}

// status is what a task is here, and what the control plane has accepted.
type status struct{ is, sent string }

func (a *agent) register(ctx context.Context, number int) error {
	resource := func(name string, n int) map[string]any {
		return map[string]any{"name": name, "type": "INTEGER", "integerValue": n}
	}
	var out struct {
		ContainerInstance struct{ ContainerInstanceArn string }
	}
	err := a.call(ctx, "RegisterContainerInstance", map[string]any{
		"cluster": "default", "attributes": attributes(number),
		"totalResources": []any{resource("CPU", 64<<10), resource("MEMORY", 256<<10)},
	}, &out)
	a.instance = out.ContainerInstance.ContainerInstanceArn
	return err
}

// refused is an answer that trying again does not change.
type refused struct{ text string }

func (e *refused) Error() string { return e.text }

// call does one signed call of the ECS API.
func (a *agent) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113."+operation)
	if err := a.sign(ctx, request, body); err != nil {
		return err
	}
	response, err := a.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusBadRequest:
		return &refused{fmt.Sprintf("%s: %s", operation, text)}
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s: %s", operation, response.Status, text)
	}
	return json.Unmarshal(text, out)
}

func (a *agent) sign(ctx context.Context, r *http.Request, body []byte) error {
	sum := sha256.Sum256(body)
	return a.signer.SignHTTP(ctx, a.key, r, hex.EncodeToString(sum[:]), "ecs", a.region, time.Now())
}

// run holds the socket open and submits what becomes of tasks, until ctx ends.
func (a *agent) run(ctx context.Context, open *atomic.Int64) {
	var submitting sync.WaitGroup
	submitting.Go(func() { a.submitAll(ctx) })
	defer submitting.Wait()
	const first = 250 * time.Millisecond // doubles, as with berth's agent
	for wait := first; ctx.Err() == nil; wait *= 2 {
		if a.converse(ctx, open) {
			wait = first
		}
		pause(ctx, wait+rand.N(wait))
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// converse opens the socket and takes what comes until it ends. It reports
// whether there was one.
func (a *agent) converse(ctx context.Context, open *atomic.Int64) bool {
	query := url.Values{"clusterArn": {"default"}, "containerInstanceArn": {a.instance}, "agentVersion": {"1.105.1"},
		"seqNum": {"1"}, "protocolVersion": {"2"}, "sendCredentials": {"true"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/acs/ws?"+query.Encode(), nil)
	if err != nil || a.sign(ctx, request, nil) != nil {
		return false
	}
	request.Header.Del("Host")
	conn, _, err := websocket.DefaultDialer.DialContext(ctx, strings.Replace(request.URL.String(), "http", "ws", 1), request.Header)
	if err != nil {
		return false
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	open.Add(1)
	defer open.Add(-1)
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return true
		}
		answer := a.take(text)
		if answer == nil {
			continue
		}
		if text, err = message.Encode(answer); err != nil {
			return true
		}
		if conn.WriteMessage(websocket.TextMessage, text) != nil {
			return true
		}
	}
}

// take handles a message and returns what to answer.
func (a *agent) take(text []byte) message.Message {
	m, err := message.Decode(text)
	if err != nil {
		return nil
	}
	switch m := m.(type) {
	case *message.Heartbeat:
		return &message.HeartbeatAck{MessageID: m.MessageID}
	case *message.Payload:
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, t := range m.Tasks {
			if s := a.known[t.ARN]; t.DesiredStatus == "STOPPED" || s.is == "" {
				a.known[t.ARN] = status{t.DesiredStatus, s.sent}
			}
		}
		select {
		case a.nudge <- struct{}{}:
		default:
		}
		return &message.Ack{Cluster: m.Cluster, ContainerInstance: m.ContainerInstance, MessageID: m.MessageID}
	}
	return nil
}

// submitAll submits what has changed, one task at a time, until ctx ends.
func (a *agent) submitAll(ctx context.Context) {
	for {
		select {
		case <-a.nudge:
		case <-ctx.Done():
			return
		}
		for task, is := a.changed(); task != "" && ctx.Err() == nil; task, is = a.changed() {
			if err := a.submit(ctx, task, is); err != nil {
				pause(ctx, time.Second)
			}
		}
	}
}

// changed is a task whose status the control plane does not know.
func (a *agent) changed() (task, is string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for task, s := range a.known {
		if s.is != s.sent {
			return task, s.is
		}
	}
	return "", ""
}

func (a *agent) submit(ctx context.Context, task, is string) error {
	now := float64(time.Now().UnixMilli()) / 1000
	container := map[string]any{"containerName": "web", "status": is, "runtimeId": task[len(task)-32:],
		"imageDigest": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
	in := map[string]any{"cluster": "default", "task": task, "status": is, "containers": []any{container}, "pullStartedAt": now, "pullStoppedAt": now}
	if is == "STOPPED" {
		container["exitCode"], in["executionStoppedAt"] = 0, now
	}
	err := a.call(ctx, "SubmitTaskStateChange", in, &struct{}{})
	var no *refused
	if err != nil && !errors.As(err, &no) {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.known[task]; is == "STOPPED" {
		delete(a.known, task)
	} else {
		a.known[task] = status{s.is, is}
	}
	return nil
}
