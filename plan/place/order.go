package place

import (
	"cmp"
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// order gives the candidate for each next task. It is a tree with a level for
// each strategy: the first strategy groups all candidates and says which group
// is next, the second one groups those of that group, and so on. To place a
// task takes the depth of the tree, whatever the number of candidates.
type order struct {
	request Request
	rules   []rule
	root    *branch
}

// rule is one strategy.
type rule struct {
	group   func(*candidate) bucket
	byTasks bool // the group with the fewest tasks is next, instead of that with the lowest number
}

// bucket names a group of candidates.
type bucket struct {
	name   string
	number int64
}

// branch is a group of candidates; at the end of the tree, one candidate.
type branch struct {
	bucket    bucket
	byTasks   bool
	tasks     int64 // of the request's group, on its candidates
	candidate *candidate
	groups    map[bucket]*branch
	open      queue // those of groups that have room, the next one first
	at        int   // its index in its parent's open; -1: it has no room
}

func newOrder(v *state.View, r Request, all []*candidate) *order {
	o := &order{request: r, root: &branch{}}
	for n, s := range r.Strategy {
		o.rules = append(o.rules, newRule(v, s, fmt.Sprint(r.Seed, n)))
	}
	switch {
	case len(r.Strategy) > 0:
	case r.LaunchType == "FARGATE":
		o.rules = append(o.rules, rule{group: func(c *candidate) bucket { return bucket{number: -c.memory} }})
	default: // as ECS does
		o.rules = append(o.rules, random(r.Seed))
	}
	// Among equals, tasks go to different instances. This also gives each candidate a branch of its own.
	o.rules = append(o.rules, rule{group: func(c *candidate) bucket { return bucket{name: c.instance.ARN} }, byTasks: true})
	for _, c := range all {
		o.enter(c)
	}
	return o
}

// newRule is the rule of a strategy, which was checked when it was given.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PlacementStrategy.html
func newRule(v *state.View, s types.PlacementStrategy, seed string) rule {
	field := aws.ToString(s.Field)
	switch {
	case s.Type == types.PlacementStrategyTypeBinpack && strings.EqualFold(field, "cpu"):
		return rule{group: func(c *candidate) bucket { return bucket{number: c.cpu} }}
	case s.Type == types.PlacementStrategyTypeBinpack:
		return rule{group: func(c *candidate) bucket { return bucket{number: c.memory} }}
	case s.Type == types.PlacementStrategyTypeRandom:
		return random(seed)
	case strings.EqualFold(field, "instanceId") || strings.EqualFold(field, "host"):
		return rule{group: func(c *candidate) bucket { return bucket{name: c.instance.ARN} }, byTasks: true}
	}
	name := strings.TrimPrefix(field, "attribute:")
	return rule{group: func(c *candidate) bucket {
		return bucket{name: strings.Join(attribute(v, c.instance, name), "")}
	}, byTasks: true}
}

// random is a rule that follows from the seed. The candidates' numbers are the
// times at which random processes of equal rate strike next, so that each is as
// likely as any other to be next, whatever was before.
func random(seed string) rule {
	last := map[*candidate]bucket{}
	placed := map[*candidate]int{}
	return rule{group: func(c *candidate) bucket {
		if b, ok := last[c]; ok && placed[c] == c.placed {
			return b
		}
		sum := sha256.Sum256(fmt.Append(nil, seed, " ", c.placed, " ", c.instance.ARN))
		uniform := (float64(binary.BigEndian.Uint64(sum[:8])>>11) + 1) / (1 << 53) // in (0, 1]
		wait := int64(-math.Log(uniform) * 1e9)
		last[c], placed[c] = bucket{name: c.instance.ARN, number: last[c].number + wait}, c.placed
		return last[c]
	}}
}

// next returns the candidate for the next task; nil if there is no room.
func (o *order) next() *candidate {
	for {
		b := o.root
		for b.candidate == nil {
			if len(b.open) == 0 {
				return nil
			}
			b = b.open[0]
		}
		if b.candidate.fits(o.request) {
			return b.candidate
		}
		c := b.candidate // others took the last address of its subnets
		o.leave(c)
		o.enter(c)
	}
}

// place gives the next task to c.
func (o *order) place(c *candidate) Place {
	o.leave(c)
	p := c.take(o.request)
	o.enter(c)
	return p
}

// path is the branches that c is on, from the root on.
func (o *order) path(c *candidate) []*branch {
	b := o.root
	path := append(make([]*branch, 0, len(o.rules)+1), b)
	for _, r := range o.rules {
		name := r.group(c)
		next, ok := b.groups[name]
		if !ok {
			if b.groups == nil {
				b.groups = map[bucket]*branch{}
			}
			next = &branch{bucket: name, byTasks: r.byTasks, at: -1}
			b.groups[name] = next
		}
		b = next
		path = append(path, b)
	}
	return path
}

func (o *order) enter(c *candidate) {
	path := o.path(c)
	if c.fits(o.request) {
		path[len(path)-1].candidate = c
	}
	settle(path, int64(c.inGroup))
}

func (o *order) leave(c *candidate) {
	path := o.path(c)
	path[len(path)-1].candidate = nil
	settle(path, -int64(c.inGroup))
}

// settle adds tasks to the branches of a path and puts each where it belongs
// among its parent's, from the end of the tree up.
func settle(path []*branch, tasks int64) {
	for i := len(path) - 1; i > 0; i-- {
		parent, b := path[i-1], path[i]
		b.tasks += tasks
		switch room := b.candidate != nil || len(b.open) > 0; {
		case room && b.at < 0:
			heap.Push(&parent.open, b)
		case room:
			heap.Fix(&parent.open, b.at)
		case b.at >= 0:
			heap.Remove(&parent.open, b.at)
		}
	}
}

// queue is a heap of branches, the next one first.
type queue []*branch

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	a, b := q[i], q[j]
	n := cmp.Compare(a.bucket.number, b.bucket.number)
	if a.byTasks {
		n = cmp.Compare(a.tasks, b.tasks)
	}
	return n < 0 || n == 0 && a.bucket.name < b.bucket.name
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

// Push is heap's.
func (q *queue) Push(b any) {
	b.(*branch).at = len(*q)
	*q = append(*q, b.(*branch))
}

// Pop is heap's.
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	last.at, old[len(old)-1] = -1, nil
	*q = old[:len(old)-1]
	return last
}
