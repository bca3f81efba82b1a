// Package ecr serves the Amazon ECR API, and stands in front of the registry
// that keeps the images: it lets in who may, as the policies say, and holds pushes
// to what the repositories' records say.
//
// Each operation is a method of [API] that takes and returns the SDK's structs.
// Repositories are records of state; images are what the registry has on disk.
package ecr

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"berth/aws/arn"
	"berth/aws/protocol"
	"berth/iam"
	"berth/plan/access"
	"berth/registry"
	"berth/state"
)

// Config says what an API serves. All fields are required.
type Config struct {
	Store    *state.Store
	Registry *registry.Registry
	Region   string
	Account  string
	Endpoint string // URL at which clients reach this control plane
	Log      *slog.Logger
}

// API has a method for each operation that is built.
type API struct{ cfg Config }

// New returns the API of one region and account.
func New(cfg Config) *API { return &API{cfg} }

// host is the registry's name in references to images: the endpoint's host and port.
func (a *API) host() string {
	_, host, _ := strings.Cut(a.cfg.Endpoint, "://")
	return host
}

func (a *API) arn(name string) string {
	return arn.ARN{Partition: "aws", Service: "ecr", Region: a.cfg.Region, Account: a.cfg.Account, Resource: "repository/" + name}.String()
}

// Resources returns the ARNs that an operation's input touches.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
func (a *API) Resources(operation string, input any) []string {
	switch in := input.(type) {
	case *ecr.GetAuthorizationTokenInput:
		return nil
	case *ecr.DescribeRepositoriesInput:
		var all []string
		for _, name := range in.RepositoryNames {
			all = append(all, a.arn(name))
		}
		if all == nil {
			return []string{a.arn("*")}
		}
		return all
	case *ecr.TagResourceInput:
		return []string{aws.ToString(in.ResourceArn)}
	case *ecr.UntagResourceInput:
		return []string{aws.ToString(in.ResourceArn)}
	case *ecr.ListTagsForResourceInput:
		return []string{aws.ToString(in.ResourceArn)}
	}
	return []string{a.arn(repositoryName(input))}
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String("Invalid parameter at " + fmt.Sprintf(format, args...))}
}

// checkRegistry refuses the registries of other accounts, which are not here.
func (a *API) checkRegistry(id *string) error {
	switch {
	case id == nil || *id == a.cfg.Account:
		return nil
	case !regexp.MustCompile(`^\d{12}$`).MatchString(*id):
		return invalid("'registryId' failed to satisfy constraint: 'must satisfy regular expression '[0-9]{12}''")
	}
	return &types.InvalidParameterException{Message: aws.String("The registry with id '" + *id + "' does not exist: this one has the id '" + a.cfg.Account + "'")}
}

var validName = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

func checkName(name string) error {
	if len(name) < 2 || len(name) > 256 || !validName.MatchString(name) {
		return invalid("'repositoryName' failed to satisfy constraint: 'must satisfy regular expression " +
			`'(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'', and have 2 to 256 characters`)
	}
	return nil
}

// find returns the repository that in's registryId and repositoryName mean.
func (a *API) find(v *state.View, registryID, name *string) (state.Repository, error) {
	if err := a.checkRegistry(registryID); err != nil {
		return state.Repository{}, err
	}
	if err := checkName(aws.ToString(name)); err != nil {
		return state.Repository{}, err
	}
	r, ok := v.Repositories.Get(*name)
	if !ok {
		return r, &types.RepositoryNotFoundException{Message: aws.String(a.missing(*name))}
	}
	return r, nil
}

func (a *API) missing(name string) string {
	return fmt.Sprintf("The repository with name '%s' does not exist in the registry with id '%s'", name, a.cfg.Account)
}

// change reads, changes and writes a repository in one transaction.
func (a *API) change(ctx context.Context, registryID, name *string, fn func(*state.Repository) error) (r state.Repository, err error) {
	err = a.cfg.Store.Update(ctx, func(tx *state.Tx) error {
		if r, err = a.find(tx.View, registryID, name); err != nil {
			return err
		}
		if err := fn(&r); err != nil {
			return err
		}
		tx.Repositories.Put(tx, r)
		return nil
	})
	return r, err
}

// here makes sure that this server has the images: they are on the leader's disk.
func (a *API) here(ctx context.Context) error {
	return a.cfg.Store.Update(ctx, func(*state.Tx) error { return nil })
}

// passwordLife is how long a password for the registry is good.
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
const passwordLife = 12 * time.Hour

// GetAuthorizationToken returns a user name and password for the registry, which
// may do there what the caller may.
func (a *API) GetAuthorizationToken(ctx context.Context, in *ecr.GetAuthorizationTokenInput) (*ecr.GetAuthorizationTokenOutput, error) {
	for _, id := range in.RegistryIds {
		if err := a.checkRegistry(&id); err != nil {
			return nil, err
		}
	}
	now := time.Now()
	key, err := access.Issue(a.cfg.Store.View(), protocol.CallOf(ctx).Principal, now, now.Add(passwordLife))
	if err != nil {
		return nil, err
	}
	token := base64.StdEncoding.EncodeToString([]byte("AWS:" + key.AccessKeyID + "." + key.Token))
	return &ecr.GetAuthorizationTokenOutput{AuthorizationData: []types.AuthorizationData{{
		AuthorizationToken: &token,
		ExpiresAt:          &key.Expiration,
		ProxyEndpoint:      &a.cfg.Endpoint,
	}}}, nil
}

// login tells whose password it is.
func (a *API) login(user, password string) (iam.Principal, error) {
	id, token, ok := strings.Cut(password, ".")
	if user != "AWS" || !ok {
		return iam.Principal{}, iam.ErrUnknownKey
	}
	return a.holder(id, token)
}

// holder tells whom a temporary key stands for.
func (a *API) holder(id, token string) (iam.Principal, error) {
	if token == "" {
		return iam.Principal{}, iam.ErrUnknownKey // long-lived keys are for signing
	}
	_, p, err := access.Credential(a.cfg.Store.View(), time.Now(), a.cfg.Account, id, token)
	p.Root = p.ARN == iam.Root(a.cfg.Account).ARN // a token says whose it is, not what they may
	return p, err
}
