package deploy

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan/place"
	"berth/state"
)

// leaveFirst puts tasks of one deployment or task set in the order in which the
// scheduler stops them: those that are not healthy, then those whose end leaves
// the others where the service's strategies want them. Without strategies, that
// is the zones with the most tasks of the service, and there the container
// instances with the most. Among equals, the newest is first.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement-strategies.html
func leaveFirst(v *state.View, s state.Service, tasks []state.Task) []state.Task {
	return leaveInOrder(v, s, tasks, false)
}

// leaver is a task that may leave, with its rank at each level: the higher, the
// earlier it goes. Of n tasks that a level counts together, the first to leave
// has the rank n, the last one 1, so that the fullest group is always next.
type leaver struct {
	task  *state.Task
	phase int
	paths []int // its group at each level
	ranks []int
}

// level is one rule of the order, the most important one first.
type level struct {
	group func(*state.Task) string
	rank  func(group string, left int) int // of a task, when that many of its group are left; nil for left itself
}

// leaveInOrder is leaveFirst. With zonesFirst, the balance of the zones counts
// more than health.
func leaveInOrder(v *state.View, s state.Service, tasks []state.Task, zonesFirst bool) []state.Task {
	if len(tasks) < 2 {
		return tasks
	}
	others := staying(v, s, tasks)
	levels, phaseAt := levelsOf(v, s, tasks, len(tasks)+len(others))
	if !zonesFirst {
		phaseAt = 0
	}
	g := newGroups(levels)
	for i := range others {
		g.enter(&others[i])
	}
	all := make([]leaver, len(tasks))
	for i := range tasks {
		all[i] = leaver{&tasks[i], phaseOrder[tasks[i].Phase()], g.enter(&tasks[i]), make([]int, len(levels))}
	}
	for l := len(levels) - 1; l >= 0; l-- {
		slices.SortFunc(all, byRanks(l+1, phaseAt))
		for i := range all {
			left := &g.left[l][all[i].paths[l]]
			all[i].ranks[l] = *left
			if rank := levels[l].rank; rank != nil {
				all[i].ranks[l] = rank(levels[l].group(all[i].task), *left)
			}
			*left--
		}
	}
	slices.SortFunc(all, byRanks(0, phaseAt))
	ordered := make([]state.Task, len(all))
	for i := range all {
		ordered[i] = *all[i].task
	}
	return ordered
}

var phaseOrder = map[state.Phase]int{state.Pending: 0, state.Running: 1, state.Healthy: 2}

// byRanks compares tasks by their ranks from a level on. Health comes before the
// level phaseAt.
func byRanks(from, phaseAt int) func(a, b leaver) int {
	return func(a, b leaver) int {
		at := max(from, phaseAt)
		c := cmp.Or(
			slices.Compare(b.ranks[from:at], a.ranks[from:at]),
			cmp.Compare(a.phase, b.phase),
			slices.Compare(b.ranks[at:], a.ranks[at:]),
		)
		if c != 0 {
			return c // few are equal till here
		}
		return cmp.Or(b.task.CreatedAt.Compare(a.task.CreatedAt), cmp.Compare(a.task.ARN, b.task.ARN))
	}
}

// groups numbers the groups of tasks at each level, within those of the level
// before, and counts their tasks: names are long, and tasks many.
type groups struct {
	levels  []level
	numbers []map[inGroup]int
	left    [][]int // tasks, by level and number
}

type inGroup struct {
	within int // number of the group at the level before
	name   string
}

func newGroups(levels []level) *groups {
	g := &groups{levels: levels, left: make([][]int, len(levels))}
	for range levels {
		g.numbers = append(g.numbers, map[inGroup]int{})
	}
	return g
}

// enter counts t, and returns the numbers of its groups.
func (g *groups) enter(t *state.Task) []int {
	path := make([]int, len(g.levels))
	within := 0
	for l := range g.levels {
		key := inGroup{within, g.levels[l].group(t)}
		n, ok := g.numbers[l][key]
		if !ok {
			n = len(g.left[l])
			g.numbers[l][key] = n
			g.left[l] = append(g.left[l], 0)
		}
		g.left[l][n]++
		path[l], within = n, n
	}
	return path
}

// staying are the tasks of s, without those of the list, that nobody has asked to stop.
func staying(v *state.View, s state.Service, without []state.Task) (others []state.Task) {
	known := make(map[string]bool, len(without))
	for i := range without {
		known[without[i].ARN] = true
	}
	for _, id := range sourcesOf(v, s) {
		for _, phase := range []state.Phase{state.Pending, state.Running, state.Healthy} {
			for t := range v.TasksOfDeployment(s.ARN, id, phase) {
				if !known[t.ARN] {
					others = append(others, t)
				}
			}
		}
	}
	return others
}

