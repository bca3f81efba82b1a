package logs

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"berth/state"
)

// CreateLogGroup creates a log group.
func (a *API) CreateLogGroup(ctx context.Context, in *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error) {
	if err := checkGroupName("logGroupName", in.LogGroupName); err != nil {
		return nil, err
	}
	switch {
	case strings.HasPrefix(*in.LogGroupName, "aws/"):
		return nil, invalid("Log groups starting with AWS/ are reserved for AWS.")
	case in.KmsKeyId != nil:
		return nil, invalid("kmsKeyId is not supported: log groups are not encrypted with keys of KMS.")
	}
	class := cmp.Or(in.LogGroupClass, types.LogGroupClassStandard)
	if err := checkClass(class); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		if tx.LogGroups.Has(*in.LogGroupName) {
			return &types.ResourceAlreadyExistsException{Message: aws.String("The specified log group already exists")}
		}
		tx.LogGroups.Put(tx, state.LogGroup{Name: *in.LogGroupName, ID: tx.NewID(), CreatedAt: tx.Now(), Class: string(class),
			DeletionProtection: aws.ToBool(in.DeletionProtectionEnabled), Tags: in.Tags})
		return nil
	})
	return &cloudwatchlogs.CreateLogGroupOutput{}, err
}

// checkClass: of the delivery class nothing could deliver.
func checkClass(class types.LogGroupClass) error {
	switch {
	case !slices.Contains(class.Values(), class):
		return constraint(string(class), "logGroupClass", "Member must satisfy enum value set: [INFREQUENT_ACCESS, DELIVERY, STANDARD]")
	case class == types.LogGroupClassDelivery:
		return invalid("logGroupClass DELIVERY is not supported: use STANDARD or INFREQUENT_ACCESS.")
	}
	return nil
}

