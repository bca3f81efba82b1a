package deploy

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/plan/place"
	"berth/state"
)

// The words of events that say where rebalancing is.
const (
	unbalanced = " AZ Rebalancing in progress."
	balanced   = " is AZ balanced with "
	stopped    = " stopped AZ Rebalancing."
)

// Unbalanceable says of a service s, made from w, that cannot have Availability
// Zone rebalancing why not; empty if it can.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
func Unbalanceable(s state.Service, w state.Workload) string {
	ofZones := func(c types.PlacementConstraint) bool {
		return strings.Contains(aws.ToString(c.Expression), zoneAttribute)
	}
	classic := func(b types.LoadBalancer) bool { return b.LoadBalancerName != nil }
	switch {
	case s.Scheduling == types.SchedulingStrategyDaemon:
		return "with the scheduling strategy DAEMON"
	case s.Controller != types.DeploymentControllerTypeEcs:
		return fmt.Sprintf("with the deployment controller %s", s.Controller)
	case w.LaunchType == "EXTERNAL":
		return "with the launch type EXTERNAL"
	case *s.Rollout.MaximumPercent <= 100:
		return "with a maximumPercent of 100"
	case slices.ContainsFunc(w.LoadBalancers, classic):
		return "with a Classic Load Balancer"
	case len(s.Strategy) > 0 && (s.Strategy[0].Type != types.PlacementStrategyTypeSpread || aws.ToString(s.Strategy[0].Field) != zoneAttribute):
		return "whose first placement strategy is not spread by " + zoneAttribute
	case slices.ContainsFunc(s.Constraints, ofZones):
		return "with a placement constraint on " + zoneAttribute
	}
	return ""
}

// rebalances reports whether a deployment that is complete is kept balanced over
// zones.
func (r *rolling) rebalances() bool {
	return r.s.Rebalancing == types.AvailabilityZoneRebalancingEnabled && r.deployment.State == types.DeploymentRolloutStateCompleted &&
		r.old.live() == 0 && Unbalanceable(r.s, r.source.Workload) == ""
}

// scaleInZones stops what is more than desired where the zones have most,
// whether it is healthy or not. A healthy task goes only when there are as many
// as desired without it, so that one that is started in another zone, to take
// its place, is waited for.
func (r *rolling) scaleInZones(excess int, why string) {
	tasks := slices.DeleteFunc(r.inAll(r.deployment.ID), r.bad)
	order := leaveInOrder(r.v, r.s, r.unprotected(tasks), true)
	spare := min(r.spare, r.fresh.healthy-r.desired)
	zones := map[string][]state.Task{}
	for _, t := range order[:min(excess, len(order))] {
		if t.Phase() == state.Healthy {
			if spare <= 0 {
				continue
			}
			spare--
		}
		zones[t.Zone] = append(zones[t.Zone], t)
	}
	rebalancing := r.rebalancing()
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		h := r.halting(r.source.title, zones[zone], scaling(r.deployment.ID), why)
		if rebalancing {
			h.Zone, h.Why = zone, "another zone has its place"
		}
		r.p.Do(h)
	}
	if protected := len(tasks) - len(order); rebalancing && len(order) < excess && protected > 0 {
		r.warn(fmt.Sprintf("%s was unable to AZ Rebalance because (taskSet %s) was unable to scale in due to (reason %d tasks under protection)",
			r.source.title, r.deployment.ID, protected), unbalanced, balanced)
	}
}

// rebalancing reports whether events said that the service is being rebalanced,
// and not yet that this is over.
func (l *look) rebalancing() bool {
	for e := range l.v.LatestEventsOf(l.s.ARN) {
		if contains(e.Message, []string{unbalanced, balanced, stopped}) {
			return strings.HasSuffix(e.Message, unbalanced)
		}
	}
	return false
}

// rebalance starts tasks in the zones with the fewest, in place of some in the
// zones with the most, which [rolling.scaleInZones] stops when these are healthy.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
func (r *rolling) rebalance() {
	switch {
	case !r.rebalances():
		if r.s.Rebalancing == types.AvailabilityZoneRebalancingEnabled && r.rebalancing() {
			r.say(stopped)
		}
		return
	case r.want > 0 || len(r.leaving)+len(r.unhealthy) > 0:
		return
	}
	even := true
	for _, b := range r.balances() {
		even = even && b.even()
		if r.move(b) {
			return
		}
	}
	if even && r.fresh.healthy == r.desired && r.fresh.all() == r.desired && r.rebalancing() {
		r.say(balanced + r.inZones() + ".")
	}
}

// say records an event, which changes nothing that would wake anybody.
func (r *rolling) say(message string) {
	r.p.Do(plan.RecordEvent{Service: r.s.ARN, Message: r.source.title + message})
	r.p.WakeAt(r.now)
}

