package iam

// ManagedPolicy is a policy that AWS manages and every account has.
type ManagedPolicy struct {
	ARN      string
	Document string
}

// Managed returns the policy of that ARN.
func Managed(arn string) (ManagedPolicy, bool) { return ManagedPolicy{}, false }
