package ecs

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/deploy"
	"berth/state"
)

const (
	mostHistory    = 20  // service deployments or revisions described in a call
	mostListed     = 100 // service deployments in a page
	listedByItself = 20  // where no number is given
)

// ListServiceDeployments lists the service deployments of a service, newest first.
func (a *API) ListServiceDeployments(_ context.Context, in *ecs.ListServiceDeploymentsInput) (*ecs.ListServiceDeploymentsOutput, error) {
	if err := checkEnums(in); err != nil {
		return nil, err
	}
	limit := listedByItself
	if in.MaxResults != nil {
		var err error
		if limit, err = pageSize(in.MaxResults, mostListed); err != nil {
			return nil, err
		}
	}
	v := a.store.View()
	s, err := a.historyOf(v, aws.ToString(in.Cluster), aws.ToString(in.Service))
	if err != nil {
		return nil, err
	}
	newest := map[string]string{} // ARNs, by keys that sort the newest first
	for d := range v.DeploymentsOf(s.ARN) {
		if (len(in.Status) == 0 || slices.Contains(in.Status, d.Status)) && createdWithin(d.CreatedAt, in.CreatedAt) {
			newest[fmt.Sprintf("%019d %s", math.MaxInt64-d.CreatedAt.UnixMilli(), d.ARN)] = d.ARN
		}
	}
	keys, next, err := page(slices.Values(slices.Sorted(maps.Keys(newest))), in.NextToken, limit)
	if err != nil {
		return nil, err
	}
	out := &ecs.ListServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeploymentBrief{}, NextToken: next}
	for _, key := range keys {
		d, _ := v.ServiceDeployments.Get(newest[key])
		out.ServiceDeployments = append(out.ServiceDeployments, a.describeDeploymentBrief(d))
	}
	return out, nil
}

// historyOf finds the service whose history a call asks for, which may be
// deleted. An ARN needs no cluster beside it.
func (a *API) historyOf(v *state.View, cluster, service string) (state.Service, error) {
	if service == "" {
		return state.Service{}, invalid("Service cannot be empty.")
	}
	if cluster == "" && strings.Count(service, "/") == 2 { // arn:…:service/cluster/name
		cluster = service[strings.IndexByte(service, '/')+1 : strings.LastIndexByte(service, '/')]
	}
	c, err := a.activeCluster(v, cluster)
	if err != nil {
		return state.Service{}, err
	}
	s, ok := a.service(v, c, service)
	if !ok {
		return s, serviceNotFound()
	}
	return s, nil
}

func createdWithin(at time.Time, want *types.CreatedAt) bool {
	return want == nil || (want.After == nil || at.After(*want.After)) && (want.Before == nil || at.Before(*want.Before))
}

// DescribeServiceDeployments describes up to twenty service deployments.
func (a *API) DescribeServiceDeployments(_ context.Context, in *ecs.DescribeServiceDeploymentsInput) (*ecs.DescribeServiceDeploymentsOutput, error) {
	if err := a.checkHistory("serviceDeploymentArns", "service-deployment", in.ServiceDeploymentArns); err != nil {
		return nil, err
	}
	v := a.store.View()
	out := &ecs.DescribeServiceDeploymentsOutput{ServiceDeployments: []types.ServiceDeployment{}, Failures: []types.Failure{}}
	for _, name := range in.ServiceDeploymentArns {
		if d, ok := v.ServiceDeployments.Get(name); ok {
			out.ServiceDeployments = append(out.ServiceDeployments, a.describeServiceDeployment(v, d))
		} else {
			out.Failures = append(out.Failures, types.Failure{Arn: &name, Reason: aws.String("MISSING")})
		}
	}
	return out, nil
}

