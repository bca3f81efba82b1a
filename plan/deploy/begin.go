package deploy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// Begin makes a new deployment of a service to a workload its primary one, with
// a service revision and a service deployment of their own. It changes s, which
// the caller writes.
func Begin(tx *state.Tx, s *state.Service, r state.ServiceRevision) {
	now := tx.Now()
	number := newNumber(tx)
	r.ARN, r.Service, r.CreatedAt = resource(*s, "service-revision", number), s.ARN, now
	d, _ := tx.TaskDefinitions.Get(r.Definition)
	for _, c := range d.ContainerDefinitions {
		r.Images = append(r.Images, types.ContainerImage{ContainerName: c.Name, Image: c.Image})
	}
	tx.ServiceRevisions.Put(tx, r)

	sd := state.ServiceDeployment{
		ARN: resource(*s, "service-deployment", tx.NewID()[:21]), Service: s.ARN, Target: r.ARN,
		Status: types.ServiceDeploymentStatusPending, Rollout: s.Rollout, CreatedAt: now, UpdatedAt: now,
	}
	for _, old := range s.Deployments {
		sd.Sources = append(sd.Sources, old.Revision)
	}
	tx.ServiceDeployments.Put(tx, sd)
	if len(s.Deployments) > 0 {
		supersede(tx, s.Deployments[0].ServiceDeployment)
	}

	id := "ecs-svc/" + number
	primary := state.Deployment{
		ID: id, Revision: r.ARN, Definition: r.Definition, ServiceDeployment: sd.ARN,
		State: types.DeploymentRolloutStateInProgress, Reason: fmt.Sprintf("ECS deployment %s in progress.", id),
		CreatedAt: now, UpdatedAt: now,
	}
	s.Deployments = append([]state.Deployment{primary}, s.Deployments...)
}

// supersede stops a service deployment, by its ARN, if it is not over: a newer
// one replaces its tasks.
func supersede(tx *state.Tx, arn string) {
	sd, ok := tx.ServiceDeployments.Get(arn)
	if !ok || sd.Over() {
		return
	}
	sd.Status, sd.Reason, sd.Hooks = types.ServiceDeploymentStatusStopped, "Service deployment stopped because a newer one began.", nil
	sd.StoppedAt, sd.FinishedAt, sd.UpdatedAt = tx.Now(), tx.Now(), tx.Now()
	tx.ServiceDeployments.Put(tx, sd)
}

// newNumber is a number of 19 digits, as deployments and revisions have.
func newNumber(tx *state.Tx) string {
	n, _ := strconv.ParseUint(tx.NewID()[:15], 16, 64)
	return strconv.FormatUint(1e18+n, 10)
}

// resource is the ARN of something that belongs to a service.
func resource(s state.Service, kind, id string) string {
	cluster, _, _ := strings.Cut(s.Cluster, ":cluster/")
	return fmt.Sprintf("%s:%s/%s/%s/%s", cluster, kind, s.Cluster[strings.LastIndexByte(s.Cluster, '/')+1:], s.Name, id)
}

// Defaults fills in what a deployment configuration leaves out.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
func Defaults(c *types.DeploymentConfiguration, scheduling types.SchedulingStrategy) *types.DeploymentConfiguration {
	out := types.DeploymentConfiguration{}
	if c != nil {
		out = *c
	}
	lowest, most := int32(100), int32(200)
	if scheduling == types.SchedulingStrategyDaemon {
		lowest, most = 0, 100
	}
	if out.MinimumHealthyPercent == nil {
		out.MinimumHealthyPercent = &lowest
	}
	if out.MaximumPercent == nil {
		out.MaximumPercent = &most
	}
	if out.Strategy == "" {
		out.Strategy = types.DeploymentStrategyRolling
	}
	if out.BakeTimeInMinutes == nil {
		out.BakeTimeInMinutes = aws.Int32(0)
	}
	if out.DeploymentCircuitBreaker == nil {
		out.DeploymentCircuitBreaker = &types.DeploymentCircuitBreaker{}
	}
	return &out
}
