package sim

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// invariant is what must hold after each step, whatever happened. It is given
// how things were before the step and how they are.
type invariant struct {
	name  string
	check func(before, after *state.View) error
}

var invariants = []invariant{
	{"no instance is over-committed", neverOverCommitted},
	{"counts equal a recount", countsAreTrue},
	{"a status never goes back", statusNeverGoesBack},
	{"STOPPED is final", stoppedIsFinal},
	{"one task of a daemon on an instance", oneDaemonOnInstance},
	{"placement constraints hold", constraintsHold},
	{"at most 100 events", fewEvents},
	{"events stay", eventsStay},
	{"deployments are in order", deploymentsInOrder},
	{"tasks belong to a deployment", tasksBelong},
	{"service deployments move as documented", deploymentsMove},
	{"a rollback returns to what worked last", rollbacksReturn},
	{"revisions never change", revisionsNeverChange},
	{"addresses are given once", addressesGivenOnce},
}

// check checks all invariants, and remembers how things are.
func (w *World) check() error {
	after := w.store.View()
	if w.failure == nil && w.last != after {
		w.observe(w.last, after)
		for _, i := range append(invariants, invariant{"failures are counted once", w.failuresAreCounted}) {
			if err := i.check(w.last, after); err != nil {
				w.broken(i.name, err)
				break
			}
		}
	}
	w.last = after
	return w.failure
}

func (w *World) broken(name string, err error) {
	if w.failure == nil {
		w.failure = &Failure{Invariant: name, Err: err}
		w.tell("BROKEN: %v", w.failure)
	}
}

// Failure is an invariant that does not hold.
type Failure struct {
	Invariant string
	Err       error
}

func (f *Failure) Error() string { return fmt.Sprintf("%s: %v", f.Invariant, f.Err) }

// neverOverCommitted adds up what the tasks on each instance take.
func neverOverCommitted(_, v *state.View) error {
	type takes struct{ cpu, memory int64 }
	used, taken := map[string]takes{}, map[string]string{}
	claim := func(t state.Task, what string, is any) error {
		key := fmt.Sprint(what, " ", is, " of ", t.Instance)
		if other := taken[key]; other != "" {
			return fmt.Errorf("%s and %s both have %s", other, t.ARN, key)
		}
		taken[key] = t.ARN
		return nil
	}
	for t := range v.Tasks.All() {
		if t.Last == "STOPPED" {
			continue
		}
		u := used[t.Instance]
		used[t.Instance] = takes{u.cpu + int64(t.Takes.CPU), u.memory + int64(t.Takes.Memory)}
		for _, port := range t.Takes.TCP {
			if err := claim(t, "port", port); err != nil {
				return err
			}
		}
	}
	for i := range v.ContainerInstances.All() {
		for _, r := range i.Resources {
			u, has := used[i.ARN], int64(r.IntegerValue)
			if *r.Name == "CPU" && u.cpu > has || *r.Name == "MEMORY" && u.memory > has {
				return fmt.Errorf("%s has %d of %s, and its tasks take %+v", i.ARN, has, *r.Name, u)
			}
		}
	}
	return nil
}

// phaseOf is what state.Task.Phase should say, from the statuses alone.
func phaseOf(t state.Task) state.Phase {
	switch early := t.Last == "PROVISIONING" || t.Last == "PENDING" || t.Last == "ACTIVATING"; {
	case !early && t.Last != "RUNNING":
		return state.Stopping
	case t.Desired == "STOPPED":
		return state.Leaving
	case early:
		return state.Pending
	case t.HealthyAt.IsZero():
		return state.Running
	}
	return state.Healthy
}

