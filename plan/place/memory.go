package place

import (
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"berth/state"
)

// memory is the orders of requests that were made lately. It makes an answer
// fast and never another one: an order that is brought up to date is equal to a
// new one.
type memory struct {
	orders  map[string]*order // by what they are for
	recent  []string          // the keys, the one used last at the end
	entries int               // instances in all orders, each counted once for each order
	most    int               // entries, unless one order alone has more
}

// mostEntries limits memory: an entry has about 400 bytes.
const mostEntries = 100_000

// use calls fn with the order of r.
func (r Request) use(v *state.View, fn func(*order)) {
	give := func(o *order) {
		for _, p := range r.Taken {
			o.assume(p)
		}
		fn(o)
	}
	if r.Only != "" {
		give(newOrder(v, r))
		return
	}
	v.Recall("place", func(old any) any {
		m, ok := old.(*memory)
		if !ok {
			m = &memory{orders: map[string]*order{}, most: mostEntries}
		}
		give(m.order(v, r))
		return m
	})
}

// order returns the order of r, as it is in v.
func (m *memory) order(v *state.View, r Request) *order {
	key := r.key()
	o, ok := m.orders[key]
	if ok {
		m.entries -= o.entries()
		o.request.Seed = r.Seed
		o.update(v)
	} else {
		o = newOrder(v, r)
		m.orders[key] = o
	}
	m.entries += o.entries()
	m.recent = append(slices.DeleteFunc(m.recent, func(k string) bool { return k == key }), key)
	for m.entries > m.most && len(m.recent) > 1 {
		m.entries -= m.orders[m.recent[0]].entries()
		delete(m.orders, m.recent[0])
		m.recent = m.recent[1:]
	}
	return o
}

func (o *order) entries() int { return len(o.candidates) + len(o.refused) }

// key is all of r that its order depends on: not how many tasks it is for, nor
// the seed.
func (r Request) key() string {
	var b []byte
	add := func(texts ...string) {
		for _, text := range texts {
			b = append(strconv.AppendInt(b, int64(len(text)), 10), ' ')
			b = append(b, text...)
		}
	}
	number := func(numbers ...int32) {
		for _, n := range numbers {
			b = append(strconv.AppendInt(b, int64(n), 10), ' ')
		}
		b = append(b, '\n')
	}
	add(r.Cluster, r.LaunchType, r.CapacityProvider, r.Group, r.Service)
	number(r.Takes.CPU, r.Takes.Memory, r.Takes.ENIs, int32(r.GPUs))
	if r.Daemon {
		add("daemon")
	}
	number(r.Takes.TCP...)
	number(r.Takes.UDP...)
	for _, a := range r.Definition.RequiresAttributes {
		add(*a.Name)
	}
	if p := r.Definition.RuntimePlatform; p != nil {
		add("\n", string(p.OperatingSystemFamily), string(p.CpuArchitecture))
	}
	for _, c := range r.Constraints {
		add("\n", string(c.Type), aws.ToString(c.Expression))
	}
	for _, s := range r.Strategy {
		add("\n\n", string(s.Type), aws.ToString(s.Field))
	}
	for _, s := range r.Subnets {
		add("\n\n\n", s.ID, s.Zone, s.CIDR)
	}
	return string(b)
}
