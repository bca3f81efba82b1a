package ecs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/api/ecs/taskdef"
	"berth/state"
)

// daemonBridge is the attribute of agents that connect daemons to the daemon
// bridge. Amazon's agent for EC2 does not.
const daemonBridge = "berth.daemon-bridge"

// RegisterDaemonTaskDefinition adds a revision to a family of daemon task definitions.
func (a *API) RegisterDaemonTaskDefinition(ctx context.Context, in *ecs.RegisterDaemonTaskDefinitionInput) (*ecs.RegisterDaemonTaskDefinitionOutput, error) {
	d, err := checkDaemonTaskDefinition(in)
	if err != nil {
		return nil, err
	}
	err = a.store.Update(ctx, func(tx *state.Tx) error {
		family, _ := tx.DaemonFamilies.Get(*in.Family)
		if family.LastRevision >= mostRevisions {
			return &types.LimitExceededException{Message: aws.String(fmt.Sprintf(
				"The daemon task definition family '%s' has had %d revisions, the maximum. Specify another family and try again.", family.Name, mostRevisions))}
		}
		family.Name = *in.Family
		family.LastRevision++
		tx.DaemonFamilies.Put(tx, family)

		d.Revision = family.LastRevision
		d.DaemonTaskDefinitionArn = aws.String(a.daemonDefinitionARN(family.Name, d.Revision))
		d.Status = types.DaemonTaskDefinitionStatusActive
		d.RegisteredAt, d.RegisteredBy = aws.Time(tx.Now()), aws.String(caller(ctx))
		d.Runs.TaskDefinitionArn, d.Runs.Revision = d.DaemonTaskDefinitionArn, d.Revision
		tx.DaemonDefinitions.Put(tx, d)
		return nil
	})
	return &ecs.RegisterDaemonTaskDefinitionOutput{DaemonTaskDefinitionArn: d.DaemonTaskDefinitionArn}, err
}

// checkDaemonTaskDefinition returns in as it is kept.
func checkDaemonTaskDefinition(in *ecs.RegisterDaemonTaskDefinitionInput) (d state.DaemonTaskDefinition, err error) {
	if err := checkEnums(in); err != nil {
		return d, err
	}
	if in.Tags != nil && len(in.Tags) == 0 {
		return d, clientError("Tags can not be empty.")
	}
	if err := checkTags(in.Tags); err != nil {
		return d, err
	}
	d.Tags = in.Tags
	if d.DaemonTaskDefinition, d.Runs, err = taskdef.CompleteDaemon(in); err != nil {
		return d, err
	}
	d.Runs.NetworkMode = state.DaemonBridge
	d.Runs.RequiresAttributes = append(d.Runs.RequiresAttributes, types.Attribute{Name: aws.String(daemonBridge)})
	b, err := documents.EncodeJSON(d.DaemonTaskDefinition)
	if err != nil {
		return d, fmt.Errorf("encode daemon task definition %s: %w", *in.Family, err)
	}
	if len(b) > mostDefinitionBytes {
		return d, clientError(fmt.Sprintf("Actual length: '%d'. Max allowed length is '%d' bytes.", len(b), mostDefinitionBytes))
	}
	return d, nil
}

// DescribeDaemonTaskDefinition describes a revision, or the newest active one of a family.
func (a *API) DescribeDaemonTaskDefinition(_ context.Context, in *ecs.DescribeDaemonTaskDefinitionInput) (*ecs.DescribeDaemonTaskDefinitionOutput, error) {
	d, err := a.daemonDefinition(a.store.View(), aws.ToString(in.DaemonTaskDefinition))
	if err != nil {
		return nil, err
	}
	return &ecs.DescribeDaemonTaskDefinitionOutput{DaemonTaskDefinition: &d.DaemonTaskDefinition}, nil
}

