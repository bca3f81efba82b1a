package ecs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/daemon"
	"berth/state"
)

var daemonToken = regexp.MustCompile(`^[!-~]{0,36}$`)

// daemonRequest is what CreateDaemon and UpdateDaemon ask a daemon to be.
type daemonRequest struct {
	definition *string
	providers  []string // ARNs
	config     *types.DaemonDeploymentConfiguration
	revision   state.DaemonRevision
}

// CreateDaemon creates a daemon, and a deployment that brings it to all container
// instances of its capacity providers.
func (a *API) CreateDaemon(ctx context.Context, in *ecs.CreateDaemonInput) (*ecs.CreateDaemonOutput, error) {
	r := daemonRequest{definition: in.DaemonTaskDefinitionArn, providers: in.CapacityProviderArns, config: in.DeploymentConfiguration,
		revision: state.DaemonRevision{Critical: in.Critical == nil || *in.Critical, ManagedTags: in.EnableECSManagedTags,
			Execute: in.EnableExecuteCommand, Propagate: cmp.Or(in.PropagateTags, types.DaemonPropagateTagsNone)}}
	switch name := aws.ToString(in.DaemonName); {
	case !resourceName.MatchString(name):
		return nil, invalid("daemonName must have 1 to 255 letters, numbers, underscores and hyphens.")
	case !daemonToken.MatchString(aws.ToString(in.ClientToken)):
		return nil, invalid("clientToken can have up to 36 characters, of ASCII 33 to 126.")
	}
	if err := cmp.Or(checkEnums(in), checkTags(in.Tags), r.check()); err != nil {
		return nil, err
	}
	request, err := documents.EncodeJSON(in)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	d := state.Daemon{Name: *in.DaemonName, Status: types.DaemonStatusActive, Tags: in.Tags,
		Token: aws.ToString(in.ClientToken), Request: fmt.Sprintf("%x", sha256.Sum256(request))}
	err = a.store.Update(ctx, func(tx *state.Tx) error {
		c, err := a.activeCluster(tx.View, aws.ToString(in.ClusterArn))
		if err != nil {
			return err
		}
		d.ARN, d.Cluster, d.CreatedAt = a.arn("daemon/"+c.Name+"/"+d.Name), c.ARN, tx.Now()
		if earlier, ok := tx.Daemons.Get(d.ARN); ok {
			err := repeatedDaemon(earlier, d)
			d = earlier
			return err
		}
		return a.deployDaemon(tx, &d, r)
	})
	if err != nil {
		return nil, err
	}
	return &ecs.CreateDaemonOutput{DaemonArn: &d.ARN, DeploymentArn: &d.Deployment, Status: d.Status, CreatedAt: &d.CreatedAt}, nil
}

// repeatedDaemon says why d cannot be created beside the daemon that has its
// name; nil if the same call made it.
func repeatedDaemon(earlier, d state.Daemon) error {
	switch {
	case earlier.Status == types.DaemonStatusDeleteInProgress:
		return invalid("The daemon " + d.Name + " can not be created: a deployment deletion is ongoing. Try again when it is complete.")
	case d.Token == "" || earlier.Token != d.Token:
		return invalid("Creation of daemon was not idempotent.")
	case earlier.Request != d.Request:
		return &types.ConflictException{ResourceIds: []string{earlier.ARN}, Message: aws.String(
			"The client token was used before, for a request with other parameters. Use another client token, or repeat the request as it was.")}
	}
	return nil
}

// check checks what can be checked without the state.
func (r daemonRequest) check() error {
	switch {
	case aws.ToString(r.definition) == "":
		return invalid("daemonTaskDefinitionArn can not be blank.")
	case len(r.providers) == 0:
		return invalid("capacityProviderArns can not be empty.")
	case r.revision.Execute:
		return &types.UnsupportedFeatureException{Message: aws.String("enableExecuteCommand is not supported yet: leave it out, or set it to false.")}
	case r.config == nil:
		return nil
	}
	percent, alarms := aws.ToFloat64(r.config.DrainPercent), r.config.Alarms
	switch {
	case !(percent >= 0 && percent <= 100): // nor NaN
		return invalid("deploymentConfiguration.drainPercent must be between 0.0 and 100.0.")
	case r.config.BakeTimeInMinutes < 0 || r.config.BakeTimeInMinutes > 1440:
		return invalid("deploymentConfiguration.bakeTimeInMinutes must be between 0 and 1440.")
	case alarms != nil && alarms.Enable && len(alarms.AlarmNames) == 0:
		return invalid("deploymentConfiguration.alarms.alarmNames can not be empty when the alarms are enabled.")
	}
	return nil
}

