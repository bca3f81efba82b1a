package test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const writers = 8

// TestKill kills the whole process at random moments while writers are at work.
// After each restart, everything that any of them was ever told is there, and
// nothing is half there.
func TestKill(t *testing.T) {
	t.Parallel()
	b := up(t)
	var all [writers]writer
	for i := range all {
		all[i] = writer{name: fmt.Sprintf("w%d", i), tag: map[string]int{}}
	}
	for round := range 10 {
		underLoad(all[:], 20+rand.N(60), func(int) *ecs.Client { return b.client(noRetries) }, b.kill)
		b.start(t)
		for i := range all {
			all[i].check(t, round, b.client())
		}
		if t.Failed() {
			break
		}
	}
	answered := 0
	for i := range all {
		answered += all[i].revision + len(all[i].tag)
	}
	if t.Logf("%d writes were answered", answered); answered < 100 {
		t.Error("too few writes to show anything")
	}
}

// underLoad lets all writers work until they have that many answers together,
// strikes, and returns when what that did to the servers has stopped them all.
func underLoad(all []writer, answers int, client func(i int) *ecs.Client, strike func()) {
	var answered atomic.Int64
	enough, stopped := make(chan struct{}), make(chan struct{})
	count := func() {
		if answered.Add(1) == int64(answers) {
			close(enough)
		}
	}
	var working sync.WaitGroup
	for i := range all {
		working.Go(func() { all[i].work(client(i), count) })
	}
	go func() { working.Wait(); close(stopped) }()
	select {
	case <-enough:
	case <-stopped: // all failed before; the test's checks say what is missing
	}
	strike()
	<-stopped
}

func noRetries(o *ecs.Options) { o.RetryMaxAttempts = 1 }

// writer remembers what it was told, and what it does not know because an
// answer did not come.
type writer struct {
	name     string
	revision int            // the last one registered for sure
	lost     int            // registrations without an answer
	cluster  int            // clusters created for sure: name-1 …
	tag      map[string]int // what each cluster's tag is for sure
	asked    int            // the number in the newest request
}

// work registers task definitions, creates clusters and tags them until it
// fails, and counts the answers.
func (w *writer) work(client *ecs.Client, count func()) {
	ctx := context.Background()
	for ; ; count() {
		w.asked++
		number := strconv.Itoa(w.asked)
		out, err := client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{Family: &w.name,
			ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("nginx:" + number), Memory: aws.Int32(64)}}})
		if err != nil {
			w.lost++
			return
		}
		w.revision = int(out.TaskDefinition.Revision)

		name := fmt.Sprintf("%s-%d", w.name, w.cluster%3)
		_, err = client.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &name})
		if err != nil {
			return
		}
		w.cluster++
		_, err = client.TagResource(ctx, &ecs.TagResourceInput{ResourceArn: aws.String(here + "cluster/" + name),
			Tags: []types.Tag{{Key: aws.String("number"), Value: &number}, {Key: aws.String("twin"), Value: &number}}})
		if err != nil {
			return
		}
		w.tag[name] = w.asked
	}
}

// check holds what is there against what w was told.
func (w *writer) check(t *testing.T, round int, client *ecs.Client) {
	t.Helper()
	newest, err := client.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &w.name})
	switch {
	case err != nil && w.revision > 0:
		t.Errorf("round %d: %s:%d was answered and is gone: %v", round, w.name, w.revision, err)
	case err != nil:
	case int(newest.TaskDefinition.Revision) < w.revision || int(newest.TaskDefinition.Revision) > w.revision+w.lost:
		t.Errorf("round %d: %s is at revision %d, want %d, or up to %d more whose answer was lost", round, w.name, newest.TaskDefinition.Revision, w.revision, w.lost)
	}
	for name, number := range w.tag {
		out, err := client.ListTagsForResource(t.Context(), &ecs.ListTagsForResourceInput{ResourceArn: aws.String(here + "cluster/" + name)})
		if err != nil {
			t.Errorf("round %d: tags of %s: %v", round, name, err)
			continue
		}
		tags := map[string]string{}
		for _, tag := range out.Tags {
			tags[*tag.Key] = *tag.Value
		}
		if has, _ := strconv.Atoi(tags["number"]); has < number || has > w.asked || tags["number"] != tags["twin"] {
			t.Errorf("round %d: %s has the tags %v, want both %d, or up to %d", round, name, tags, number, w.asked)
		}
	}
}
