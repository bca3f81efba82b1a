package place

import "berth/state"

// Explain says of each instance why it would not run one more of the tasks,
// those first that would, whose reason is empty, and then the closest.
func Explain(v *state.View, r Request) []Refusal {
	candidates, refused := candidates(v, r)
	var would []Refusal
	for _, c := range candidates {
		if refusal := c.refuse(v, r); refusal != nil {
			refused = append(refused, *refusal)
		} else {
			would = append(would, Refusal{Instance: c.instance.ARN})
		}
	}
	sortRefusals(refused)
	return append(would, refused...)
}
