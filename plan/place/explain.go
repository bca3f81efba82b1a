package place

import (
	"cmp"
	"slices"

	"berth/state"
)

// Explain says of each instance why it would not run one more of the tasks,
// those first that would, whose reason is empty, and then the closest.
func Explain(v *state.View, r Request) (all []Refusal) {
	o := newOrder(v, r)
	for _, c := range o.candidates {
		if o.fits(c) {
			all = append(all, Refusal{Instance: c.instance()})
		}
	}
	slices.SortFunc(all, func(a, b Refusal) int { return cmp.Compare(a.Instance, b.Instance) })
	return append(all, o.refusals(v, slices.SortedFunc(o.distances, distance.compare))...)
}
