package ssm

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"berth/aws/validate"
	"berth/state"
)

// mostLabels is how many labels a version can have.
const mostLabels = 10

var label = regexp.MustCompile(`^[a-zA-Z_.-][\w.-]{0,99}$`)

func goodLabel(text string) bool {
	lower := strings.ToLower(text)
	return label.MatchString(text) && !strings.HasPrefix(lower, "aws") && !strings.HasPrefix(lower, "ssm")
}

// labelsOf are the labels of one version, in order.
func labelsOf(p state.Parameter, number int64) []string {
	out := []string{}
	for _, label := range slices.Sorted(maps.Keys(p.Labels)) {
		if p.Labels[label] == number {
			out = append(out, label)
		}
	}
	return out
}

// LabelParameterVersion gives a version labels, which leave the versions that
// had them. Labels that break the rules are named in the answer.
//
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_LabelParameterVersion.html
func (a *API) LabelParameterVersion(ctx context.Context, in *ssm.LabelParameterVersionInput) (*ssm.LabelParameterVersionOutput, error) {
	out := &ssm.LabelParameterVersionOutput{}
	err := a.relabel(ctx, in.Name, in.Labels, in.ParameterVersion, func(p *state.Parameter, number int64) error {
		out.ParameterVersion, out.InvalidLabels = number, []string{}
		for _, label := range in.Labels {
			if goodLabel(label) {
				p.Labels[label] = number
			} else {
				out.InvalidLabels = append(out.InvalidLabels, label)
			}
		}
		if len(labelsOf(*p, number)) > mostLabels {
			return &types.ParameterVersionLabelLimitExceeded{Message: aws.String(fmt.Sprintf(
				"A parameter version can have maximum %d labels. Move one or more labels to another version and try again.", mostLabels))}
		}
		return nil
	})
	return out, err
}

// UnlabelParameterVersion takes labels off a version. Those that it lacks are
// named in the answer.
func (a *API) UnlabelParameterVersion(ctx context.Context, in *ssm.UnlabelParameterVersionInput) (*ssm.UnlabelParameterVersionOutput, error) {
	if in.ParameterVersion == nil {
		return nil, invalid("1 validation error detected: Value null at 'parameterVersion' failed to satisfy constraint: Member must not be null")
	}
	out := &ssm.UnlabelParameterVersionOutput{}
	err := a.relabel(ctx, in.Name, in.Labels, in.ParameterVersion, func(p *state.Parameter, number int64) error {
		out.RemovedLabels, out.InvalidLabels = []string{}, []string{}
		for _, label := range in.Labels {
			if p.Labels[label] == number {
				delete(p.Labels, label)
				out.RemovedLabels = append(out.RemovedLabels, label)
			} else {
				out.InvalidLabels = append(out.InvalidLabels, label)
			}
		}
		return nil
	})
	return out, err
}

// relabel applies fn to a copy of the labels of a parameter, and to the number
// of the version that is meant: by default the newest.
func (a *API) relabel(ctx context.Context, name *string, labels []string, version *int64, fn func(p *state.Parameter, number int64) error) error {
	if err := check(named(name), validate.Count{Member: "labels", Length: len(labels), Min: 1, Max: mostLabels}); err != nil {
		return err
	}
	return a.cfg.Store.Update(ctx, func(tx *state.Tx) error {
		p, err := a.find(tx.View, strings.TrimSpace(*name))
		if err != nil {
			return err
		}
		number := cmp.Or(aws.ToInt64(version), p.Newest)
		if _, err := versionOf(tx.View, p, number); err != nil {
			return err
		}
		copied := map[string]int64{}
		maps.Copy(copied, p.Labels)
		p.Labels = copied
		if err := fn(&p, number); err != nil {
			return err
		}
		tx.Parameters.Put(tx, p)
		return nil
	})
}
