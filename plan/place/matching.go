package place

import (
	"slices"

	"berth/state"
)

// Matching returns the container instances that could run the tasks if they had
// room and their agents were connected, in the order of their ARNs.
func Matching(v *state.View, r Request) (all []state.ContainerInstance) {
	var arns []string
	r.use(v, func(o *order) {
		for arn := range o.candidates {
			arns = append(arns, arn)
		}
		for arn, refusal := range o.refused {
			if refusal.Reason == "AGENT" { // which is looked at last
				arns = append(arns, arn)
			}
		}
	})
	slices.Sort(arns)
	for _, arn := range arns {
		i, _ := v.ContainerInstances.Get(arn)
		all = append(all, i)
	}
	return all
}

// Zone is the Availability Zone that a container instance is in; empty if it
// does not say.
func Zone(i state.ContainerInstance) string { return valueOf(&i, zoneAttribute) }
