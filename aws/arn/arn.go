// Package arn reads and writes Amazon Resource Names.
//
// It knows the form arn:partition:service:region:account:resource and nothing
// of what a service puts into its resource part.
package arn

import (
	"fmt"
	"strings"
)

// ARN is a name in its six parts. Resource keeps its own colons and slashes.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
type ARN struct {
	Partition, Service, Region, Account, Resource string
}

// Parse splits s. It says what is wrong with a string that is not an ARN.
func Parse(s string) (ARN, error) {
	part := strings.SplitN(s, ":", 6)
	if len(part) != 6 || part[0] != "arn" {
		return ARN{}, fmt.Errorf("%q is not an ARN: want arn:partition:service:region:account:resource", s)
	}
	a := ARN{part[1], part[2], part[3], part[4], part[5]}
	if a.Partition == "" || a.Service == "" || a.Resource == "" {
		return ARN{}, fmt.Errorf("%q is not an ARN: partition, service and resource cannot be empty", s)
	}
	return a, nil
}

// Is reports whether s looks like an ARN rather than a name.
func Is(s string) bool { return strings.HasPrefix(s, "arn:") }

func (a ARN) String() string {
	return strings.Join([]string{"arn", a.Partition, a.Service, a.Region, a.Account, a.Resource}, ":")
}
