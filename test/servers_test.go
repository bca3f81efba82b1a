package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state/journal/journaltest"
)

// TestServers runs two servers over one etcd and kills whichever leads, while
// writers are at work on both. The other one takes over; nothing that either of
// them answered is lost.
func TestServers(t *testing.T) {
	t.Parallel()
	etcd := strings.Join(journaltest.StartEtcd(t, 1).Endpoints, ",")
	leader := run(t, t.TempDir(), "server", "--etcd-endpoints", etcd)
	follower := run(t, t.TempDir(), "server", "--etcd-endpoints", etcd)
	readsItsWrites(t, follower.client())

	var all [writers]writer
	for i := range all {
		all[i] = writer{name: fmt.Sprintf("w%d", i), tag: map[string]int{}}
	}
	for round := range 2 {
		// Those at the follower stop when their calls are passed on to nobody.
		underLoad(all[:], 60, func(i int) *ecs.Client { return []*berth{leader, follower}[i%2].client(noRetries) }, leader.kill)
		eventually(t, "the other server takes writes", func() bool {
			_, err := follower.client(noRetries).PutAccountSettingDefault(t.Context(), &ecs.PutAccountSettingDefaultInput{
				Name: types.SettingNameContainerInsights, Value: aws.String("enabled")})
			return err == nil
		})
		for i := range all {
			all[i].check(t, round, follower.client())
		}
		leader.start(t)
		for i := range all {
			all[i].check(t, round, leader.client())
		}
		leader, follower = follower, leader
	}
	readsItsWrites(t, follower.client())
}

// readsItsWrites reads each write at once from where it was answered.
func readsItsWrites(t *testing.T, client *ecs.Client) {
	t.Helper()
	for i := range 20 {
		image := fmt.Sprintf("nginx:%d", i)
		_, err := client.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{Family: aws.String("fresh"),
			ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: &image, Memory: aws.Int32(64)}}})
		if err != nil {
			t.Fatal(err)
		}
		out, err := client.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("fresh")})
		if err != nil {
			t.Fatal(err)
		}
		if got := *out.TaskDefinition.ContainerDefinitions[0].Image; got != image {
			t.Fatalf("wrote %s, read %s", image, got)
		}
	}
}
