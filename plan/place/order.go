package place

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// order says which candidate is next, by the request's strategies: the first
// strategy decides, and among equals the next one.
type order struct {
	request    Request
	candidates []*candidate
	levels     []level
}

// level is one strategy. The candidate with the lowest key is next.
type level struct {
	key    func(*candidate) int64
	placed func(*candidate)
}

func newOrder(v *state.View, r Request, all []*candidate) *order {
	o := &order{request: r, candidates: all}
	for n, s := range r.Strategy {
		o.levels = append(o.levels, newLevel(v, s, all, fmt.Sprint(r.Seed, n)))
	}
	if len(r.Strategy) == 0 {
		o.levels = append(o.levels, newLevel(v, types.PlacementStrategy{Type: types.PlacementStrategyTypeRandom}, all, r.Seed))
	}
	return o
}

func newLevel(v *state.View, s types.PlacementStrategy, all []*candidate, seed string) level {
	field := aws.ToString(s.Field)
	switch {
	case s.Type == types.PlacementStrategyTypeBinpack && strings.EqualFold(field, "cpu"):
		return level{key: func(c *candidate) int64 { return c.cpu }}
	case s.Type == types.PlacementStrategyTypeBinpack:
		return level{key: func(c *candidate) int64 { return c.memory }}
	case s.Type == types.PlacementStrategyTypeRandom:
		return random(seed)
	case strings.EqualFold(field, "instanceId") || strings.EqualFold(field, "host"):
		return level{key: func(c *candidate) int64 { return int64(c.inGroup) }}
	}
	return spread(v, strings.TrimPrefix(field, "attribute:"), all)
}

// spread counts the tasks of the group by an attribute of their instances.
func spread(v *state.View, name string, all []*candidate) level {
	value := map[*candidate]string{}
	tasks := map[string]int64{}
	for _, c := range all {
		value[c] = strings.Join(attribute(v, c.instance, name), "")
		tasks[value[c]] += int64(c.inGroup)
	}
	return level{
		key:    func(c *candidate) int64 { return tasks[value[c]] },
		placed: func(c *candidate) { tasks[value[c]]++ },
	}
}

// random gives each candidate a number that follows from the seed, another one
// for each task.
func random(seed string) level {
	n := 0
	return level{
		key: func(c *candidate) int64 {
			sum := sha256.Sum256(fmt.Append(nil, seed, n, c.instance.ARN))
			return int64(binary.BigEndian.Uint64(sum[:8]) >> 1)
		},
		placed: func(*candidate) { n++ },
	}
}

// next returns the candidate for the next task; nil if there is no room.
func (o *order) next() *candidate {
	var best *candidate
	for _, c := range o.candidates {
		if c.fits(o.request) && (best == nil || o.compare(c, best) < 0) {
			best = c
		}
	}
	return best
}

func (o *order) compare(a, b *candidate) int {
	for _, l := range o.levels {
		if n := cmp.Compare(l.key(a), l.key(b)); n != 0 {
			return n
		}
	}
	return 0
}

// placed tells the strategies that c got one of the tasks.
func (o *order) placed(c *candidate) {
	for _, l := range o.levels {
		if l.placed != nil {
			l.placed(c)
		}
	}
}
