package place

import (
	"cmp"
	"container/heap"

	"github.com/tidwall/btree"
)

// branch is a group of candidates in an order; at the end of the tree, one
// candidate.
type branch struct {
	bucket    bucket
	kind      kind // of the level that it is a group of
	parent    *branch
	tasks     int64 // of the request's group, on its candidates
	size      int   // of candidates, with room or without
	candidate *candidate

	groups map[bucket]*branch
	open   queue                       // those of groups, or of the candidates, that have room, the next one first
	lots   *btree.Map[string, *branch] // instead, where one is drawn: candidates with room, by their instance's ARN
	at     int                         // its index in its parent's open; -1: it has no room
}

// bucket is the group of a level that a candidate is in now. n counts the
// levels that spread.
func (c *candidate) bucket(l level, n *int) bucket {
	switch l.kind {
	case packCPU:
		return bucket{number: c.cpu}
	case packMemory:
		return bucket{number: c.memory}
	case mostMemory:
		return bucket{number: -c.memory}
	}
	*n++
	return bucket{name: c.values[*n-1]}
}

// enter puts a candidate in its place.
func (o *order) enter(c *candidate) {
	b, spreads := o.root, 0
	for _, l := range o.levels {
		name := c.bucket(l, &spreads)
		next, ok := b.groups[name]
		if !ok {
			if b.groups == nil {
				b.groups = map[bucket]*branch{}
			}
			next = &branch{bucket: name, kind: l.kind, parent: b, at: -1}
			b.groups[name] = next
		}
		b = next
	}
	c.leaf.parent, c.leaf.tasks = b, int64(c.inGroup)
	o.settle(c, o.fits(c), 1)
}

// leave takes a candidate out. Nothing of it may have changed since it entered.
func (o *order) leave(c *candidate) { o.settle(c, false, -1) }

// settle puts a candidate where it belongs among its parent's, and each branch
// above it, from the end of the tree up. It counts for one more or one less.
func (o *order) settle(c *candidate, room bool, one int) {
	b := &c.leaf
	switch parent := b.parent; {
	case !o.random:
		parent.settle(b, room)
	case room:
		if parent.lots == nil {
			parent.lots = new(btree.Map[string, *branch])
		}
		parent.lots.Set(c.instance(), b)
	case parent.lots != nil:
		parent.lots.Delete(c.instance())
	}
	for b = b.parent; b.parent != nil; b = b.parent {
		b.size += one
		b.tasks += int64(one) * c.leaf.tasks
		b.parent.settle(b, b.room())
		if b.size == 0 {
			delete(b.parent.groups, b.bucket)
		}
	}
}

// room reports whether a task fits on any of the candidates.
func (b *branch) room() bool { return len(b.open) > 0 || b.lots != nil && b.lots.Len() > 0 }

// settle puts a group where it belongs.
func (b *branch) settle(group *branch, room bool) {
	switch {
	case room && group.at < 0:
		heap.Push(&b.open, group)
	case room:
		heap.Fix(&b.open, group.at)
	case group.at >= 0:
		heap.Remove(&b.open, group.at)
	}
}

// queue is a heap of branches, the next one first.
type queue []*branch

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	a, b := q[i], q[j]
	n := cmp.Compare(a.bucket.number, b.bucket.number)
	if a.kind == spread {
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
