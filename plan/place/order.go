package place

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/query"
	"berth/plan/vpc"
	"berth/state"
)

// order gives the candidate for each next of equal tasks. It is a tree with a
// level for each strategy: the first strategy groups all candidates and says
// which group is next, the second one groups those of that group, and so on. To
// place a task takes the depth of the tree, whatever the number of candidates.
//
// What an instance changes in the tree is its own path, so that an order can
// be kept and brought up to date: see [order.update].
type order struct {
	request  Request // Count and Seed are of the call under way
	terms    []*query.Expr
	distinct bool
	levels   []level
	random   bool // at the end of the tree, instead of fewest tasks first
	root     *branch

	candidates map[string]*candidate // by ARN of the instance
	refused    map[string]*Refusal   // of the other instances, likewise
	free       map[string]int        // addresses left, by subnet
	inZone     map[string]int        // tasks of the service in the zones of the subnets
	mark       state.Mark            // up to where all this is known
	placed     []string              // ARNs of instances that got tasks in the call under way
}

// level is what a strategy groups by.
type level struct {
	kind      kind
	attribute string // to spread over
}

type kind int

const (
	spread     kind = iota // over values of an attribute: the one with the fewest tasks is next
	packCPU                // where least is left
	packMemory             // likewise
	mostMemory             // where most is left
)

// bucket names a group of candidates.
type bucket struct {
	name   string
	number int64
}

func newOrder(v *state.View, r Request) *order {
	o := &order{request: r, terms: parse(r.Constraints), root: &branch{}}
	for _, c := range r.Constraints {
		o.distinct = o.distinct || c.Type == types.PlacementConstraintTypeDistinctInstance
	}
	switch {
	case len(r.Strategy) > 0:
		o.levels, o.random = levels(r.Strategy)
	case r.LaunchType == "FARGATE":
		o.levels = []level{{spread, zoneAttribute}, {kind: mostMemory}}
	default: // as ECS does
		o.random = true
	}
	o.fill(v)
	return o
}

// levels are those of strategies, which were checked when they were given. Where
// one gives each instance a group of its own, the tree ends: later ones have
// nothing to choose from.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PlacementStrategy.html
func levels(strategy []types.PlacementStrategy) (levels []level, random bool) {
	for _, s := range strategy {
		field := aws.ToString(s.Field)
		switch {
		case s.Type == types.PlacementStrategyTypeBinpack && strings.EqualFold(field, "cpu"):
			levels = append(levels, level{kind: packCPU})
		case s.Type == types.PlacementStrategyTypeBinpack:
			levels = append(levels, level{kind: packMemory})
		case s.Type == types.PlacementStrategyTypeRandom:
			return levels, true
		case strings.EqualFold(field, "instanceId") || strings.EqualFold(field, "host"):
			return levels, false
		default:
			levels = append(levels, level{spread, strings.TrimPrefix(field, "attribute:")})
		}
	}
	return levels, false
}

// parse reads the expressions of memberOf constraints. They were checked when
// they were given.
func parse(constraints []types.PlacementConstraint) (terms []*query.Expr) {
	for _, c := range constraints {
		if e, err := query.Parse(aws.ToString(c.Expression)); err == nil && c.Type != types.PlacementConstraintTypeDistinctInstance {
			terms = append(terms, e)
		}
	}
	return terms
}

// fill makes the order anew.
func (o *order) fill(v *state.View) {
	o.root = &branch{}
	o.candidates, o.refused, o.placed = map[string]*candidate{}, map[string]*Refusal{}, nil
	o.mark = v.Mark()
	o.count(v)
	if o.request.Only != "" {
		if i, ok := v.ContainerInstances.Get(o.request.Only); ok {
			o.add(v, &i)
		}
		return
	}
	for i := range v.InstancesOf(o.request.Cluster) {
		o.add(v, &i)
	}
}

// add gives an instance that the order does not know its place in it.
func (o *order) add(v *state.View, i *state.ContainerInstance) {
	if i.Cluster != o.request.Cluster {
		return
	}
	if refusal := o.check(v, i); refusal != nil {
		o.refused[i.ARN] = refusal
		return
	}
	c := o.candidate(v, i)
	o.candidates[i.ARN] = c
	o.enter(c)
}

// update makes the order as if it were new: it looks again at the instances
// that changed, and at those that it gave tasks to, which may not be there.
func (o *order) update(v *state.View) {
	changed, known := v.ChangedSince(o.mark)
	if !known || len(changed) > len(o.candidates)+len(o.refused) {
		o.fill(v)
		return
	}
	o.mark = v.Mark()
	before := o.free
	o.count(v)
	seen := make(map[string]bool, len(o.placed)+len(changed))
	for _, arns := range [][]string{o.placed, changed} {
		for _, arn := range arns {
			if !seen[arn] {
				seen[arn] = true
				o.renew(v, arn)
			}
		}
	}
	o.placed = o.placed[:0]
	for id, n := range o.free {
		if n > 0 != (before[id] > 0) {
			o.reenter()
			return
		}
	}
}

// reenter is for when a subnet has no address any more, or has one again: which
// concerns all instances in its zone.
func (o *order) reenter() {
	for _, c := range o.candidates {
		o.leave(c)
		o.enter(c)
	}
}

// renew looks at an instance again.
func (o *order) renew(v *state.View, arn string) {
	if c, ok := o.candidates[arn]; ok {
		o.leave(c)
		delete(o.candidates, arn)
	}
	delete(o.refused, arn)
	if i, ok := v.ContainerInstances.Get(arn); ok {
		o.add(v, &i)
	}
}

// count counts what the subnets have: addresses left, and tasks of the service.
func (o *order) count(v *state.View) {
	o.free, o.inZone = make(map[string]int, len(o.request.Subnets)), make(map[string]int, len(o.request.Subnets))
	for _, s := range o.request.Subnets {
		o.free[s.ID] = vpc.Free(v, s)
		if o.request.Service != "" {
			o.inZone[s.Zone] = v.CountTasksInZone(o.request.Service, s.Zone)
		}
	}
}

// assume counts a task that is not in the view yet.
func (o *order) assume(p Place) {
	if c, ok := o.candidates[p.Instance]; ok {
		o.change(c, func() { o.occupy(c, p) })
	}
}

// next returns the candidate for the next task; nil if there is no room.
func (o *order) next() *candidate {
	b := o.root
	for b.candidate == nil {
		switch {
		case !b.room():
			return nil
		case b.lots != nil:
			_, b, _ = b.lots.GetAt(o.draw(b.lots.Len()))
		default:
			b = b.open[0]
		}
	}
	return b.candidate
}

// draw is a number below n that follows from the seed and the number of the task.
func (o *order) draw(n int) int {
	sum := sha256.Sum256(fmt.Append(nil, o.request.Seed, " ", len(o.placed)))
	return int(binary.BigEndian.Uint64(sum[:8]) % uint64(n))
}

// place gives the next task to c.
func (o *order) place(c *candidate) (p Place) {
	o.change(c, func() { p = o.take(c) })
	return p
}

// change puts c where it belongs after take changed what is left of it.
func (o *order) change(c *candidate, take func()) {
	open := o.openSubnets()
	o.leave(c)
	take()
	o.enter(c)
	o.placed = append(o.placed, c.instance())
	if o.openSubnets() != open {
		o.reenter()
	}
}

// openSubnets is how many have an address left.
func (o *order) openSubnets() (n int) {
	for _, left := range o.free {
		if left > 0 {
			n++
		}
	}
	return n
}
