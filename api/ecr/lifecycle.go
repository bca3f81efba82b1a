package ecr

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"berth/registry"
	"berth/state"
)

// lifecycle is a lifecycle policy: which images to expire.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
type lifecycle struct {
	Rules []rule `json:"rules"`
}

type rule struct {
	Priority  int `json:"rulePriority"`
	Selection struct {
		TagStatus      string   `json:"tagStatus"`
		TagPrefixList  []string `json:"tagPrefixList"`
		TagPatternList []string `json:"tagPatternList"`
		CountType      string   `json:"countType"`
		CountUnit      string   `json:"countUnit"`
		CountNumber    int      `json:"countNumber"`
	} `json:"selection"`
	Action struct {
		Type string `json:"type"`
	} `json:"action"`
}

// parseLifecycle reads a policy and says what is wrong with it.
func parseLifecycle(text string) (p lifecycle, err error) {
	if len(text) > 30720 {
		return p, errors.New("it has more than 30720 characters")
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, err
	}
	if len(p.Rules) < 1 || len(p.Rules) > 50 {
		return p, errors.New("it must have 1 to 50 rules")
	}
	slices.SortStableFunc(p.Rules, func(a, b rule) int { return cmp.Compare(a.Priority, b.Priority) })
	for i, r := range p.Rules {
		if i > 0 && r.Priority == p.Rules[i-1].Priority {
			return p, fmt.Errorf("two rules have the rulePriority %d", r.Priority)
		}
		if problem := r.check(i == len(p.Rules)-1); problem != "" {
			return p, fmt.Errorf("the rule with rulePriority %d: %s", r.Priority, problem)
		}
	}
	return p, nil
}

func (r rule) check(last bool) string {
	s := r.Selection
	lists := len(s.TagPrefixList) + len(s.TagPatternList)
	switch {
	case r.Priority < 1:
		return "rulePriority must be at least 1"
	case s.TagStatus != "tagged" && s.TagStatus != "untagged" && s.TagStatus != "any":
		return "tagStatus must be tagged, untagged or any"
	case s.TagStatus == "any" && !last:
		return "one with tagStatus any must have the highest rulePriority"
	case s.TagStatus == "tagged" && lists == 0:
		return "tagStatus tagged needs tagPrefixList or tagPatternList"
	case s.TagStatus != "tagged" && lists > 0:
		return "tagPrefixList and tagPatternList are for tagStatus tagged"
	case len(s.TagPrefixList) > 0 && len(s.TagPatternList) > 0:
		return "it can have tagPrefixList or tagPatternList, not both"
	case s.CountType == "sinceImagePushed" && s.CountUnit != "days":
		return "countType sinceImagePushed needs countUnit days"
	case s.CountType == "imageCountMoreThan" && s.CountUnit != "":
		return "countUnit is for countType sinceImagePushed"
	case s.CountType != "sinceImagePushed" && s.CountType != "imageCountMoreThan":
		return "countType must be imageCountMoreThan or sinceImagePushed: others are not built yet"
	case s.CountNumber < 1:
		return "countNumber must be at least 1"
	case r.Action.Type != "expire":
		return "action.type must be expire: others are not built yet"
	}
	return ""
}

// selects reports whether a rule is about an image with those tags. With several
// prefixes or patterns, each must match one of the tags.
func (r rule) selects(tags []string) bool {
	s := r.Selection
	switch s.TagStatus {
	case "untagged":
		return len(tags) == 0
	case "any":
		return true
	}
	for _, prefix := range s.TagPrefixList {
		if !slices.ContainsFunc(tags, func(tag string) bool { return strings.HasPrefix(tag, prefix) }) {
			return false
		}
	}
	for _, pattern := range s.TagPatternList {
		if !slices.ContainsFunc(tags, func(tag string) bool { return wildcard(pattern, tag) }) {
			return false
		}
	}
	return true
}

// expired returns the digests of images that a policy expires at a time. An
// image belongs to the first rule that selects it. Images that a list of images
// names stay while the list does.
func (p lifecycle) expired(images []registry.Image, now time.Time) (digests []string) {
	taken := map[string]bool{}
	for _, list := range images {
		if list.List {
			for _, part := range list.Parts {
				taken[part] = true
			}
		}
	}
	for _, r := range p.Rules {
		var mine []registry.Image // the newest first
		for _, i := range slices.Backward(images) {
			if !taken[i.Digest] && r.selects(i.Tags) {
				taken[i.Digest] = true
				mine = append(mine, i)
			}
		}
		for n, i := range mine {
			age := now.Sub(i.PushedAt)
			if r.Selection.CountType == "imageCountMoreThan" && n >= r.Selection.CountNumber ||
				r.Selection.CountType == "sinceImagePushed" && age > time.Duration(r.Selection.CountNumber)*24*time.Hour {
				digests = append(digests, i.Digest)
			}
		}
	}
	return digests
}