// DeleteLogGroup deletes a log group with its streams and events.
func (a *API) DeleteLogGroup(ctx context.Context, in *cloudwatchlogs.DeleteLogGroupInput) (*cloudwatchlogs.DeleteLogGroupOutput, error) {
	var g state.LogGroup
	err := a.store.Update(ctx, func(tx *state.Tx) (err error) {
		if g, err = a.groupNamed(tx.View, in.LogGroupName); err != nil {
			return err
		}
		if g.DeletionProtection {
			return &types.ValidationException{Message: aws.String("The log group has deletion protection enabled: disable it before the log group is deleted.")}
		}
		tx.LogGroups.Delete(tx, g.Name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	// The group is gone. If its events cannot go with it now, Sweep takes them.
	_ = a.logs.DeleteGroup(g.ID)
	return &cloudwatchlogs.DeleteLogGroupOutput{}, nil
}

// PutLogGroupDeletionProtection says whether a log group may be deleted.
func (a *API) PutLogGroupDeletionProtection(ctx context.Context, in *cloudwatchlogs.PutLogGroupDeletionProtectionInput) (*cloudwatchlogs.PutLogGroupDeletionProtectionOutput, error) {
	if in.DeletionProtectionEnabled == nil {
		return nil, invalid("1 validation error detected: Value null at 'deletionProtectionEnabled' failed to satisfy constraint: Member must not be null")
	}
	err := a.store.Update(ctx, func(tx *state.Tx) error {
		g, err := a.group(tx.View, nil, in.LogGroupIdentifier)
		if err != nil {
			return err
		}
		g.DeletionProtection = *in.DeletionProtectionEnabled
		tx.LogGroups.Put(tx, g)
		return nil
	})
	return &cloudwatchlogs.PutLogGroupDeletionProtectionOutput{}, err
}

// retentions are the numbers of days that events can stay.
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// PutRetentionPolicy says how long the events of a log group stay.
func (a *API) PutRetentionPolicy(ctx context.Context, in *cloudwatchlogs.PutRetentionPolicyInput) (*cloudwatchlogs.PutRetentionPolicyOutput, error) {
	if days := aws.ToInt32(in.RetentionInDays); !slices.Contains(retentions, days) {
		return nil, constraint(fmt.Sprint(days), "retentionInDays",
			"Member must satisfy enum value set: ["+strings.Join(strings.Fields(strings.Trim(fmt.Sprint(retentions), "[]")), ", ")+"]")
	}
	return &cloudwatchlogs.PutRetentionPolicyOutput{}, a.retain(ctx, in.LogGroupName, *in.RetentionInDays)
}

// DeleteRetentionPolicy has the events of a log group stay for ever.
func (a *API) DeleteRetentionPolicy(ctx context.Context, in *cloudwatchlogs.DeleteRetentionPolicyInput) (*cloudwatchlogs.DeleteRetentionPolicyOutput, error) {
	return &cloudwatchlogs.DeleteRetentionPolicyOutput{}, a.retain(ctx, in.LogGroupName, 0)
}

func (a *API) retain(ctx context.Context, name *string, days int32) error {
	return a.store.Update(ctx, func(tx *state.Tx) error {
		g, err := a.groupNamed(tx.View, name)
		if err != nil {
			return err
		}
		g.RetentionDays = days
		tx.LogGroups.Put(tx, g)
		return nil
	})
}

// DescribeLogGroups describes log groups in the order of their names.
func (a *API) DescribeLogGroups(_ context.Context, in *cloudwatchlogs.DescribeLogGroupsInput) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	if err := a.store.Elsewhere(); err != nil {
		return nil, err
	}
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	if in.LogGroupNamePrefix != nil {
		if err := checkGroupName("logGroupNamePrefix", in.LogGroupNamePrefix); err != nil {
			return nil, err
		}
	}
	limit, err := checkLimit(in.Limit, 50)
	if err != nil {
		return nil, err
	}
	from, err := nameIn(in.NextToken)
	if err != nil {
		return nil, err
	}
	groups, err := a.selectGroups(a.store.View(), in)
	if err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.DescribeLogGroupsOutput{LogGroups: []types.LogGroup{}}
	for g := range groups {
		if g.Name < from {
			continue
		}
		if len(out.LogGroups) == limit {
			out.NextToken = tokenFor(g.Name)
			break
		}
		described, err := a.describeGroup(g)
		if err != nil {
			return nil, err
		}
		if in.LogGroupNamePattern != nil {
			described = types.LogGroup{Arn: described.Arn, CreationTime: described.CreationTime, LogGroupName: described.LogGroupName}
		}
		out.LogGroups = append(out.LogGroups, described)
	}
	return out, nil
}

// selectGroups yields the groups that in asks for, by name.
func (a *API) selectGroups(v *state.View, in *cloudwatchlogs.DescribeLogGroupsInput) (iter.Seq[state.LogGroup], error) {
	named := map[string]bool{}
	for _, id := range in.LogGroupIdentifiers {
		name := id
		if strings.HasPrefix(id, "arn:") {
			name = a.nameOf(id)
		}
		if !groupName.MatchString(name) {
			return nil, invalid("logGroupIdentifiers: " + id + " is neither a name nor the ARN of a log group of this account and Region.")
		}
		named[name] = true
	}
	return func(yield func(state.LogGroup) bool) {
		for g := range v.LogGroups.Prefix(aws.ToString(in.LogGroupNamePrefix)) {
			if strings.Contains(g.Name, aws.ToString(in.LogGroupNamePattern)) &&
				(len(named) == 0 || named[g.Name]) &&
				(in.LogGroupClass == "" || g.Class == string(in.LogGroupClass)) && !yield(g) {
				return
			}
		}
	}, nil
}

func (a *API) describeGroup(g state.LogGroup) (types.LogGroup, error) {
	size, err := a.logs.Size(g.ID)
	if err != nil {
		return types.LogGroup{}, err
	}
	described := types.LogGroup{
		Arn:                       aws.String(a.groupARN(g.Name) + ":*"),
		LogGroupArn:               aws.String(a.groupARN(g.Name)),
		LogGroupName:              &g.Name,
		LogGroupClass:             types.LogGroupClass(g.Class),
		CreationTime:              aws.Int64(g.CreatedAt.UnixMilli()),
		DeletionProtectionEnabled: &g.DeletionProtection,
		MetricFilterCount:         aws.Int32(0),
		StoredBytes:               &size,
	}
	if g.RetentionDays > 0 {
		described.RetentionInDays = &g.RetentionDays
	}
	return described, nil
}