// countsAreTrue counts again what state keeps counts of.
func countsAreTrue(_, v *state.View) error {
	type of struct {
		service, id string
		phase       state.Phase
	}
	tasks, used, groups := map[of]int{}, map[string]state.Usage{}, map[[2]string]int{}
	for t := range v.Tasks.All() {
		if t.Last == "STOPPED" {
			continue
		}
		if t.Service != "" {
			tasks[of{t.Service, t.StartedBy, phaseOf(t)}]++
		}
		u := used[t.Instance]
		u.Tasks++
		u.CPU += int64(t.Takes.CPU)
		u.Memory += int64(t.Takes.Memory)
		u.ENIs += int64(t.Takes.ENIs)
		switch phase := phaseOf(t); {
		case t.Last == "RUNNING" && t.Desired == "RUNNING":
			u.Running++
		case phase == state.Pending, phase == state.Leaving && t.Last != "RUNNING":
			u.Pending++
		}
		used[t.Instance] = u
		groups[[2]string{t.Instance, t.Group}]++
	}
	for s := range v.Services.All() {
		for _, id := range startersOf(v, s) {
			for _, phase := range []state.Phase{state.Pending, state.Running, state.Healthy, state.Leaving, state.Stopping} {
				listed := 0
				for range v.TasksOfDeployment(s.ARN, id, phase) {
					listed++
				}
				if want, got := tasks[of{s.ARN, id, phase}], v.CountTasksOf(s.ARN, id, phase); got != want || listed != want {
					return fmt.Errorf("%s has %d %s tasks of %s, is said to have %d, and %d are listed", s.Name, want, phase, id, got, listed)
				}
			}
		}
	}
	for i := range v.ContainerInstances.All() {
		if got := v.Usage(i.ARN); got != used[i.ARN] {
			return fmt.Errorf("usage of %s is %+v, not %+v", i.ARN, used[i.ARN], got)
		}
	}
	for at, want := range groups {
		if got := v.InGroup(at[0], at[1]); got != want {
			return fmt.Errorf("%d tasks of %s are on %s, not %d", want, at[1], at[0], got)
		}
	}
	return nil
}

// startersOf is the ids of all deployments and task sets of s that may have tasks.
func startersOf(v *state.View, s state.Service) (ids []string) {
	for _, d := range s.Deployments {
		ids = append(ids, d.ID)
	}
	for set := range v.TaskSetsOf(s.ARN) {
		ids = append(ids, set.ID)
	}
	return ids
}

var statuses = []string{"PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"}

func statusNeverGoesBack(before, after *state.View) error {
	for t := range after.Tasks.All() {
		was, ok := before.Tasks.Get(t.ARN)
		switch {
		case !ok && (t.Last != "PENDING" && t.Last != "PROVISIONING" || t.Desired != "RUNNING"):
			return fmt.Errorf("%s begins %s, and should be %s", t.ARN, t.Last, t.Desired)
		case !ok:
		case slices.Index(statuses, t.Last) < slices.Index(statuses, was.Last):
			return fmt.Errorf("%s went from %s back to %s", t.ARN, was.Last, t.Last)
		case was.Desired == "STOPPED" && t.Desired != "STOPPED":
			return fmt.Errorf("%s was to stop, and should be %s now", t.ARN, t.Desired)
		case t.Version < was.Version:
			return fmt.Errorf("%s was at version %d and is at %d", t.ARN, was.Version, t.Version)
		case was.StopCode != "" && (was.StopCode != t.StopCode || was.StoppedReason != t.StoppedReason):
			return fmt.Errorf("%s stopped because %s %q, and now because %s %q", t.ARN, was.StopCode, was.StoppedReason, t.StopCode, t.StoppedReason)
		}
	}
	return nil
}

func stoppedIsFinal(before, after *state.View) error {
	for was := range before.Tasks.All() {
		t, ok := after.Tasks.Get(was.ARN)
		switch {
		case !ok && was.Last != "STOPPED":
			return fmt.Errorf("%s was %s and is forgotten", was.ARN, was.Last)
		case ok && was.Last == "STOPPED" && (t.Last != "STOPPED" || !t.StoppedAt.Equal(was.StoppedAt) || t.Instance != was.Instance):
			return fmt.Errorf("%s was STOPPED and changed", was.ARN)
		case ok && t.Last == "STOPPED" && (t.StoppedAt.IsZero() || t.StopCode == "" || t.Desired != "STOPPED"):
			return fmt.Errorf("%s is STOPPED and does not say when or why", was.ARN)
		}
	}
	return nil
}

// oneDaemonOnInstance: of the tasks that are there to stay.
func oneDaemonOnInstance(_, v *state.View) error {
	on := map[[2]string]string{}
	for t := range v.Tasks.All() {
		s, ok := v.Services.Get(t.Service)
		if !ok || s.Scheduling != types.SchedulingStrategyDaemon || t.Last == "STOPPED" || t.Desired == "STOPPED" {
			continue
		}
		key := [2]string{t.Service, t.Instance}
		if other := on[key]; other != "" {
			return fmt.Errorf("%s and %s of %s both run on %s", other, t.ARN, s.Name, t.Instance)
		}
		on[key] = t.ARN
	}
	return nil
}

// constraintsHold looks at the tasks that the step placed.
func constraintsHold(before, after *state.View) error {
	for t := range after.Tasks.All() {
		if before.Tasks.Has(t.ARN) {
			continue
		}
		i, ok := before.ContainerInstances.Get(t.Instance)
		switch {
		case !ok || i.Status != "ACTIVE" || !i.AgentConnected:
			return fmt.Errorf("%s was placed on %s, which is %s, connected: %v", t.ARN, t.Instance, i.Status, i.AgentConnected)
		case strings.HasPrefix(t.Definition, "ssd-") && diskOf(before, i) != "ssd":
			return fmt.Errorf("%s needs an ssd, and %s has none", t.ARN, t.Instance)
		}
		s, ok := before.Services.Get(t.Service)
		if !ok {
			continue
		}
		if err := serviceConstraintsHold(after, s, t, i); err != nil {
			return err
		}
	}
	return nil
}

