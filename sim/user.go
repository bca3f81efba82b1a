package sim

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// percents are pairs of minimumHealthyPercent and maximumPercent, corners
// included. With the last ones, a deployment of few tasks can go neither way.
var percents = [][2]int32{
	{100, 200}, {50, 100}, {50, 150}, {0, 100}, {100, 150}, {33, 133}, {0, 200}, {67, 125}, {90, 110}, {100, 100},
}

// rollout is a deployment configuration that a user may have thought of.
func (w *World) rollout(daemon bool) *types.DeploymentConfiguration {
	limits := pick(w, percents)
	c := &types.DeploymentConfiguration{MinimumHealthyPercent: &limits[0], MaximumPercent: &limits[1]}
	if daemon {
		c.MaximumPercent = aws.Int32(100)
		c.MinimumHealthyPercent = aws.Int32(pick(w, []int32{0, 50, 67}))
	}
	if w.chance(2) {
		c.DeploymentCircuitBreaker = &types.DeploymentCircuitBreaker{Enable: true, Rollback: !w.chance(3)}
	}
	if w.chance(8) {
		c.BakeTimeInMinutes = aws.Int32(2)
	}
	return c
}

// create makes a service.
func (w *World) create() {
	name := pick(w, []string{"web", "api", "db", "log"})
	for s := range w.store.View().Services.All() {
		if s.Name == name && s.Status != "INACTIVE" {
			return
		}
	}
	if w.chance(8) {
		w.createExternal(name)
		return
	}
	in := &ecs.CreateServiceInput{ServiceName: &name, DesiredCount: aws.Int32(w.rand.Int32N(7))}
	family := pick(w, []string{"small", "small", "checked", "checked", "port", "large", "ssd"})
	if w.chance(5) {
		in.SchedulingStrategy, in.DesiredCount = types.SchedulingStrategyDaemon, nil
	} else if w.chance(6) {
		family, in.LaunchType = "awsvpc", types.LaunchTypeFargate
	}
	if in.LaunchType == "" {
		in.LaunchType = types.LaunchTypeEc2
		if in.SchedulingStrategy == "" {
			in.PlacementStrategy = w.strategy()
			in.PlacementConstraints = w.constraints()
		}
	} else {
		in.NetworkConfiguration = w.vpc()
	}
	in.DeploymentConfiguration = w.rollout(in.SchedulingStrategy == types.SchedulingStrategyDaemon)
	in.TaskDefinition = aws.String(w.definition(family, good))
	w.tell("user creates %s: %s", name, w.summary(in.TaskDefinition, in.DesiredCount, in.DeploymentConfiguration)+
		fmt.Sprintf(" %s %s %v %v", in.SchedulingStrategy, in.LaunchType, strategies(in.PlacementStrategy), constraints(in.PlacementConstraints)))
	_, err := w.api.CreateService(w.as(), in)
	w.answer(err)
}

func (w *World) vpc() *types.NetworkConfiguration {
	return &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{w.network.Subnets[0].ID}}}
}

func (w *World) strategy() []types.PlacementStrategy {
	zone := types.PlacementStrategy{Type: types.PlacementStrategyTypeSpread, Field: aws.String("attribute:ecs.availability-zone")}
	instance := types.PlacementStrategy{Type: types.PlacementStrategyTypeSpread, Field: aws.String("instanceId")}
	binpack := types.PlacementStrategy{Type: types.PlacementStrategyTypeBinpack, Field: aws.String("memory")}
	return pick(w, [][]types.PlacementStrategy{nil, {zone, instance}, {instance}, {zone, binpack}, {binpack}, {{Type: types.PlacementStrategyTypeRandom}}})
}

func (w *World) constraints() []types.PlacementConstraint {
	distinct := types.PlacementConstraint{Type: types.PlacementConstraintTypeDistinctInstance}
	zone := types.PlacementConstraint{Type: types.PlacementConstraintTypeMemberOf, Expression: aws.String(inZoneA)}
	return pick(w, [][]types.PlacementConstraint{nil, nil, nil, {distinct}, {zone}})
}

const inZoneA = "attribute:ecs.availability-zone == " + region + "a"

func strategies(all []types.PlacementStrategy) (text []string) {
	for _, s := range all {
		text = append(text, strings.TrimSpace(string(s.Type)+" "+aws.ToString(s.Field)))
	}
	return text
}

func constraints(all []types.PlacementConstraint) (text []string) {
	for _, c := range all {
		text = append(text, strings.TrimSpace(string(c.Type)+" "+aws.ToString(c.Expression)))
	}
	return text
}

