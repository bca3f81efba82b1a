package server

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/aws/arn"
	"berth/state"
)

// checkOwner refuses a state that was made for another account or region: its
// ARNs would not be found any more, and root would get another key.
func (c Config) checkOwner(v *state.View) error {
	for _, name := range samples(v) {
		a, err := arn.Parse(name)
		if err != nil {
			return fmt.Errorf("the state: %w", err)
		}
		if a.Account != c.Account {
			return fmt.Errorf("the state is that of account %s, not of %s: start with --account-id %s, or give another place for the state", a.Account, c.Account, a.Account)
		}
		if a.Region != "" && a.Region != c.Region {
			return fmt.Errorf("the state is that of region %s, not of %s: start with --region %s, or give another place for the state", a.Region, c.Region, a.Region)
		}
	}
	return nil
}

// samples are ARNs of some records; what holds for them holds for all.
func samples(v *state.View) (arns []string) {
	for key := range v.AccessKeys.All() {
		arns = append(arns, key.Principal) // IAM's have no region
		break
	}
	for c := range v.Clusters.All() {
		arns = append(arns, c.ARN)
		break
	}
	for d := range v.TaskDefinitions.All() {
		arns = append(arns, aws.ToString(d.TaskDefinitionArn))
		break
	}
	return arns
}
