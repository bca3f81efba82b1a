package server

import (
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"berth/api/ecs"
	"berth/aws/protocol"
	"berth/cli/explain"
	"berth/state"
)

// explaining answers root's questions about what is decided, by path.
func (s *Server) explaining(store *state.Store, api *protocol.Server) map[string]http.Handler {
	tasks := ecs.New(ecs.Config{Store: store, Region: s.cfg.Region, Account: s.cfg.Account, VPC: s.cfg.VPC, Endpoint: s.URL()})
	answer := func(f func(r *http.Request, body []byte) (any, error)) http.Handler {
		return answering(func(r *http.Request, body []byte) (any, error) {
			if err := fromRoot(r, body, api); err != nil {
				return nil, &refusal{http.StatusForbidden, err.Error()}
			}
			out, err := f(r, body)
			var modelled smithy.APIError
			if errors.As(err, &modelled) {
				return nil, &refusal{http.StatusBadRequest, modelled.ErrorMessage()}
			}
			return out, err
		})
	}
	return map[string]http.Handler{
		explain.Path: answer(func(_ *http.Request, body []byte) (any, error) {
			var in explain.Question
			if err := read(body, &in); err != nil {
				return nil, err
			}
			if in.Task == "" {
				where, err := described(ecs.ExplainTaskDefinition(tasks, in.Cluster, in.TaskDefinition, in.LaunchType))
				return explain.Explanation{Where: where}, err
			}
			story, found, err := ecs.ExplainTask(tasks, s.cfg.Limits, in.Cluster, in.Task)
			where, err := described(found, err)
			return explain.Explanation{Story: story, Where: where}, err
		}),
		explain.ServicePath: answer(func(_ *http.Request, body []byte) (any, error) {
			var in explain.ServiceQuestion
			if err := read(body, &in); err != nil {
				return nil, err
			}
			return describeService(ecs.ExplainService(tasks, s.cfg.deploy(), in.Cluster, in.Service))
		}),
		explain.PlanPath: answer(func(r *http.Request, body []byte) (any, error) {
			f, err := ecs.ForecastUpdate(r.Context(), tasks, s.cfg.deploy(), body)
			return describeForecast(f), err
		}),
	}
}

func described(found []ecs.Explanation, err error) ([]explain.Answer, error) {
	answers := []explain.Answer{}
	for _, f := range found {
		a := explain.Answer{TaskDefinition: f.TaskDefinition, LaunchType: f.LaunchType, CapacityProvider: f.CapacityProvider}
		for _, i := range f.Instances {
			a.Instances = append(a.Instances, explain.Instance{ARN: i.Instance, Reason: i.Reason, Detail: i.Detail})
		}
		answers = append(answers, a)
	}
	return answers, err
}

func describeService(e ecs.ServiceExplanation, err error) (explain.Service, error) {
	s := e.Service
	out := explain.Service{
		Name: aws.ToString(s.ServiceName), Status: aws.ToString(s.Status), Scheduling: string(s.SchedulingStrategy),
		Desired: int(s.DesiredCount), Pending: int(s.PendingCount), Running: int(s.RunningCount), Healthy: e.Healthy,
		Next: e.Next, Notes: e.Notes,
	}
	for _, d := range s.Deployments {
		out.Deployments = append(out.Deployments, explain.Deployment{
			ID: aws.ToString(d.Id), Status: aws.ToString(d.Status), TaskDefinition: aws.ToString(d.TaskDefinition),
			State: string(d.RolloutState), Reason: aws.ToString(d.RolloutStateReason),
			Desired: int(d.DesiredCount), Pending: int(d.PendingCount), Running: int(d.RunningCount), Failed: int(d.FailedTasks),
		})
	}
	if !e.Wake.IsZero() {
		out.Wake = &e.Wake
	}
	for _, event := range s.Events[:min(len(s.Events), explain.MostEvents)] {
		out.Events = append(out.Events, explain.Event{At: *event.CreatedAt, Message: aws.ToString(event.Message)})
	}
	out.Where, err = described(e.Where, err)
	return out, err
}

func describeForecast(f ecs.Forecast) explain.Forecast {
	out := explain.Forecast{LeastHealthy: f.LeastHealthy, MostLive: f.MostLive, Steady: f.Steady}
	for _, s := range f.Steps {
		out.Steps = append(out.Steps, explain.Step(s))
	}
	return out
}