func serviceConstraintsHold(after *state.View, s state.Service, t state.Task, i state.ContainerInstance) error {
	for _, c := range s.Constraints {
		switch {
		case c.Type == types.PlacementConstraintTypeDistinctInstance:
			for other := range after.Tasks.All() {
				if other.ARN != t.ARN && other.Service == t.Service && other.Instance == t.Instance && other.Last != "STOPPED" {
					return fmt.Errorf("%s and %s of %s are on the same instance", t.ARN, other.ARN, s.Name)
				}
			}
		case aws.ToString(c.Expression) == inZoneA && zoneOf(i) != zones[0]:
			return fmt.Errorf("%s of %s was placed in %s", t.ARN, s.Name, zoneOf(i))
		}
	}
	return nil
}

func attributeOf(i state.ContainerInstance, name string) string {
	for _, a := range i.Attributes {
		if *a.Name == name {
			return aws.ToString(a.Value)
		}
	}
	return ""
}

func zoneOf(i state.ContainerInstance) string { return attributeOf(i, "ecs.availability-zone") }

func diskOf(v *state.View, i state.ContainerInstance) string {
	a, _ := v.Attributes.Get(state.AttributeKey(i.ARN, "disk"))
	return aws.ToString(a.Value)
}

func fewEvents(_, v *state.View) error {
	for s := range v.Services.All() {
		n := 0
		for range v.EventsOf(s.ARN) {
			n++
		}
		if n > plan.MostEvents || n != v.CountEventsOf(s.ARN) {
			return fmt.Errorf("%s has %d events, and is said to have %d", s.Name, n, v.CountEventsOf(s.ARN))
		}
	}
	return nil
}

// eventsStay: until newer ones take their place, or another service that of theirs.
func eventsStay(before, after *state.View) error {
	for e := range before.ServiceEvents.All() {
		now, ok := after.ServiceEvents.Get(state.ServiceEventKey(e.Service, e.Number))
		was, _ := before.Services.Get(e.Service)
		is, _ := after.Services.Get(e.Service)
		gone := after.CountEventsOf(e.Service) == plan.MostEvents || !is.CreatedAt.Equal(was.CreatedAt)
		if ok && now != e || !ok && !gone {
			return fmt.Errorf("event %q changed or went", e.Message)
		}
	}
	return nil
}

// deploymentsInOrder: one primary, the first; the others are what has tasks.
func deploymentsInOrder(_, v *state.View) error {
	for s := range v.Services.All() {
		ecs := s.Controller == types.DeploymentControllerTypeEcs
		switch {
		case s.Status == "INACTIVE" && len(s.Deployments) > 1: // the last one says what it was
			return fmt.Errorf("%s is INACTIVE and has %d deployments", s.Name, len(s.Deployments))
		case s.Status == "ACTIVE" && ecs && len(s.Deployments) == 0:
			return fmt.Errorf("%s has no deployment", s.Name)
		}
		seen := map[string]bool{}
		for _, d := range s.Deployments {
			r, ok := v.ServiceRevisions.Get(d.Revision)
			_, over := v.ServiceDeployments.Get(d.ServiceDeployment)
			if seen[d.ID] || !ok || !over || r.Definition != d.Definition {
				return fmt.Errorf("%s of %s is there twice, or its revision or service deployment is not", d.ID, s.Name)
			}
			seen[d.ID] = true
		}
	}
	return nil
}

// tasksBelong: a task that is to run has a deployment or task set that wants it.
func tasksBelong(_, v *state.View) error {
	for t := range v.Tasks.All() {
		if t.Service == "" || t.Desired == "STOPPED" {
			continue
		}
		s, ok := v.Services.Get(t.Service)
		if !ok || !slices.Contains(startersOf(v, s), t.StartedBy) {
			return fmt.Errorf("%s of %s is started by %s, which is no deployment of it", t.ARN, t.Service, t.StartedBy)
		}
	}
	return nil
}