// DeleteDaemonTaskDefinition asks for the removal of a revision: no new daemon
// can use it. Package lifecycle decides when no daemon runs it and it goes.
func (a *API) DeleteDaemonTaskDefinition(ctx context.Context, in *ecs.DeleteDaemonTaskDefinitionInput) (*ecs.DeleteDaemonTaskDefinitionOutput, error) {
	name := aws.ToString(in.DaemonTaskDefinition)
	if _, revision, err := a.parseDaemonDefinition(name); err != nil {
		return nil, err
	} else if revision == 0 {
		return nil, clientError("Revision is missing.")
	}
	var d state.DaemonTaskDefinition
	err := a.store.Update(ctx, func(tx *state.Tx) (err error) {
		if d, err = a.daemonDefinition(tx.View, name); err != nil {
			return err
		}
		if d.Status != types.DaemonTaskDefinitionStatusActive {
			return clientError("The specified daemon task definition is not in ACTIVE status: its deletion is in progress.")
		}
		d.Status, d.DeleteRequestedAt = types.DaemonTaskDefinitionStatusDeleteInProgress, aws.Time(tx.Now())
		tx.DaemonDefinitions.Put(tx, d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecs.DeleteDaemonTaskDefinitionOutput{DaemonTaskDefinitionArn: d.DaemonTaskDefinitionArn}, nil
}

// ListDaemonTaskDefinitions lists revisions by family name and then by number, or
// all the other way round.
func (a *API) ListDaemonTaskDefinitions(_ context.Context, in *ecs.ListDaemonTaskDefinitionsInput) (*ecs.ListDaemonTaskDefinitionsOutput, error) {
	limit, token, err := checkList(in, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	v, start, order := a.store.View(), parseRevision(token), ascending
	if in.Sort == types.SortOrderDesc {
		order = descending
	}
	all := daemonDefinitions(v, in)
	slices.SortFunc(all, order)
	names, next := pageOf(func(yield func(string) bool) {
		for _, r := range all {
			if (token == "" || order(r, start) >= 0) && !yield(r.String()) {
				return
			}
		}
	}, limit)
	out := &ecs.ListDaemonTaskDefinitionsOutput{DaemonTaskDefinitions: []types.DaemonTaskDefinitionSummary{}, NextToken: next}
	for _, name := range names {
		d, _ := v.DaemonDefinitions.Get(a.arn("daemon-task-definition/" + name))
		out.DaemonTaskDefinitions = append(out.DaemonTaskDefinitions, types.DaemonTaskDefinitionSummary{
			Arn: d.DaemonTaskDefinitionArn, DeleteRequestedAt: d.DeleteRequestedAt, RegisteredAt: d.RegisteredAt,
			RegisteredBy: d.RegisteredBy, Status: d.Status,
		})
	}
	return out, nil
}

// daemonDefinitions are the revisions that a list asks for, in no order.
func daemonDefinitions(v *state.View, in *ecs.ListDaemonTaskDefinitionsInput) (all []revision) {
	for f := range v.DaemonFamilies.Prefix(aws.ToString(in.FamilyPrefix)) {
		if family := aws.ToString(in.Family); family != "" && f.Name != family {
			continue
		}
		var last revision
		for d := range v.DaemonDefinitionsOf(f.Name) {
			asked := string(d.Status) == string(in.Status) || in.Status == types.DaemonTaskDefinitionStatusFilterAll ||
				in.Status == "" && d.Status == types.DaemonTaskDefinitionStatusActive
			switch r := (revision{f.Name, d.Revision}); {
			case !asked:
			case in.Revision != types.DaemonTaskDefinitionRevisionFilterLastRegistered:
				all = append(all, r)
			case r.number > last.number:
				last = r
			}
		}
		if last.number > 0 {
			all = append(all, last)
		}
	}
	return all
}

func (a *API) daemonDefinitionARN(family string, revision int32) string {
	return a.arn(fmt.Sprintf("daemon-task-definition/%s:%d", family, revision))
}

// parseDaemonDefinition splits what names a daemon task definition: a family, a
// family and revision, or an ARN. The revision is 0 where the name has none.
func (a *API) parseDaemonDefinition(name string) (family string, revision int32, err error) {
	if name == "" {
		return "", 0, invalid("DaemonTaskDefinition can not be blank.")
	}
	return splitRevision(strings.TrimPrefix(name, a.arn("daemon-task-definition/")), func() error {
		return clientError("Unable to describe daemon task definition.")
	})
}

// daemonDefinition finds the revision that a name means, in any status; for a
// family that is its newest active one.
func (a *API) daemonDefinition(v *state.View, name string) (found state.DaemonTaskDefinition, err error) {
	family, revision, err := a.parseDaemonDefinition(name)
	if err != nil {
		return found, err
	}
	for d := range v.DaemonDefinitionsOf(family) {
		switch {
		case revision == d.Revision:
			return d, nil
		case revision == 0 && d.Status == types.DaemonTaskDefinitionStatusActive && d.Revision > found.Revision:
			found = d
		}
	}
	if found.Revision == 0 {
		return found, clientError("Unable to describe daemon task definition.")
	}
	return found, nil
}
