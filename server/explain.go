package server

import (
	"errors"
	"net/http"

	"github.com/aws/smithy-go"

	"berth/api/ecs"
	"berth/aws/protocol"
	"berth/cli/explain"
	"berth/state"
)

// explain says where one more task would run, to root.
func (s *Server) explain(store *state.Store, api *protocol.Server) http.HandlerFunc {
	tasks := ecs.New(ecs.Config{Store: store, Region: s.cfg.Region, Account: s.cfg.Account, Endpoint: s.URL()})
	return answering(func(r *http.Request, body []byte) (any, error) {
		if err := fromRoot(r, body, api); err != nil {
			return nil, &refusal{http.StatusForbidden, err.Error()}
		}
		in := explain.Question{}
		if err := read(body, &in); err != nil {
			return nil, err
		}
		var found []ecs.Explanation
		var err error
		if in.Task != "" {
			found, err = ecs.ExplainTask(tasks, in.Cluster, in.Task)
		} else {
			found, err = ecs.ExplainTaskDefinition(tasks, in.Cluster, in.TaskDefinition, in.LaunchType)
		}
		var modelled smithy.APIError
		if errors.As(err, &modelled) {
			return nil, &refusal{http.StatusBadRequest, modelled.ErrorMessage()}
		}
		return describeExplanations(found), err
	})
}

func describeExplanations(found []ecs.Explanation) []explain.Answer {
	answers := []explain.Answer{}
	for _, f := range found {
		a := explain.Answer{TaskDefinition: f.TaskDefinition, LaunchType: f.LaunchType, CapacityProvider: f.CapacityProvider}
		for _, i := range f.Instances {
			a.Instances = append(a.Instances, explain.Instance{ARN: i.Instance, Reason: i.Reason, Detail: i.Detail})
		}
		answers = append(answers, a)
	}
	return answers
}
