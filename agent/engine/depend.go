package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/api/acs/message"
)

// The conditions of a dependency. created is ours: what volumesFrom needs.
const (
	created   = "CREATE"
	started   = "START"
	completed = "COMPLETE"
	succeeded = "SUCCESS"
	healthy   = "HEALTHY"
)

// dependencies are all that a container waits for: what it says itself, and
// what follows from its links and from the volumes of others that it mounts.
func dependencies(c message.Container) []message.Dependency {
	all := slices.Clone(c.DependsOn)
	for _, link := range c.Links {
		name, _, _ := strings.Cut(link, ":")
		all = append(all, message.Dependency{ContainerName: name, Condition: started})
	}
	for _, from := range c.VolumesFrom {
		all = append(all, message.Dependency{ContainerName: from.SourceContainer, Condition: created})
	}
	return all
}

// orderable reports whether every dependency exists and there is no cycle.
func orderable(containers []message.Container) bool {
	placed := map[string]bool{}
	for range containers {
		for _, c := range containers {
			unmet := func(d message.Dependency) bool { return !placed[d.ContainerName] }
			if !placed[c.Name] && !slices.ContainsFunc(dependencies(c), unmet) {
				placed[c.Name] = true
			}
		}
	}
	return len(placed) == len(containers)
}

// waits says what a container's dependencies mean for it now: it may be created
// (ready), or it never can (failure), or neither yet: then wake, if not zero, is
// when that will change without anything happening.
func (t *Task) waits(c message.Container, now time.Time) (ready bool, failure string, wake time.Time) {
	ready = true
	for _, d := range dependencies(c) {
		on, def := t.Container(d.ContainerName), t.Definition(d.ContainerName)
		if met(on, d.Condition) {
			continue
		}
		ready = false
		if hopeless(on, d.Condition) {
			return false, fmt.Sprintf("dependency graph: failed to resolve container ordering dependency [%s] for target [%s] as dependency did not exit successfully.", on.Name, c.Name), time.Time{}
		}
		if def.StartTimeout > 0 && d.Condition != created && !on.StartedAt.IsZero() {
			limit := on.StartedAt.Add(time.Duration(def.StartTimeout) * time.Second)
			if !now.Before(limit) {
				return false, fmt.Sprintf("dependency graph: container ordering dependency [%s] for target [%s] has timed out.", on.Name, c.Name), time.Time{}
			}
			wake = earliest(wake, limit)
		}
	}
	return ready, "", wake
}

// met reports whether a condition holds.
func met(on *Container, condition string) bool {
	switch condition {
	case created:
		return on.Status == Created || on.Status == Running || on.Status == Stopped && !on.CreatedAt.IsZero()
	case started:
		return on.Status == Running || on.Status == Stopped && !on.StartedAt.IsZero()
	case completed:
		return on.Status == Stopped && on.ExitCode != nil
	case succeeded:
		return on.Status == Stopped && on.ExitCode != nil && *on.ExitCode == 0
	case healthy:
		return on.Status == Running && on.Health.Status == Healthy
	}
	return false
}

// hopeless reports whether a condition that does not hold never will.
func hopeless(on *Container, condition string) bool {
	return on.Status == Stopped || condition == healthy && on.Status == Running && on.Check == nil
}

// dependents reports whether containers that depend on name have yet to stop:
// they stop first.
func (t *Task) dependents(name string) bool {
	for i, c := range t.Payload.Containers {
		if t.Containers[i].Status == Stopped {
			continue
		}
		if slices.ContainsFunc(dependencies(c), func(d message.Dependency) bool { return d.ContainerName == name }) {
			return true
		}
	}
	return false
}

// earliest is the sooner of two times, of which zero is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
