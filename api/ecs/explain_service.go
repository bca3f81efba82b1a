package ecs

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/plan/deploy"
	"berth/state"
)

// ServiceExplanation is what happens to a service next, and why no more does.
type ServiceExplanation struct {
	Service types.Service // as DescribeServices shows it
	Healthy int           // tasks
	Next    []string      // what its plan does now, in the actions' words
	Notes   []string      // why it does no more, and what it waits for
	Wake    time.Time     // when it is planned again if nothing changes before; zero: never
	Where   []Explanation // one more task would run
}

// ExplainService explains a service by the plan that moves it.
func ExplainService(a *API, cfg deploy.Config, cluster, service string) (ServiceExplanation, error) {
	v := a.store.View()
	s, err := a.plannedService(v, cluster, service)
	if err != nil {
		return ServiceExplanation{}, err
	}
	p := cfg.Plan(v, s, time.Now())
	e := ServiceExplanation{Service: a.describeService(v, s, false), Next: p.Strings(), Notes: p.Notes, Wake: p.Wake}
	for _, w := range cfg.Explain(v, s) {
		e.Where = append(e.Where, Explanation{s.Primary().Definition, w.LaunchType, w.CapacityProvider, w.Instances})
	}
	for _, d := range s.Deployments {
		e.Healthy += v.CountTasksOf(s.ARN, d.ID, state.Healthy)
	}
	return e, nil
}

// plannedService finds a service that is not INACTIVE.
func (a *API) plannedService(v *state.View, cluster, service string) (state.Service, error) {
	c, err := a.activeCluster(v, cluster)
	if err != nil {
		return state.Service{}, err
	}
	s, ok := a.service(v, c, service)
	if !ok || s.Status == inactive {
		return s, serviceNotFound()
	}
	return s, nil
}

// Step is what happens at one moment of an update that is only thought through.
type Step struct {
	After   time.Duration // since the update
	Actions []string
	Notes   []string // of the last step: why nothing more happens
}

// Forecast is what an update of a service would do.
type Forecast struct {
	Steps []Step
	// Least healthy and most live tasks on the way.
	LeastHealthy, MostLive int
	Steady                 bool // it would end in a steady state
}

// Limits of a forecast: the longest that is thought through.
const (
	mostSteps    = 2_000
	mostForecast = 24 * time.Hour
)

// ForecastUpdate says what UpdateService would do, whose input is JSON, by doing
// it to a fork of the state whose tasks start at once and pass their health
// checks, and whose clock goes from one plan to the next.
func ForecastUpdate(ctx context.Context, a *API, cfg deploy.Config, update []byte) (f Forecast, err error) {
	in := &ecs.UpdateServiceInput{}
	if _, err := documents.DecodeJSON(update, in); err != nil {
		return f, invalid("This is no input of UpdateService: " + err.Error())
	}
	start := time.Now()
	now := start
	tried := *a
	tried.store = a.store.Fork(func() time.Time { return now })
	if _, err := tried.UpdateService(ctx, in); err != nil {
		return f, err
	}
	v := tried.store.View()
	s, err := a.plannedService(v, aws.ToString(in.Cluster), aws.ToString(in.Service))
	if err != nil {
		return f, err
	}
	f.count(v, s)
	for len(f.Steps) < mostSteps {
		var p plan.Plan
		moved := false
		err := tried.store.Update(ctx, func(tx *state.Tx) error {
			s, _ = tx.Services.Get(s.ARN)
			p = cfg.Plan(tx.View, s, now)
			p.Apply(tx)
			f.count(tx.View, s)
			moved = obey(tx, s)
			return nil
		})
		if err != nil {
			return f, err
		}
		if len(p.Actions) > 0 {
			f.Steps = append(f.Steps, Step{After: now.Sub(start), Actions: p.Strings()})
		}
		switch {
		case len(p.Actions) > 0 || moved:
		case p.Wake.IsZero() || p.Wake.Sub(start) > mostForecast || deploy.Steady(tried.store.View(), s):
			f.Steady = deploy.Steady(tried.store.View(), s)
			f.Steps = append(f.Steps, Step{After: now.Sub(start), Notes: p.Notes})
			return f, nil
		default:
			now = p.Wake
		}
	}
	return f, errors.New("the update needs more steps than are thought through")
}

// count notes how many tasks s has.
func (f *Forecast) count(v *state.View, s state.Service) {
	live, healthy := 0, 0
	for _, d := range s.Deployments {
		for _, phase := range []state.Phase{state.Pending, state.Running, state.Leaving} {
			live += v.CountTasksOf(s.ARN, d.ID, phase)
		}
		healthy += v.CountTasksOf(s.ARN, d.ID, state.Healthy)
	}
	live += healthy
	if f.MostLive == 0 && len(f.Steps) == 0 {
		f.LeastHealthy = healthy
	}
	f.LeastHealthy, f.MostLive = min(f.LeastHealthy, healthy), max(f.MostLive, live)
}

// obey does to the tasks of s what agents would do, at once.
func obey(tx *state.Tx, s state.Service) (moved bool) {
	for _, d := range s.Deployments {
		definition, _ := tx.TaskDefinitions.Get(d.Definition)
		for t := range tx.TasksOfDeployment(s.ARN, d.ID, state.Pending) {
			t.Last, t.StartedAt, moved = "RUNNING", tx.Now(), true
			if plan.HasHealthCheck(&definition.TaskDefinition) {
				t.HealthyAt = tx.Now()
			}
			tx.Tasks.Put(tx, t)
		}
		for _, phase := range []state.Phase{state.Leaving, state.Stopping} {
			for t := range tx.TasksOfDeployment(s.ARN, d.ID, phase) {
				plan.EndTask{ARN: t.ARN, Code: types.TaskStopCodeServiceSchedulerInitiated}.Apply(tx)
				moved = true
			}
		}
	}
	return moved
}