// move starts tasks for the first zone that has room for what it is short of.
func (r *rolling) move(b balance) bool {
	for zone, n := range b.moves() {
		from, start := r.request(r.v, r.s, r.source, b.share)
		from.Count = min(n, r.room, mostAtOnce)
		if from.Count <= 0 {
			return false
		}
		if b.launchType == "FARGATE" {
			from.Subnets = slices.DeleteFunc(from.Subnets, func(s state.Subnet) bool { return s.Zone != zone })
		} else {
			from.Constraints = append(from.Constraints, types.PlacementConstraint{
				Type: types.PlacementConstraintTypeMemberOf, Expression: aws.String(zoneAttribute + " == " + zone),
			})
		}
		places, _ := place.Tasks(r.v, from)
		if len(places) == 0 {
			unable := fmt.Sprintf("%s is unable to place a task in %s", r.source.title, zone)
			if b.launchType != "FARGATE" {
				unable += " because no container instance met all of its requirements"
			}
			r.warn(unable+".", unbalanced, balanced)
			continue
		}
		if !r.rebalancing() {
			r.p.Do(plan.RecordEvent{Service: r.s.ARN, Message: r.source.title + " is not AZ balanced with " + r.inZones() + "." + unbalanced})
		}
		r.p.Do(launch(r.s.ARN, r.source.title, zone, start, places))
		return true
	}
	return false
}

// inZones says how many tasks of the deployment are in each zone, most first.
func (r *rolling) inZones() string {
	n := map[string]int{}
	for _, b := range r.balances() {
		for zone, tasks := range b.tasks {
			n[zone] += tasks
		}
	}
	var all []string
	for _, zone := range slices.SortedFunc(maps.Keys(n), func(a, b string) int { return cmp.Or(n[b]-n[a], cmp.Compare(a, b)) }) {
		all = append(all, fmt.Sprintf("%d tasks in %s", n[zone], zone))
	}
	return strings.Join(all, ", ")
}

// balance is how the tasks of one capacity provider, or of the launch type, are
// spread over zones.
type balance struct {
	share                 // count is how many are desired
	open  map[string]bool // the zones in which tasks can be
	tasks map[string]int  // that nobody has asked to stop, by zone
	fixed map[string]int  // of them, those that are protected
}

// balances are those of each source of capacity.
func (r *rolling) balances() (all []balance) {
	shares := []share{{launchType: cmp.Or(r.source.LaunchType, "EC2"), count: r.desired}}
	if items := r.source.CapacityProviders; len(items) > 0 {
		shares = nil
		for i, n := range place.Split(items, r.desired) {
			shares = append(shares, providerShare(items[i], n))
		}
	}
	tasks := r.inAll(r.deployment.ID)
	for _, share := range shares {
		b := balance{share: share, open: r.zones(share), tasks: map[string]int{}, fixed: map[string]int{}}
		for zone := range b.open {
			b.tasks[zone] = 0
		}
		for _, t := range tasks {
			if t.CapacityProvider == share.provider {
				b.tasks[t.Zone]++
				if t.ProtectedUntil.After(r.now) {
					b.fixed[t.Zone]++
				}
			}
		}
		all = append(all, b)
	}
	return all
}

// zones are those in which tasks of a share can be, as far as there is room.
func (r *rolling) zones(sh share) map[string]bool {
	all := map[string]bool{}
	from, _ := r.request(r.v, r.s, r.source, sh)
	if sh.launchType == "FARGATE" {
		for _, s := range from.Subnets {
			all[s.Zone] = true
		}
		return all
	}
	for _, i := range place.Matching(r.v, from) {
		if i.AgentConnected {
			all[place.Zone(i)] = true
		}
	}
	return all
}

// after is how many tasks are in each zone when those beyond the desired count
// have left, and how many of them may leave too.
func (b balance) after() (tasks, loose map[string]int) {
	tasks, loose = maps.Clone(b.tasks), map[string]int{}
	total := 0
	for zone, n := range tasks {
		total += n
		loose[zone] = n - b.fixed[zone]
	}
	for ; total > b.count; total-- {
		fullest, ok := fullest(tasks, loose)
		if !ok {
			break
		}
		tasks[fullest]--
		loose[fullest]--
	}
	return tasks, loose
}

// fullest is the zone with the most tasks of those where one may leave.
func fullest(tasks, loose map[string]int) (zone string, ok bool) {
	for _, z := range slices.Sorted(maps.Keys(tasks)) {
		if loose[z] > 0 && (!ok || tasks[z] > tasks[zone]) {
			zone, ok = z, true
		}
	}
	return zone, ok
}

// even reports whether no zone in which tasks can be has two tasks fewer than
// another one.
func (b balance) even() bool {
	tasks, _ := b.after()
	most := 0
	for _, n := range tasks {
		most = max(most, n)
	}
	for zone := range b.open {
		if tasks[zone] < most-1 {
			return false
		}
	}
	return true
}

// moves yields how many tasks each zone is short of that others have too many
// of, the zone with the fewest tasks first. A zone that its caller goes on after
// has no room: the next get what it could not take.
func (b balance) moves() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		open := maps.Clone(b.open)
		for len(open) > 0 {
			tasks, loose := b.after()
			first, n := "", 0
			for {
				emptiest := slices.MinFunc(slices.Sorted(maps.Keys(open)), func(a, b string) int { return tasks[a] - tasks[b] })
				from, ok := fullest(tasks, loose)
				if !ok || tasks[from]-tasks[emptiest] < 2 {
					break
				}
				tasks[from]--
				loose[from]--
				tasks[emptiest]++
				if first = cmp.Or(first, emptiest); first == emptiest {
					n++
				}
			}
			if n == 0 || !yield(first, n) {
				return
			}
			delete(open, first)
		}
	}
}
