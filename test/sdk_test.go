package test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// TestSDK is what a Go program does: typed exceptions, paginators, and calls
// that go on while the control plane is away.
func TestSDK(t *testing.T) {
	t.Parallel()
	b := up(t)
	client := b.client()
	t.Run("exceptions", func(t *testing.T) { testExceptions(t, client) })
	t.Run("paginators", func(t *testing.T) { testPaginators(t, client) })
	t.Run("identity", func(t *testing.T) { testIdentity(t, b) })
	t.Run("restart", func(t *testing.T) { testRetries(t, b) })
}

func testExceptions(t *testing.T, client *ecs.Client) {
	ctx := t.Context()
	_, err := client.DeleteCluster(ctx, &ecs.DeleteClusterInput{Cluster: aws.String("nowhere")})
	if notFound := (*types.ClusterNotFoundException)(nil); !errors.As(err, &notFound) || notFound.ErrorMessage() != "Cluster not found." {
		t.Errorf("DeleteCluster: %v", err)
	}
	_, err = client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{Family: aws.String("web"), ContainerDefinitions: []types.ContainerDefinition{}})
	if wrong := (*types.ClientException)(nil); !errors.As(err, &wrong) {
		t.Errorf("RegisterTaskDefinition: %v", err)
	}
	_, err = client.ListTagsForResource(ctx, &ecs.ListTagsForResourceInput{ResourceArn: aws.String(here + "task/web/0")})
	if missing := (*types.ResourceNotFoundException)(nil); !errors.As(err, &missing) {
		t.Errorf("ListTagsForResource: %v", err)
	}
	_, err = client.ExecuteCommand(ctx, &ecs.ExecuteCommandInput{Task: aws.String("web"), Command: aws.String("sh"), Interactive: true})
	if unbuilt := (smithy.APIError)(nil); !errors.As(err, &unbuilt) || unbuilt.ErrorCode() != "UnsupportedOperationException" {
		t.Errorf("ExecuteCommand: %v", err)
	}
}

func testPaginators(t *testing.T, client *ecs.Client) {
	for i := range 5 {
		if _, err := client.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String(fmt.Sprint("page-", i))}); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	pages := ecs.NewListClustersPaginator(client, &ecs.ListClustersInput{MaxResults: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, fmt.Sprint(len(page.ClusterArns)))
	}
	if got := strings.Join(seen, " "); got != "2 2 1" {
		t.Errorf("pages of %s clusters, want 2 2 1", got)
	}
}

// testIdentity asks who we are, signed and presigned as clients of other
// services do to prove it.
func testIdentity(t *testing.T, b *berth) {
	client := sts.New(sts.Options{BaseEndpoint: &b.url, Region: region, Credentials: b.key})
	who, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "arn:aws:iam::"+account+":root" || *who.Account != account {
		t.Errorf("GetCallerIdentity: %+v, %v", who, err)
	}
	presigned, err := sts.NewPresignClient(client).PresignGetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	for change, want := range map[string]string{"": "<Arn>arn:aws:iam::" + account + ":root</Arn>", "0": "<Code>SignatureDoesNotMatch</Code>"} {
		answer, err := http.Get(strings.Replace(presigned.URL, "X-Amz-Signature=", "X-Amz-Signature="+change, 1))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("presigned call: %s, %v: want %s", text, err, want)
		}
	}
}

// testRetries restarts the control plane under a program that takes notice of
// nothing but answers.
func testRetries(t *testing.T, b *berth) {
	patient := b.client(func(o *ecs.Options) { o.RetryMaxAttempts = 30 })
	calls, failed := make(chan int), make(chan error, 1)
	go func() {
		defer close(calls)
		for i := 0; ; i++ {
			_, err := patient.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String(fmt.Sprint("patient-", i))})
			if err != nil {
				failed <- err
				return
			}
			select {
			case calls <- i:
			case <-t.Context().Done():
				return
			}
		}
	}()
	for range 3 {
		for range 20 {
			select {
			case <-calls:
			case err := <-failed:
				t.Fatal(err)
			}
		}
		b.kill()
		b.start(t)
	}
}
