package ecs

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

const mostDefinitionsListed = 100 // in one page

// ListTaskDefinitions lists the revisions of one status, by family name and
// then by number, or all the other way round. What the API calls the family
// prefix is the whole name of a family.
func (a *API) ListTaskDefinitions(_ context.Context, in *ecs.ListTaskDefinitionsInput) (*ecs.ListTaskDefinitionsOutput, error) {
	limit, token, err := checkList(in, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	v, start := a.store.View(), parseRevision(token)
	order, families := ascending, []string{aws.ToString(in.FamilyPrefix)}
	if in.Sort == types.SortOrderDesc {
		order = descending
	}
	if families[0] == "" {
		families = familiesFrom(v, start.family, in.Sort)
	}
	names, next := pageOf(func(yield func(string) bool) {
		for r := range revisionsOf(v, families, cmp.Or(in.Status, types.TaskDefinitionStatusActive), order) {
			if (token == "" || order(r, start) >= 0) && !yield(r.String()) {
				return
			}
		}
	}, limit)
	for i, name := range names {
		names[i] = a.arn("task-definition/" + name)
	}
	return &ecs.ListTaskDefinitionsOutput{TaskDefinitionArns: names, NextToken: next}, nil
}

// ListTaskDefinitionFamilies lists the names of the families that have revisions.
func (a *API) ListTaskDefinitionFamilies(_ context.Context, in *ecs.ListTaskDefinitionFamiliesInput) (*ecs.ListTaskDefinitionFamiliesOutput, error) {
	limit, token, err := checkList(in, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	v, prefix := a.store.View(), aws.ToString(in.FamilyPrefix)
	names, next := pageOf(func(yield func(string) bool) {
		for f := range v.Families.Prefix(prefix) {
			if f.Name >= token && familyIs(v, f.Name, in.Status) && !yield(f.Name) {
				return
			}
		}
	}, limit)
	return &ecs.ListTaskDefinitionFamiliesOutput{Families: names, NextToken: next}, nil
}

// checkList checks what the inputs of lists have in common.
func checkList(in any, maxResults *int32, nextToken *string) (limit int, token string, err error) {
	if err = checkEnums(in); err != nil {
		return 0, "", err
	}
	if limit, err = pageSize(maxResults, mostDefinitionsListed); err != nil {
		return 0, "", err
	}
	token, err = pageStart(nextToken)
	return limit, token, err
}

// familiesFrom lists the names of families in order, from start on, or all if
// start is empty.
func familiesFrom(v *state.View, start string, order types.SortOrder) (names []string) {
	if order != types.SortOrderDesc {
		for f := range v.Families.From(start) {
			names = append(names, f.Name)
		}
		return names
	}
	for f := range v.Families.All() {
		if start != "" && f.Name > start {
			break
		}
		names = append(names, f.Name)
	}
	slices.Reverse(names)
	return names
}

// familyIs reports whether a family has revisions, and active ones as status
// asks: ACTIVE for at least one, INACTIVE for none.
func familyIs(v *state.View, family string, status types.TaskDefinitionFamilyStatus) bool {
	some, active := false, false
	for d := range v.TaskDefinitionsOf(family) {
		some = true
		if active = d.Status == types.TaskDefinitionStatusActive; active {
			break
		}
	}
	switch status {
	case types.TaskDefinitionFamilyStatusActive:
		return active
	case types.TaskDefinitionFamilyStatusInactive:
		return some && !active
	}
	return some
}

// revision is what a task definition is called: web:3.
type revision struct {
	family string
	number int32
}

func (r revision) String() string { return fmt.Sprintf("%s:%d", r.family, r.number) }

func ascending(a, b revision) int {
	return cmp.Or(cmp.Compare(a.family, b.family), cmp.Compare(a.number, b.number))
}

func descending(a, b revision) int { return ascending(b, a) }

// parseRevision reads what String wrote.
func parseRevision(name string) revision {
	family, number, _ := strings.Cut(name, ":")
	n, _ := strconv.ParseInt(number, 10, 32)
	return revision{family, int32(n)}
}

// revisionsOf yields the revisions of families, which are in order.
func revisionsOf(v *state.View, families []string, status types.TaskDefinitionStatus, order func(a, b revision) int) iter.Seq[revision] {
	return func(yield func(revision) bool) {
		for _, family := range families {
			var list []revision
			for d := range v.TaskDefinitionsOf(family) {
				if d.Status == status {
					list = append(list, revision{family, d.Revision})
				}
			}
			slices.SortFunc(list, order)
			for _, r := range list {
				if !yield(r) {
					return
				}
			}
		}
	}
}
