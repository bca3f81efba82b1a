package engine

import (
	"cmp"
	"time"
)

// The health of a container as ECS names it.
const (
	Unknown   = "UNKNOWN"
	Healthy   = "HEALTHY"
	Unhealthy = "UNHEALTHY"
)

// Check is a health check in Docker's form: Test starts with CMD, CMD-SHELL or
// NONE, times are in nanoseconds, and zero is Docker's default.
type Check struct {
	Test          []string      `json:"Test,omitempty"`
	Interval      time.Duration `json:"Interval,omitempty"`
	Timeout       time.Duration `json:"Timeout,omitempty"`
	StartPeriod   time.Duration `json:"StartPeriod,omitempty"`
	StartInterval time.Duration `json:"StartInterval,omitempty"`
	Retries       int           `json:"Retries,omitempty"`
}

// Health is what a container's health check has found.
type Health struct {
	Status  string // empty is UNKNOWN
	Since   time.Time
	Output  string    // of the last check, its first 4 kB
	Streak  int       // failures in a row
	Checked time.Time // when the last one ended
}

// orNone is nil where there is nothing to run.
func (c *Check) orNone() *Check {
	if c == nil || len(c.Test) < 2 || c.Test[0] == "NONE" {
		return nil
	}
	return c
}

// Args are the command to run in the container.
func (c *Check) Args() []string {
	if c.Test[0] == "CMD-SHELL" {
		return []string{"/bin/sh", "-c", c.Test[1]}
	}
	return c.Test[1:]
}

// Limit is how long one run may take.
func (c *Check) Limit() time.Duration { return cmp.Or(c.Timeout, 30*time.Second) }

// due is when to check next: one interval after the start or the last check, a
// shorter one while a container with a start period is still starting.
func (c *Container) due() time.Time {
	from := c.lastStart()
	interval := cmp.Or(c.Check.Interval, 30*time.Second)
	if c.Health.Checked.After(from) {
		if c.starting(c.Health.Checked) {
			interval = cmp.Or(c.Check.StartInterval, 5*time.Second)
		}
		return c.Health.Checked.Add(interval)
	}
	if c.starting(from) {
		interval = cmp.Or(c.Check.StartInterval, 5*time.Second)
	}
	return from.Add(interval)
}

// starting: no check has succeeded yet, and failures do not count.
func (c *Container) starting(at time.Time) bool {
	return (c.Health.Status == "" || c.Health.Status == Unknown) && at.Before(c.lastStart().Add(c.Check.StartPeriod))
}

// checked takes in what one run of the health check gave. It began at a time of
// its own: what counts is whether the start period had ended by then.
func (c *Container) checked(ok bool, output string, began, now time.Time) {
	starting := c.starting(began)
	c.Health.Checked, c.Health.Output = now, output
	status := c.Health.Status
	switch {
	case ok:
		c.Health.Streak, status = 0, Healthy
	case !starting:
		if c.Health.Streak++; c.Health.Streak >= max(1, cmp.Or(c.Check.Retries, 3)) {
			status = Unhealthy
		}
	}
	if status != c.Health.Status {
		c.Health.Status, c.Health.Since = status, now
	}
}
