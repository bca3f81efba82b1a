package ecr

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"berth/state"
)

// repositoryName is the member repositoryName of an input.
func repositoryName(input any) string {
	field := reflect.ValueOf(input).Elem().FieldByName("RepositoryName")
	if !field.IsValid() || field.IsNil() {
		return "*"
	}
	return field.Elem().String()
}

func (a *API) describe(r state.Repository) *types.Repository {
	out := &types.Repository{
		RepositoryArn:              aws.String(a.arn(r.Name)),
		RegistryId:                 &a.cfg.Account,
		RepositoryName:             &r.Name,
		RepositoryUri:              aws.String(a.host() + "/" + r.Name),
		CreatedAt:                  &r.CreatedAt,
		ImageTagMutability:         r.Mutability,
		ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: r.ScanOnPush},
		EncryptionConfiguration:    r.Encryption,
	}
	if len(r.Exclusions) > 0 {
		out.ImageTagMutabilityExclusionFilters = r.Exclusions
	}
	return out
}

// CreateRepository creates a repository.
func (a *API) CreateRepository(ctx context.Context, in *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
	if err := a.checkRegistry(in.RegistryId); err != nil {
		return nil, err
	}
	if err := checkName(aws.ToString(in.RepositoryName)); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	r := state.Repository{
		Name:       *in.RepositoryName,
		Mutability: types.ImageTagMutabilityMutable,
		Encryption: &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256},
		Tags:       in.Tags,
	}
	if in.ImageTagMutability != "" {
		if err := setMutability(&r, in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters); err != nil {
			return nil, err
		}
	}
	if in.ImageScanningConfiguration != nil {
		r.ScanOnPush = in.ImageScanningConfiguration.ScanOnPush
	}
	if e := in.EncryptionConfiguration; e != nil {
		if e.EncryptionType != types.EncryptionTypeAes256 {
			return nil, invalid("'encryptionConfiguration.encryptionType': this registry has no KMS; it must be AES256, which means the disk's own encryption")
		}
		r.Encryption = e
	}
	err := a.cfg.Store.Update(ctx, func(tx *state.Tx) error {
		if tx.Repositories.Has(r.Name) {
			return &types.RepositoryAlreadyExistsException{Message: aws.String(fmt.Sprintf(
				"The repository with name '%s' already exists in the registry with id '%s'", r.Name, a.cfg.Account))}
		}
		r.CreatedAt = tx.Now()
		tx.Repositories.Put(tx, r)
		return nil
	})
	return &ecr.CreateRepositoryOutput{Repository: a.describe(r)}, err
}

// DescribeRepositories describes repositories, all or those with given names.
func (a *API) DescribeRepositories(_ context.Context, in *ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	if err := a.checkRegistry(in.RegistryId); err != nil {
		return nil, err
	}
	v := a.cfg.Store.View()
	out := &ecr.DescribeRepositoriesOutput{Repositories: []types.Repository{}}
	if len(in.RepositoryNames) > 0 {
		if in.NextToken != nil || in.MaxResults != nil {
			return nil, invalid("'repositoryNames': cannot be used together with nextToken or maxResults")
		}
		if len(in.RepositoryNames) > 100 {
			return nil, invalid("'repositoryNames' failed to satisfy constraint: 'Member must have length less than or equal to 100'")
		}
		for _, name := range in.RepositoryNames {
			r, err := a.find(v, nil, &name)
			if err != nil {
				return nil, err
			}
			out.Repositories = append(out.Repositories, *a.describe(r))
		}
		return out, nil
	}
	limit, err := pageSize(in.MaxResults)
	if err != nil {
		return nil, err
	}
	from, err := decodeToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	for r := range v.Repositories.From(from) {
		if len(out.Repositories) == limit {
			out.NextToken = encodeToken(r.Name)
			break
		}
		out.Repositories = append(out.Repositories, *a.describe(r))
	}
	return out, nil
}

// pageSize checks maxResults.
func pageSize(n *int32) (int, error) {
	if n == nil {
		return 100, nil
	}
	if *n < 1 || *n > 1000 {
		return 0, invalid("'maxResults' failed to satisfy constraint: 'Member must have value between 1 and 1000'")
	}
	return int(*n), nil
}

func encodeToken(next string) *string {
	return aws.String(base64.RawURLEncoding.EncodeToString([]byte(next)))
}

func decodeToken(token *string) (string, error) {
	from, err := base64.RawURLEncoding.DecodeString(aws.ToString(token))
	if err != nil {
		return "", invalid("'nextToken': it is not one that this operation gave")
	}
	return string(from), nil
}