// service picks one that can be changed.
func (w *World) service() (state.Service, bool) {
	var all []state.Service
	for s := range w.store.View().Services.All() {
		if s.Status == "ACTIVE" {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return state.Service{}, false
	}
	return pick(w, all), true
}

// change updates a service.
func (w *World) change() {
	s, ok := w.service()
	if !ok {
		w.create()
		return
	}
	in := &ecs.UpdateServiceInput{Service: &s.Name}
	if s.Controller == types.DeploymentControllerTypeExternal && !w.chance(4) {
		w.changeTaskSets(s)
		return
	}
	daemon := s.Scheduling == types.SchedulingStrategyDaemon
	if !daemon && w.chance(3) {
		in.DesiredCount = aws.Int32(w.rand.Int32N(7))
	}
	if d := s.Primary(); d != nil && w.chance(2) {
		family, _ := familyOf(d.Definition)
		next := good
		if w.chance(3) {
			next = pick(w, []image{broken, crashes, sick, flaps, slow})
		}
		if next == sick && !families[family].checks {
			next = slow
		}
		in.TaskDefinition = aws.String(w.definition(family, next))
		in.ForceNewDeployment = w.chance(2)
	}
	if s.Primary() != nil && w.chance(4) {
		in.DeploymentConfiguration = w.rollout(daemon)
	}
	if !daemon && s.Primary() != nil && w.store.View().LaunchTypeOf(s) == "EC2" && w.chance(10) {
		if in.PlacementStrategy = w.strategy(); in.PlacementStrategy == nil {
			in.PlacementStrategy = []types.PlacementStrategy{}
		}
		if in.PlacementConstraints = w.constraints(); in.PlacementConstraints == nil {
			in.PlacementConstraints = []types.PlacementConstraint{}
		}
		in.ForceNewDeployment = true
	}
	w.tell("user updates %s: %s force=%v %v %v", s.Name, w.summary(in.TaskDefinition, in.DesiredCount, in.DeploymentConfiguration),
		in.ForceNewDeployment, strategies(in.PlacementStrategy), constraints(in.PlacementConstraints))
	_, err := w.api.UpdateService(w.as(), in)
	w.answer(err)
}

// remove deletes a service.
func (w *World) remove() {
	if s, ok := w.service(); ok {
		force := w.chance(2)
		w.tell("user deletes %s, force=%v", s.Name, force)
		_, err := w.api.DeleteService(w.as(), &ecs.DeleteServiceInput{Service: &s.Name, Force: &force})
		w.answer(err)
	}
}

// task picks one that has not stopped.
func (w *World) task() (state.Task, bool) {
	var all []state.Task
	for t := range w.store.View().Tasks.All() {
		if !t.Stopped() {
			all = append(all, t)
		}
	}
	if len(all) == 0 {
		return state.Task{}, false
	}
	return pick(w, all), true
}

// protect protects a task of a service from it, or does so no more.
func (w *World) protect() {
	if t, ok := w.task(); ok && t.Service != "" {
		on := !w.chance(4)
		minutes := 1 + w.rand.Int32N(30)
		w.tell("user protects %s: %v for %d minutes", t.ARN, on, minutes)
		in := &ecs.UpdateTaskProtectionInput{Cluster: &t.Cluster, Tasks: []string{t.ARN}, ProtectionEnabled: on}
		if on {
			in.ExpiresInMinutes = &minutes
		}
		_, err := w.api.UpdateTaskProtection(w.as(), in)
		w.answer(err)
	}
}

// stopTask stops a task, whoever started it.
func (w *World) stopTask() {
	if t, ok := w.task(); ok {
		w.tell("user stops %s", t.ARN)
		_, err := w.api.StopTask(w.as(), &ecs.StopTaskInput{Cluster: &t.Cluster, Task: &t.ARN})
		w.answer(err)
	}
}

// runTask runs a task of no service.
func (w *World) runTask() {
	definition := w.definition(pick(w, []string{"small", "large", "port"}), good)
	w.tell("user runs a task of %s", definition)
	_, err := w.api.RunTask(w.as(), &ecs.RunTaskInput{TaskDefinition: &definition, LaunchType: types.LaunchTypeEc2})
	w.answer(err)
}

// drain changes the status of a container instance.
func (w *World) drain() {
	a := pick(w, w.agents)
	i, ok := w.store.View().ContainerInstances.Get(a.instance)
	if !ok || i.Status == "INACTIVE" {
		return
	}
	to := types.ContainerInstanceStatusDraining
	if i.Status == "DRAINING" {
		to = types.ContainerInstanceStatusActive
	}
	w.tell("user makes %s %s", a.name, to)
	_, err := w.api.UpdateContainerInstancesState(w.as(), &ecs.UpdateContainerInstancesStateInput{
		Cluster: &a.cluster, ContainerInstances: []string{a.instance}, Status: to,
	})
	w.answer(err)
}

// deregister takes a container instance out of its cluster, by force.
func (w *World) deregister(a *agent) {
	w.tell("user deregisters %s", a.name)
	_, err := w.api.DeregisterContainerInstance(w.as(), &ecs.DeregisterContainerInstanceInput{
		Cluster: &a.cluster, ContainerInstance: &a.instance, Force: aws.Bool(true),
	})
	w.answer(err)
}

// label changes an attribute that placement constraints ask for.
func (w *World) label() {
	a := pick(w, w.agents)
	if i, ok := w.store.View().ContainerInstances.Get(a.instance); !ok || i.Status == "INACTIVE" || a.cluster != i.Cluster {
		return
	}
	value := pick(w, []string{"ssd", "hdd"})
	w.tell("user labels %s: disk is %s", a.name, value)
	_, err := w.api.PutAttributes(w.as(), &ecs.PutAttributesInput{Cluster: &a.cluster, Attributes: []types.Attribute{
		{Name: aws.String("disk"), Value: &value, TargetId: &a.instance},
	}})
	w.answer(err)
}

func (w *World) answer(err error) {
	if err != nil {
		w.tell("  refused: %v", err)
	}
}

// summary says what of a service matters most.
func (w *World) summary(definition *string, desired *int32, c *types.DeploymentConfiguration) string {
	var parts []string
	if definition != nil {
		parts = append(parts, (*definition)[strings.LastIndexByte(*definition, '/')+1:])
	}
	if desired != nil {
		parts = append(parts, fmt.Sprintf("desired %d", *desired))
	}
	if c != nil {
		parts = append(parts, fmt.Sprintf("%d..%d%%", *c.MinimumHealthyPercent, *c.MaximumPercent))
		if b := c.DeploymentCircuitBreaker; b != nil {
			parts = append(parts, fmt.Sprintf("breaker (rollback %v)", b.Rollback))
		}
		if c.BakeTimeInMinutes != nil {
			parts = append(parts, fmt.Sprintf("bakes %d minutes", *c.BakeTimeInMinutes))
		}
	}
	return strings.Join(parts, ", ")
}