// checkHistory checks the ARNs of things that belong to services.
func (a *API) checkHistory(member, kind string, arns []string) error {
	switch n := len(arns); {
	case n == 0:
		return invalid(member + " cannot be empty.")
	case n > mostHistory:
		return invalid(fmt.Sprintf("%s can have at most %d items.", member, mostHistory))
	}
	for _, name := range arns {
		if !a.belongsToService(kind, name) {
			return invalid(fmt.Sprintf("The ARN %q is invalid: want arn:aws:ecs:%s:%s:%s/cluster/service/id.", name, a.region, a.account, kind))
		}
	}
	return nil
}

func (a *API) belongsToService(kind, name string) bool {
	path, ours := strings.CutPrefix(name, a.arn(kind+"/"))
	return ours && strings.Count(path, "/") >= 2
}

// StopServiceDeployment ends a service deployment, rolled back or as far as it is.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stop-service-deployment.html
func (a *API) StopServiceDeployment(ctx context.Context, in *ecs.StopServiceDeploymentInput) (*ecs.StopServiceDeploymentOutput, error) {
	if err := checkEnums(in); err != nil {
		return nil, err
	}
	err := a.changeDeployment(ctx, aws.ToString(in.ServiceDeploymentArn), func(tx *state.Tx, d state.ServiceDeployment) error {
		if d.Over() {
			return &types.ConflictException{
				Message:     aws.String(fmt.Sprintf("The service deployment cannot be stopped because it is in the %s state.", d.Status)),
				ResourceIds: []string{d.ARN},
			}
		}
		if in.StopType == types.StopServiceDeploymentStopTypeAbort {
			deploy.Abort(tx, d)
		} else {
			deploy.RollBack(tx, d)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecs.StopServiceDeploymentOutput{ServiceDeploymentArn: in.ServiceDeploymentArn}, nil
}

// ContinueServiceDeployment answers a hook that a service deployment waits at:
// go on, or roll back.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/continue-service-deployment.html
func (a *API) ContinueServiceDeployment(ctx context.Context, in *ecs.ContinueServiceDeploymentInput) (*ecs.ContinueServiceDeploymentOutput, error) {
	if err := checkEnums(in); err != nil {
		return nil, err
	}
	hook := aws.ToString(in.HookId)
	if hook == "" {
		return nil, invalid("hookId cannot be empty.")
	}
	err := a.changeDeployment(ctx, aws.ToString(in.ServiceDeploymentArn), func(tx *state.Tx, d state.ServiceDeployment) error {
		if d.Status != types.ServiceDeploymentStatusInProgress {
			return invalid(fmt.Sprintf("The service deployment cannot be continued because it is in the %s state: it must be IN_PROGRESS.", d.Status))
		}
		i := slices.IndexFunc(d.Hooks, func(h types.DeploymentLifecycleHookDetail) bool {
			return *h.HookId == hook && h.Status == types.DeploymentLifecycleHookStatusAwaitingAction
		})
		if i < 0 {
			return invalid(fmt.Sprintf("The service deployment does not wait at the lifecycle hook %q. Specify the hookId of a hook that is AWAITING_ACTION.", hook))
		}
		if in.Action == types.DeploymentLifecycleHookActionRollback {
			deploy.RollBack(tx, d)
		} else {
			deploy.Continue(tx, d, hook)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecs.ContinueServiceDeploymentOutput{ServiceDeploymentArn: in.ServiceDeploymentArn}, nil
}

// changeDeployment finds a service deployment, for one transaction.
func (a *API) changeDeployment(ctx context.Context, name string, change func(*state.Tx, state.ServiceDeployment) error) error {
	if name == "" {
		return invalid("serviceDeploymentArn cannot be empty.")
	}
	if err := a.checkHistory("serviceDeploymentArn", "service-deployment", []string{name}); err != nil {
		return err
	}
	return a.store.Update(ctx, func(tx *state.Tx) error {
		d, ok := tx.ServiceDeployments.Get(name)
		if !ok {
			return &types.ServiceDeploymentNotFoundException{Message: aws.String("The service deployment " + name + " was not found.")}
		}
		return change(tx, d)
	})
}
