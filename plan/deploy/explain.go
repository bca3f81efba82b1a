package deploy

import (
	"berth/plan/place"
	"berth/state"
)

// Explanation is where one more task of a service would run, by launch type or
// capacity provider.
type Explanation struct {
	LaunchType, CapacityProvider string
	Instances                    []place.Refusal // see place.Explain
}

// Explain says where one more task of the primary deployment of s would run.
func (c Config) Explain(v *state.View, s state.Service) (all []Explanation) {
	primary := s.Primary()
	if primary == nil {
		return nil
	}
	revision, _ := v.ServiceRevisions.Get(primary.Revision)
	from := source{revision: primary.Revision, id: primary.ID, Workload: revision.Workload}
	for _, sh := range shares(v, s, from, 1) {
		r, _ := c.request(v, s, from, sh)
		all = append(all, Explanation{sh.launchType, sh.provider, place.Explain(v, r)})
	}
	return all
}
