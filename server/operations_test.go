package server

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	ecrsdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	ecssdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	iamsdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestOperations keeps operations.txt equal to what the SDK's clients can call.
func TestOperations(t *testing.T) {
	var want strings.Builder
	for _, service := range []struct {
		name   string
		client any
	}{
		{"ecr", (*ecrsdk.Client)(nil)},
		{"ecs", (*ecssdk.Client)(nil)},
		{"iam", (*iamsdk.Client)(nil)},
		{"logs", (*cloudwatchlogs.Client)(nil)},
		{"secretsmanager", (*secretsmanager.Client)(nil)},
		{"ssm", (*ssm.Client)(nil)},
		{"sts", (*sts.Client)(nil)},
	} {
		for _, name := range operations(reflect.TypeOf(service.client)) {
			want.WriteString(service.name + " " + name + "\n")
		}
	}
	if *update {
		if err := os.WriteFile("operations.txt", []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want.String() != allOperations {
		t.Error("operations.txt is stale: go test ./server -run TestOperations -update")
	}
}