// sourcesOf are the ids of the deployments or task sets of s.
func sourcesOf(v *state.View, s state.Service) (ids []string) {
	for _, d := range s.Deployments {
		ids = append(ids, d.ID)
	}
	for set := range v.TaskSetsOf(s.ARN) {
		ids = append(ids, set.ID)
	}
	return ids
}

// levelsOf are the rules by which the tasks leave, of which the service has
// total, and how many of these rules are about zones or above.
func levelsOf(v *state.View, s state.Service, tasks []state.Task, total int) (levels []level, zones int) {
	if items := workloadOf(v, tasks[0].Revision).CapacityProviders; len(items) > 0 {
		levels = append(levels, providerLevel(items, total))
	}
	zone := level{group: func(t *state.Task) string { return t.Zone }}
	instance := level{group: func(t *state.Task) string { return t.Instance }}
	zones = len(levels) + 1
	byZone, byInstance := false, false
	for _, strategy := range s.Strategy {
		field := aws.ToString(strategy.Field)
		switch {
		case strategy.Type == types.PlacementStrategyTypeRandom:
		case strategy.Type == types.PlacementStrategyTypeBinpack:
			return append(levels, binpackLevel(v, tasks, strings.ToUpper(field))), zones // it leaves no choice
		case strings.EqualFold(field, "instanceId") || strings.EqualFold(field, "host"):
			levels, byInstance = append(levels, instance), true
		case field == zoneAttribute:
			levels, byZone = append(levels, zone), true
		default:
			levels = append(levels, attributeLevel(v, field))
		}
	}
	if !byZone {
		levels = append(levels, zone)
	}
	if !byInstance {
		levels = append(levels, instance)
	}
	return levels, zones
}

const zoneAttribute = "attribute:ecs.availability-zone"

// workloadOf is what the tasks of a service revision or task set are made from,
// by its ARN.
func workloadOf(v *state.View, arn string) state.Workload {
	if r, ok := v.ServiceRevisions.Get(arn); ok {
		return r.Workload
	}
	set, _ := v.TaskSets.Get(arn)
	return set.Workload
}

// providerLevel lets tasks leave in the reverse of the order in which a capacity
// provider strategy gives tasks to its providers. What a provider has beyond
// that goes first.
func providerLevel(items []types.CapacityProviderStrategyItem, total int) level {
	turns := map[string][]int{} // at which a provider got a task
	for turn, i := range place.Turns(items) {
		if turn == total {
			break
		}
		name := *items[i].CapacityProvider
		turns[name] = append(turns[name], turn)
	}
	return level{
		group: func(t *state.Task) string { return t.CapacityProvider },
		rank: func(name string, left int) int {
			if left > len(turns[name]) {
				return math.MaxInt
			}
			return turns[name][left-1]
		},
	}
}

// binpackLevel empties one container instance after the other: the one with the
// most left of a resource is the next.
func binpackLevel(v *state.View, tasks []state.Task, resource string) level {
	free := map[string]int{}
	for i := range tasks {
		if _, ok := free[tasks[i].Instance]; !ok {
			free[tasks[i].Instance] = freeOf(v, tasks[i].Instance, resource)
		}
	}
	emptiestLast := slices.SortedFunc(maps.Keys(free), func(a, b string) int {
		return cmp.Or(cmp.Compare(free[a], free[b]), cmp.Compare(b, a))
	})
	ranks := map[string]int{}
	for rank, instance := range emptiestLast {
		ranks[instance] = rank
	}
	return level{
		group: func(t *state.Task) string { return t.Instance },
		rank:  func(instance string, _ int) int { return ranks[instance] },
	}
}

// freeOf is how much of CPU or MEMORY a container instance has left.
func freeOf(v *state.View, instance, resource string) int {
	i, _ := v.ContainerInstances.Get(instance)
	used := v.Usage(instance).Memory
	if resource == "CPU" {
		used = v.Usage(instance).CPU
	}
	for _, r := range i.Resources {
		if aws.ToString(r.Name) == resource {
			return int(r.IntegerValue) - int(used)
		}
	}
	return -int(used)
}

// attributeLevel balances the values of an attribute of container instances.
func attributeLevel(v *state.View, field string) level {
	values := map[string]string{}
	field = "attribute:" + strings.TrimPrefix(field, "attribute:")
	return level{group: func(t *state.Task) string {
		value, ok := values[t.Instance]
		if !ok {
			i, _ := v.ContainerInstances.Get(t.Instance)
			value = strings.Join(place.Subject(v, i)(field), "")
			values[t.Instance] = value
		}
		return value
	}}
}