// deployDaemon begins a deployment of d as r asks, and writes d.
func (a *API) deployDaemon(tx *state.Tx, d *state.Daemon, r daemonRequest) error {
	definition, err := a.daemonDefinition(tx.View, *r.definition)
	if err != nil {
		return clientError("DaemonTaskDefinition not found.")
	}
	if definition.Status != types.DaemonTaskDefinitionStatusActive {
		return invalid("DaemonTaskDefinition is inactive")
	}
	var providers []string
	for _, provider := range r.providers {
		p, ok := a.capacityProvider(tx.View, provider)
		switch {
		case !ok || p.Status != types.CapacityProviderStatusActive:
			return invalid("The capacity provider " + provider + " does not exist. Specify a valid ARN and try again.")
		case p.Type != types.CapacityProviderTypeManagedInstances:
			return invalid("The capacity provider " + p.Name + " is of the type " + string(p.Type) + ": daemons are only supported for Amazon ECS Managed Instances capacity providers.")
		case p.Cluster != d.Cluster:
			return invalid("The capacity provider " + p.Name + " belongs to another cluster than the daemon.")
		case slices.Contains(providers, p.Name):
			return invalid("capacityProviderArns has " + p.Name + " twice.")
		}
		providers = append(providers, p.Name)
	}
	r.revision.Definition = *definition.DaemonTaskDefinitionArn
	daemon.Begin(tx, d, r.revision, providers, daemon.Defaults(r.config))
	tx.Daemons.Put(tx, *d)
	return nil
}

// UpdateDaemon begins a deployment of what the call asks for. What it leaves out
// has its default, as in CreateDaemon.
func (a *API) UpdateDaemon(ctx context.Context, in *ecs.UpdateDaemonInput) (*ecs.UpdateDaemonOutput, error) {
	r := daemonRequest{definition: in.DaemonTaskDefinitionArn, providers: in.CapacityProviderArns, config: in.DeploymentConfiguration,
		revision: state.DaemonRevision{Critical: in.Critical == nil || *in.Critical, ManagedTags: in.EnableECSManagedTags,
			Execute: in.EnableExecuteCommand, Propagate: cmp.Or(in.PropagateTags, types.DaemonPropagateTagsNone)}}
	if err := cmp.Or(checkEnums(in), r.check()); err != nil {
		return nil, err
	}
	var d state.Daemon
	err := a.store.Update(ctx, func(tx *state.Tx) (err error) {
		if d, err = daemonOf(tx.View, in.DaemonArn); err != nil {
			return err
		}
		if d.Status != types.DaemonStatusActive {
			return &types.DaemonNotActiveException{Message: aws.String("The daemon is not active: its deletion is in progress.")}
		}
		return a.deployDaemon(tx, &d, r)
	})
	if err != nil {
		return nil, err
	}
	return &ecs.UpdateDaemonOutput{DaemonArn: &d.ARN, DeploymentArn: &d.Deployment, Status: d.Status, CreatedAt: &d.CreatedAt, UpdatedAt: &d.UpdatedAt}, nil
}

// DeleteDaemon stops all tasks of a daemon; it is gone when they have stopped.
func (a *API) DeleteDaemon(ctx context.Context, in *ecs.DeleteDaemonInput) (*ecs.DeleteDaemonOutput, error) {
	var d state.Daemon
	err := a.store.Update(ctx, func(tx *state.Tx) (err error) {
		if d, err = daemonOf(tx.View, in.DaemonArn); err != nil {
			return err
		}
		if d.Status != types.DaemonStatusActive {
			return invalid("The daemon " + d.Name + " can not be deleted: a deployment deletion is ongoing.")
		}
		daemon.BeginDeletion(tx, &d)
		tx.Daemons.Put(tx, d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecs.DeleteDaemonOutput{DaemonArn: &d.ARN, DeploymentArn: &d.Deployment, Status: d.Status, CreatedAt: &d.CreatedAt, UpdatedAt: &d.UpdatedAt}, nil
}

// daemonOf finds the daemon that an ARN means.
func daemonOf(v *state.View, arn *string) (state.Daemon, error) {
	if aws.ToString(arn) == "" {
		return state.Daemon{}, invalid("daemonArn can not be blank.")
	}
	d, ok := v.Daemons.Get(*arn)
	if !ok {
		return d, &types.DaemonNotFoundException{Message: aws.String("Daemon not found.")}
	}
	return d, nil
}
