package ecs

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/api/ecs/taskdef"
	"berth/aws/arn"
	"berth/aws/shape"
	"berth/state"
)

// Quotas of task definitions.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
const (
	mostDefinitionBytes = 64 << 10
	mostDeletions       = 10 // in one call
	mostRevisions       = 1_000_000
)

// documents writes task definitions as they are on the wire.
var documents = shape.New(shape.Names{Lower: true, Unions: state.Unions})

// RegisterTaskDefinition adds a revision to a family, even if nothing changed.
func (a *API) RegisterTaskDefinition(ctx context.Context, in *ecs.RegisterTaskDefinitionInput) (*ecs.RegisterTaskDefinitionOutput, error) {
	document, err := checkTaskDefinition(in)
	if err != nil {
		return nil, err
	}
	d := state.TaskDefinition{TaskDefinition: document, Tags: in.Tags}
	err = a.store.Update(ctx, func(tx *state.Tx) error {
		family, _ := tx.Families.Get(*in.Family)
		if family.LastRevision >= mostRevisions {
			return &types.LimitExceededException{Message: aws.String(fmt.Sprintf(
				"The task definition family '%s' has had %d revisions, the maximum. Specify another family and try again.", family.Name, mostRevisions))}
		}
		family.Name = *in.Family
		family.LastRevision++
		tx.Families.Put(tx, family)

		d.Revision = family.LastRevision
		d.TaskDefinitionArn = aws.String(a.taskDefinitionARN(family.Name, d.Revision))
		d.Status = types.TaskDefinitionStatusActive
		d.RegisteredAt = aws.Time(tx.Now())
		d.RegisteredBy = aws.String(caller(ctx))
		tx.TaskDefinitions.Put(tx, d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecs.RegisterTaskDefinitionOutput{TaskDefinition: &d.TaskDefinition, Tags: d.Tags}, nil
}

// checkTaskDefinition returns in as the document that ECS describes.
func checkTaskDefinition(in *ecs.RegisterTaskDefinitionInput) (types.TaskDefinition, error) {
	document, err := taskdef.Complete(in)
	if err != nil {
		return document, err
	}
	if err := checkEnums(document); err != nil {
		return document, err
	}
	if in.Tags != nil && len(in.Tags) == 0 {
		return document, clientError("Tags can not be empty.")
	}
	if err := checkTags(in.Tags); err != nil {
		return document, err
	}
	b, err := documents.EncodeJSON(document)
	if err != nil {
		return document, fmt.Errorf("encode task definition %s: %w", *in.Family, err)
	}
	if len(b) > mostDefinitionBytes {
		return document, clientError(fmt.Sprintf("Actual length: '%d'. Max allowed length is '%d' bytes.", len(b), mostDefinitionBytes))
	}
	return document, nil
}

// DescribeTaskDefinition describes a revision, or the newest active one of a family.
func (a *API) DescribeTaskDefinition(_ context.Context, in *ecs.DescribeTaskDefinitionInput) (*ecs.DescribeTaskDefinitionOutput, error) {
	if err := checkEnums(in); err != nil {
		return nil, err
	}
	d, err := a.findTaskDefinition(a.store.View(), aws.ToString(in.TaskDefinition))
	if err != nil {
		return nil, err
	}
	out := &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &d.TaskDefinition, Tags: []types.Tag{}}
	if slices.Contains(in.Include, types.TaskDefinitionFieldTags) {
		out.Tags = append(out.Tags, d.Tags...) // not Concat, which makes nothing of two empty lists
	}
	return out, nil
}

// DeregisterTaskDefinition marks a revision as INACTIVE: what runs it goes on,
// and nothing new can use it. One that is not active is left as it is.
func (a *API) DeregisterTaskDefinition(ctx context.Context, in *ecs.DeregisterTaskDefinitionInput) (*ecs.DeregisterTaskDefinitionOutput, error) {
	name := aws.ToString(in.TaskDefinition)
	if _, revision, err := a.parseTaskDefinition(name); err != nil {
		return nil, err
	} else if revision == 0 {
		return nil, clientError("Revision is missing.")
	}
	var d state.TaskDefinition
	err := a.store.Update(ctx, func(tx *state.Tx) (err error) {
		d, err = a.findTaskDefinition(tx.View, name)
		if err != nil || d.Status != types.TaskDefinitionStatusActive {
			return err
		}
		d.Status = types.TaskDefinitionStatusInactive
		d.DeregisteredAt = aws.Time(tx.Now())
		tx.TaskDefinitions.Put(tx, d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecs.DeregisterTaskDefinitionOutput{TaskDefinition: &d.TaskDefinition}, nil
}

// DeleteTaskDefinitions asks for the removal of INACTIVE revisions. Package
// lifecycle decides when nothing uses them and they go.
func (a *API) DeleteTaskDefinitions(ctx context.Context, in *ecs.DeleteTaskDefinitionsInput) (*ecs.DeleteTaskDefinitionsOutput, error) {
	switch n := len(in.TaskDefinitions); {
	case n == 0:
		return nil, invalid("size of TaskDefinition references list must be greater than 0")
	case n > mostDeletions:
		return nil, invalid(fmt.Sprintf("Size of TaskDefinition references list cannot exceed %d", mostDeletions))
	}
	var out *ecs.DeleteTaskDefinitionsOutput
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		out = &ecs.DeleteTaskDefinitionsOutput{TaskDefinitions: []types.TaskDefinition{}, Failures: []types.Failure{}}
		for _, name := range in.TaskDefinitions {
			d, reason := a.requestDeletion(tx, name)
			if reason == "" {
				out.TaskDefinitions = append(out.TaskDefinitions, d.TaskDefinition)
				continue
			}
			if !arn.Is(name) {
				name = a.arn("task-definition/" + name)
			}
			out.Failures = append(out.Failures, types.Failure{Arn: &name, Reason: &reason})
		}
		return nil
	})
	return out, err
}

// requestDeletion marks one revision as DELETE_IN_PROGRESS, or says why it cannot.
func (a *API) requestDeletion(tx *state.Tx, name string) (d state.TaskDefinition, failure string) {
	if _, revision, err := a.parseTaskDefinition(name); err != nil || revision == 0 {
		return d, "The specified task definition identifier is invalid. Specify a valid name or ARN and try again."
	}
	d, err := a.findTaskDefinition(tx.View, name)
	switch {
	case err != nil:
		return d, "The specified task definition does not exist. Specify a valid account, family, revision and try again."
	case d.Status == types.TaskDefinitionStatusActive:
		return d, "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
	case d.Status == types.TaskDefinitionStatusInactive:
		d.Status = types.TaskDefinitionStatusDeleteInProgress
		d.DeleteRequestedAt = aws.Time(tx.Now())
		tx.TaskDefinitions.Put(tx, d)
	}
	return d, ""
}

func (a *API) taskDefinitionARN(family string, revision int32) string {
	return a.arn(fmt.Sprintf("task-definition/%s:%d", family, revision))
}

// parseTaskDefinition splits what names a task definition: a family, a family
// and revision, or an ARN. The revision is 0 where the name has none.
func (a *API) parseTaskDefinition(name string) (family string, revision int32, err error) {
	if name == "" {
		return "", 0, invalid("TaskDefinition can not be blank.")
	}
	return splitRevision(strings.TrimPrefix(name, a.arn("task-definition/")), undescribable)
}

// splitRevision splits family:revision. What is an ARN still is another's, or of
// another kind.
func splitRevision(name string, foreign func() error) (family string, revision int32, err error) {
	family, number, hasRevision := strings.Cut(name, ":")
	if !hasRevision {
		return family, 0, nil
	}
	if family == "arn" {
		return "", 0, foreign()
	}
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < 1 {
		return "", 0, invalid("Invalid revision number. Number: " + number)
	}
	return family, int32(n), nil
}

// findTaskDefinition finds the revision that a name means, in any status; for a
// family that is its newest active one.
func (a *API) findTaskDefinition(v *state.View, name string) (state.TaskDefinition, error) {
	family, revision, err := a.parseTaskDefinition(name)
	if err != nil {
		return state.TaskDefinition{}, err
	}
	if revision > 0 {
		if d, ok := v.TaskDefinitions.Get(a.taskDefinitionARN(family, revision)); ok {
			return d, nil
		}
		return state.TaskDefinition{}, undescribable()
	}
	f, _ := v.Families.Get(family)
	for revision := f.LastRevision; revision > 0; revision-- {
		d, ok := v.TaskDefinitions.Get(a.taskDefinitionARN(family, revision))
		if ok && d.Status == types.TaskDefinitionStatusActive {
			return d, nil
		}
	}
	return state.TaskDefinition{}, undescribable()
}

func undescribable() error { return clientError("Unable to describe task definition.") }
