package ecs

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/aws/arn"
	"berth/state"
)

// ListServicesByNamespace lists the services of all clusters that are in a
// Cloud Map namespace.
func (a *API) ListServicesByNamespace(ctx context.Context, in *ecs.ListServicesByNamespaceInput) (*ecs.ListServicesByNamespaceOutput, error) {
	namespace, err := a.namespaceARN(aws.ToString(in.Namespace))
	if err != nil {
		return nil, err
	}
	limit, err := servicePage(in.MaxResults)
	if err != nil {
		return nil, err
	}
	v := a.store.View()
	if !namespaceKnown(v, namespace) {
		return nil, namespaceNotFound()
	}
	arns, next, err := page(func(yield func(string) bool) {
		for s := range v.ServicesIn(namespace) {
			if s.Status != "INACTIVE" && !yield(s.ARN) {
				return
			}
		}
	}, in.NextToken, limit)
	return &ecs.ListServicesByNamespaceOutput{ServiceArns: arns, NextToken: next}, err
}

// namespaceARN turns the name or ARN of a Cloud Map namespace into its ARN.
//
// A namespace that is only named comes to be with its first use, as on AWS. Its
// id follows from its name, so that the same name is the same namespace in every
// cluster.
func (a *API) namespaceARN(nameOrARN string) (string, error) {
	if arn.Is(nameOrARN) {
		id, err := arn.Parse(nameOrARN)
		if err != nil || id.Service != "servicediscovery" || !strings.HasPrefix(id.Resource, "namespace/ns-") {
			return "", invalid("The namespace ARN " + nameOrARN + " is invalid: want arn:aws:servicediscovery:region:account:namespace/ns-id.")
		}
		if id.Region != a.region || id.Account != a.account {
			return "", namespaceNotFound()
		}
		return nameOrARN, nil
	}
	if nameOrARN == "" {
		return "", invalid("Namespace can not be blank.")
	}
	if utf8.RuneCountInString(nameOrARN) > 1024 || strings.ContainsAny(nameOrARN, `<>"/`) {
		return "", invalid(`The namespace name is invalid: it can have up to 1024 characters, without <, >, " and /.`)
	}
	sum := sha256.Sum256([]byte(nameOrARN))
	id := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10]))
	return arn.ARN{Partition: "aws", Service: "servicediscovery", Region: a.region, Account: a.account,
		Resource: "namespace/ns-" + id}.String(), nil
}

// namespaceKnown reports whether a service or a cluster uses a namespace.
func namespaceKnown(v *state.View, namespace string) bool {
	for range v.ServicesIn(namespace) {
		return true
	}
	for c := range v.Clusters.All() {
		if c.ServiceConnect != nil && aws.ToString(c.ServiceConnect.Namespace) == namespace {
			return true
		}
	}
	return false
}

func namespaceNotFound() error {
	message := "The specified namespace was not found."
	return &types.NamespaceNotFoundException{Message: &message}
}