// moves are the statuses that may follow one. Between two looks there may be
// several, and a newer deployment stops one that is to be rolled back.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment-state-transitions.html
var moves = map[types.ServiceDeploymentStatus][]types.ServiceDeploymentStatus{
	types.ServiceDeploymentStatusPending: {
		types.ServiceDeploymentStatusInProgress, types.ServiceDeploymentStatusSuccessful, types.ServiceDeploymentStatusStopRequested,
		types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusStopped,
	},
	types.ServiceDeploymentStatusInProgress: {
		types.ServiceDeploymentStatusSuccessful, types.ServiceDeploymentStatusStopRequested, types.ServiceDeploymentStatusStopped,
		types.ServiceDeploymentStatusRollbackRequested, types.ServiceDeploymentStatusRollbackInProgress,
	},
	types.ServiceDeploymentStatusStopRequested:      {types.ServiceDeploymentStatusStopped},
	types.ServiceDeploymentStatusRollbackRequested:  {types.ServiceDeploymentStatusStopped, types.ServiceDeploymentStatusRollbackInProgress, types.ServiceDeploymentStatusRollbackFailed},
	types.ServiceDeploymentStatusRollbackInProgress: {types.ServiceDeploymentStatusStopped, types.ServiceDeploymentStatusRollbackSuccessful, types.ServiceDeploymentStatusRollbackFailed},
}

func deploymentsMove(before, after *state.View) error {
	open := map[string]string{}
	for d := range after.ServiceDeployments.All() {
		was, ok := before.ServiceDeployments.Get(d.ARN)
		if ok && was.Status != d.Status && !slices.Contains(moves[was.Status], d.Status) {
			return fmt.Errorf("%s went from %s to %s", d.ARN, was.Status, d.Status)
		}
		if ok && was.Target != d.Target {
			return fmt.Errorf("%s led to %s and now leads to %s", d.ARN, was.Target, d.Target)
		}
		finished := d.Status == types.ServiceDeploymentStatusSuccessful
		if d.Over() && (d.FinishedAt.IsZero() || finished && d.StartedAt.IsZero()) {
			return fmt.Errorf("%s is %s, and does not say since when: began %v, ended %v", d.ARN, d.Status, d.StartedAt, d.FinishedAt)
		}
		if d.Over() {
			continue
		}
		if other := open[d.Service]; other != "" {
			return fmt.Errorf("%s and %s of %s are both under way", other, d.ARN, d.Service)
		}
		open[d.Service] = d.ARN
	}
	return nil
}

// rollbacksReturn: to the service revision that completed last.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
func rollbacksReturn(before, after *state.View) error {
	for d := range after.ServiceDeployments.All() {
		was, _ := before.ServiceDeployments.Get(d.ARN)
		if d.Rollback == nil || was.Rollback != nil {
			continue
		}
		var last state.ServiceDeployment
		for other := range before.DeploymentsOf(d.Service) {
			good := other.Status == types.ServiceDeploymentStatusSuccessful || other.Status == types.ServiceDeploymentStatusRollbackSuccessful
			if good && other.FinishedAt.After(last.FinishedAt) {
				last = other
			}
		}
		want := last.Target
		if last.Rollback != nil {
			want = aws.ToString(last.Rollback.ServiceRevisionArn)
		}
		if to := aws.ToString(d.Rollback.ServiceRevisionArn); to != want {
			return fmt.Errorf("%s returns to %s, and what completed last was %s", d.ARN, to, want)
		}
	}
	return nil
}

// revisionsNeverChange, but for digests that were not known.
func revisionsNeverChange(before, after *state.View) error {
	for was := range before.ServiceRevisions.All() {
		r, ok := after.ServiceRevisions.Get(was.ARN)
		if !ok {
			continue
		}
		for i, image := range r.Images {
			if i < len(was.Images) && was.Images[i].ImageDigest == nil {
				continue
			}
			if i >= len(was.Images) || *was.Images[i].ImageDigest != aws.ToString(image.ImageDigest) {
				return fmt.Errorf("the digests of %s changed", r.ARN)
			}
		}
		r.Images = was.Images
		if !reflect.DeepEqual(r, was) {
			return fmt.Errorf("%s changed", r.ARN)
		}
	}
	return nil
}

// addressesGivenOnce: a task has its address for as long as it has not stopped.
func addressesGivenOnce(_, v *state.View) error {
	of := map[string]bool{}
	for n := range v.NetworkInterfaces.All() {
		if t, ok := v.Tasks.Get(n.Task); !ok || t.Last == "STOPPED" || of[n.Task] {
			return fmt.Errorf("%s has %s, and is %s", n.Task, n.Address, t.Last)
		}
		of[n.Task] = true
	}
	for t := range v.Tasks.All() {
		if t.Last != "STOPPED" && t.Takes.ENIs > 0 && !of[t.ARN] {
			return fmt.Errorf("%s has no address", t.ARN)
		}
	}
	return nil
}