// DeleteRepository deletes a repository. It must be empty, unless force is set.
func (a *API) DeleteRepository(ctx context.Context, in *ecr.DeleteRepositoryInput) (*ecr.DeleteRepositoryOutput, error) {
	if err := a.here(ctx); err != nil {
		return nil, err
	}
	r, err := a.find(a.cfg.Store.View(), in.RegistryId, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	if !in.Force {
		images, err := a.cfg.Registry.Images(ctx, r.Name)
		if err != nil {
			return nil, err
		}
		if len(images) > 0 {
			return nil, &types.RepositoryNotEmptyException{Message: aws.String(fmt.Sprintf(
				"The repository with name '%s' in registry with id '%s' cannot be deleted because it still contains images", r.Name, a.cfg.Account))}
		}
	}
	err = a.cfg.Store.Update(ctx, func(tx *state.Tx) error {
		_, err := a.find(tx.View, nil, in.RepositoryName)
		tx.Repositories.Delete(tx, r.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteRepositoryOutput{Repository: a.describe(r)}, a.cfg.Registry.Remove(ctx, r.Name)
}

// setMutability sets whether tags can be moved, and which are excepted.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
func setMutability(r *state.Repository, m types.ImageTagMutability, filters []types.ImageTagMutabilityExclusionFilter) error {
	excluding := m == types.ImageTagMutabilityImmutableWithExclusion || m == types.ImageTagMutabilityMutableWithExclusion
	switch {
	case !slices.Contains(m.Values(), m):
		return invalid("'imageTagMutability' failed to satisfy constraint: 'Member must satisfy enum value set: %v'", m.Values())
	case excluding && (len(filters) < 1 || len(filters) > 5):
		return invalid("'imageTagMutabilityExclusionFilters': %s needs 1 to 5 filters", m)
	case !excluding && len(filters) > 0:
		return invalid("'imageTagMutabilityExclusionFilters': %s takes none; use %s_WITH_EXCLUSION", m, m)
	}
	for _, f := range filters {
		if f.FilterType != types.ImageTagMutabilityExclusionFilterTypeWildcard || !validFilter.MatchString(aws.ToString(f.Filter)) {
			return invalid("'imageTagMutabilityExclusionFilters': a filter has the type WILDCARD, and 1 to 128 letters, digits or any of ._*-")
		}
	}
	r.Mutability, r.Exclusions = m, filters
	return nil
}

// PutImageTagMutability sets whether a tag can be moved to another image.
func (a *API) PutImageTagMutability(ctx context.Context, in *ecr.PutImageTagMutabilityInput) (*ecr.PutImageTagMutabilityOutput, error) {
	r, err := a.change(ctx, in.RegistryId, in.RepositoryName, func(r *state.Repository) error {
		return setMutability(r, in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters)
	})
	return &ecr.PutImageTagMutabilityOutput{
		RegistryId: &a.cfg.Account, RepositoryName: in.RepositoryName,
		ImageTagMutability: r.Mutability, ImageTagMutabilityExclusionFilters: r.Exclusions,
	}, err
}

// PutImageScanningConfiguration notes whether images are to be scanned when they
// are pushed. Nothing here scans images; DescribeImages shows no findings.
func (a *API) PutImageScanningConfiguration(ctx context.Context, in *ecr.PutImageScanningConfigurationInput) (*ecr.PutImageScanningConfigurationOutput, error) {
	if in.ImageScanningConfiguration == nil {
		return nil, invalid("'imageScanningConfiguration' failed to satisfy constraint: 'Member must not be null'")
	}
	_, err := a.change(ctx, in.RegistryId, in.RepositoryName, func(r *state.Repository) error {
		r.ScanOnPush = in.ImageScanningConfiguration.ScanOnPush
		return nil
	})
	return &ecr.PutImageScanningConfigurationOutput{
		RegistryId: &a.cfg.Account, RepositoryName: in.RepositoryName, ImageScanningConfiguration: in.ImageScanningConfiguration,
	}, err
}

// SetRepositoryPolicy gives a repository a policy. Its principals are those of
// one account, whose own policies decide; it is kept, and shown.
func (a *API) SetRepositoryPolicy(ctx context.Context, in *ecr.SetRepositoryPolicyInput) (*ecr.SetRepositoryPolicyOutput, error) {
	text := aws.ToString(in.PolicyText)
	var document struct{ Statement json.RawMessage }
	if len(text) > 10240 || json.Unmarshal([]byte(text), &document) != nil || document.Statement == nil {
		return nil, invalid("'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'")
	}
	_, err := a.change(ctx, in.RegistryId, in.RepositoryName, func(r *state.Repository) error {
		r.Policy = text
		return nil
	})
	return &ecr.SetRepositoryPolicyOutput{RegistryId: &a.cfg.Account, RepositoryName: in.RepositoryName, PolicyText: &text}, err
}

func (a *API) noPolicy(name string) error {
	return &types.RepositoryPolicyNotFoundException{Message: aws.String(fmt.Sprintf(
		"Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", name, a.cfg.Account))}
}

// GetRepositoryPolicy returns the policy of a repository.
func (a *API) GetRepositoryPolicy(_ context.Context, in *ecr.GetRepositoryPolicyInput) (*ecr.GetRepositoryPolicyOutput, error) {
	r, err := a.find(a.cfg.Store.View(), in.RegistryId, in.RepositoryName)
	if err == nil && r.Policy == "" {
		err = a.noPolicy(r.Name)
	}
	return &ecr.GetRepositoryPolicyOutput{RegistryId: &a.cfg.Account, RepositoryName: &r.Name, PolicyText: &r.Policy}, err
}

// DeleteRepositoryPolicy removes the policy of a repository.
func (a *API) DeleteRepositoryPolicy(ctx context.Context, in *ecr.DeleteRepositoryPolicyInput) (*ecr.DeleteRepositoryPolicyOutput, error) {
	var old string
	_, err := a.change(ctx, in.RegistryId, in.RepositoryName, func(r *state.Repository) error {
		if old = r.Policy; old == "" {
			return a.noPolicy(r.Name)
		}
		r.Policy = ""
		return nil
	})
	return &ecr.DeleteRepositoryPolicyOutput{RegistryId: &a.cfg.Account, RepositoryName: in.RepositoryName, PolicyText: &old}, err
}