// PutLifecyclePolicy says which images expire.
func (a *API) PutLifecyclePolicy(ctx context.Context, in *ecr.PutLifecyclePolicyInput) (*ecr.PutLifecyclePolicyOutput, error) {
	text := aws.ToString(in.LifecyclePolicyText)
	if _, err := parseLifecycle(text); err != nil {
		return nil, invalid("'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: %v'", err)
	}
	_, err := a.change(ctx, in.RegistryId, in.RepositoryName, func(r *state.Repository) error {
		r.Lifecycle, r.Evaluated = text, time.Time{}
		return nil
	})
	return &ecr.PutLifecyclePolicyOutput{RegistryId: &a.cfg.Account, RepositoryName: in.RepositoryName, LifecyclePolicyText: &text}, err
}

func (a *API) noLifecycle(name string) error {
	return &types.LifecyclePolicyNotFoundException{Message: aws.String(fmt.Sprintf(
		"Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'", name, a.cfg.Account))}
}

// GetLifecyclePolicy returns the lifecycle policy of a repository.
func (a *API) GetLifecyclePolicy(_ context.Context, in *ecr.GetLifecyclePolicyInput) (*ecr.GetLifecyclePolicyOutput, error) {
	r, err := a.find(a.cfg.Store.View(), in.RegistryId, in.RepositoryName)
	if err == nil && r.Lifecycle == "" {
		err = a.noLifecycle(r.Name)
	}
	return &ecr.GetLifecyclePolicyOutput{
		RegistryId: &a.cfg.Account, RepositoryName: &r.Name, LifecyclePolicyText: &r.Lifecycle, LastEvaluatedAt: &r.Evaluated,
	}, err
}

// DeleteLifecyclePolicy removes the lifecycle policy of a repository.
func (a *API) DeleteLifecyclePolicy(ctx context.Context, in *ecr.DeleteLifecyclePolicyInput) (*ecr.DeleteLifecyclePolicyOutput, error) {
	var old state.Repository
	_, err := a.change(ctx, in.RegistryId, in.RepositoryName, func(r *state.Repository) error {
		if old = *r; old.Lifecycle == "" {
			return a.noLifecycle(r.Name)
		}
		r.Lifecycle, r.Evaluated = "", time.Time{}
		return nil
	})
	return &ecr.DeleteLifecyclePolicyOutput{
		RegistryId: &a.cfg.Account, RepositoryName: in.RepositoryName, LifecyclePolicyText: &old.Lifecycle, LastEvaluatedAt: &old.Evaluated,
	}, err
}

const (
	// period is how often policies are applied and blobs swept. AWS promises a day.
	period = time.Hour

	// pushing is how long a push may take from its first blob to its manifest.
	pushing = 24 * time.Hour
)

// Maintain applies lifecycle policies and removes blobs that nothing needs, each
// hour until ctx ends. Only the server that leads has images; the others wait.
func (a *API) Maintain(ctx context.Context) error {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		if a.here(ctx) == nil {
			if err := a.maintain(ctx, time.Now()); err != nil && ctx.Err() == nil {
				a.cfg.Log.Warn("cannot clean up images; trying again in an hour", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *API) maintain(ctx context.Context, now time.Time) error {
	var failed []error
	for r := range a.cfg.Store.View().Repositories.All() {
		if r.Lifecycle != "" {
			failed = append(failed, a.expire(ctx, r, now))
		}
	}
	swept, err := a.cfg.Registry.Sweep(ctx, now.Add(-pushing))
	if swept.Blobs+swept.Uploads > 0 {
		a.cfg.Log.Info("removed what no image needs", "blobs", swept.Blobs, "bytes", swept.Bytes, "uploads", swept.Uploads)
	}
	return errors.Join(append(failed, err)...)
}

// expire applies the lifecycle policy of r.
func (a *API) expire(ctx context.Context, r state.Repository, now time.Time) error {
	p, err := parseLifecycle(r.Lifecycle)
	if err != nil {
		return err
	}
	images, err := a.cfg.Registry.Images(ctx, r.Name)
	if err != nil {
		return err
	}
	gone := p.expired(images, now)
	for _, i := range images {
		if !slices.Contains(gone, i.Digest) {
			continue
		}
		if err := a.cfg.Registry.Delete(ctx, r.Name, i); err != nil {
			return err
		}
		a.cfg.Log.Info("an image expired by the lifecycle policy", "repository", r.Name, "digest", i.Digest, "tags", i.Tags)
	}
	_, err = a.change(ctx, nil, &r.Name, func(fresh *state.Repository) error {
		if fresh.Lifecycle == r.Lifecycle {
			fresh.Evaluated = now
		}
		return nil
	})
	var missing *types.RepositoryNotFoundException
	if errors.As(err, &missing) {
		return nil // it was deleted meanwhile
	}
	return err
}
