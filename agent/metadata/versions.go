package metadata

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"golang.org/x/sys/unix"
)

// version is a version of the paths that have an endpoint id.
type version struct{ path, name string }

var v3, v4 = version{"v3", "V3"}, version{"v4", "V4"}

// Why an endpoint id is not found, in the real agent's words.
const (
	noContainer = "%s %s handler: unable to get container %s from request: unable to get docker ID from v3 endpoint ID: %s"
	noTask      = "%s %s handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: %s"
)

func (v version) container(s *Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _, c, ok := s.find(r)
		if !ok {
			s.answer(w, http.StatusNotFound, fmt.Sprintf(noContainer, v.name, "container metadata", "ID", r.PathValue("endpoint")))
			return
		}
		s.answer(w, http.StatusOK, v.showContainer(c))
	}
}

func (v version) task(s *Server, tags bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		agent, task, _, ok := s.find(r)
		if !ok {
			s.answer(w, http.StatusNotFound, fmt.Sprintf(noTask, v.name, "task metadata", r.PathValue("endpoint")))
			return
		}
		if tags {
			task = withTags(r, agent, task)
		}
		s.answer(w, http.StatusOK, v.show(task))
	}
}

func (v version) associations(s *Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, _, _, ok := s.find(r); !ok {
			s.answer(w, http.StatusNotFound, fmt.Sprintf(noContainer, v.name, "container associations", "id", r.PathValue("endpoint")))
			return
		}
		s.answer(w, http.StatusOK, map[string][]string{"Associations": nil}) // accelerators, of which no task has any
	}
}

func (v version) association(s *Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, _, _, ok := s.find(r); !ok {
			s.answer(w, http.StatusNotFound, fmt.Sprintf(noTask, v.name, "container associations", r.PathValue("endpoint")))
			return
		}
		s.answer(w, http.StatusBadRequest, fmt.Sprintf("%s container associations handler: unable to get association from association type %s and association name %s",
			v.name, r.PathValue("type"), r.PathValue("name")))
	}
}

// taskV2 answers by the source address alone, which only tasks in the network
// mode awsvpc have to themselves.
func (s *Server) taskV2(w http.ResponseWriter, r *http.Request) {
	agent, task, ok := s.findByAddress(w, r)
	if !ok {
		return
	}
	if id := r.PathValue("container"); id != "" {
		if c, ok := containerByID(task, id); ok {
			s.answer(w, http.StatusOK, v3.showContainer(c))
		} else {
			s.answer(w, http.StatusBadRequest, "Unable to generate metadata for container '"+id+"'")
		}
		return
	}
	if r.Pattern != "/v2/metadata" && r.Pattern != "/v2/metadata/{container...}" {
		task = withTags(r, agent, task)
	}
	s.answer(w, http.StatusOK, v3.show(task))
}

// findByAddress finds the task of a request's source address, or says that there is none.
func (s *Server) findByAddress(w http.ResponseWriter, r *http.Request) (Agent, Task, bool) {
	for _, agent := range s.Agents {
		if task, ok := agent.TaskAt(caller(r)); ok {
			return agent, task, true
		}
	}
	s.answer(w, http.StatusBadRequest, fmt.Sprintf("Unable to get task arn from request: unable to associate '%s' with task", caller(r)))
	return nil, Task{}, false
}

func containerByID(t Task, dockerID string) (Container, bool) {
	i := slices.IndexFunc(t.Containers, func(c Container) bool { return c.DockerID == dockerID })
	if i < 0 {
		return Container{}, false
	}
	return t.Containers[i], true
}

// show completes a task for version 4, and leaves out what earlier ones do not have.
func (v version) show(t Task) Task {
	if v == v4 {
		injected := false // faults are not
		t.FaultInjectionEnabled = &injected
		if t.LaunchType == "FARGATE" {
			t.ClockDrift = clockDrift()
		}
		return t
	}
	t.LaunchType, t.VPCID, t.ServiceName = "", "", ""
	t.Errors, t.EphemeralStorageMetrics = nil, nil
	t.Containers = slices.Clone(t.Containers)
	for i, c := range t.Containers {
		t.Containers[i] = v.showContainer(c)
	}
	return t
}

func (v version) showContainer(c Container) Container {
	if v == v4 {
		return c
	}
	c.LogDriver, c.LogOptions, c.ContainerARN, c.Snapshotter, c.RestartCount = "", nil, "", "", nil
	c.Ports = slices.Clone(c.Ports)
	for i := range c.Ports {
		c.Ports[i].HostIP = ""
	}
	c.Networks = slices.Clone(c.Networks)
	for i, n := range c.Networks {
		c.Networks[i] = Network{NetworkMode: n.NetworkMode, IPv4Addresses: n.IPv4Addresses}
	}
	return c
}

// withTags adds the tags that the control plane has, or why it did not give them.
func withTags(r *http.Request, agent Agent, t Task) Task {
	get := func(field, arn string) map[string]string {
		tags, err := agent.Tags(r.Context(), arn)
		if err != nil {
			t.Errors = append(slices.Clip(t.Errors), tagError(field, arn, err))
		}
		return tags
	}
	t.ContainerInstanceTags = get("ContainerInstanceTags", t.ContainerInstance)
	t.TaskTags = get("TaskTags", t.TaskARN)
	return t
}

func tagError(field, arn string, err error) Error {
	e := Error{ErrorField: field, ErrorMessage: err.Error(), ResourceARN: arn}
	if modelled, ok := errors.AsType[smithy.APIError](err); ok {
		e.ErrorCode, e.ErrorMessage = modelled.ErrorCode(), modelled.ErrorMessage()
	}
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		e.StatusCode, e.RequestID = response.HTTPStatusCode(), response.ServiceRequestID()
	}
	return e
}

// clockDrift asks the kernel how far its clock may be off; nil if it does not say.
func clockDrift() *ClockDrift {
	var clock unix.Timex
	state, err := unix.Adjtimex(&clock)
	if err != nil {
		return nil
	}
	const unsynchronized = 5 // TIME_ERROR of adjtimex(2)
	drift := &ClockDrift{ClockErrorBound: float64(clock.Maxerror) / 1000, ReferenceTimestamp: time.Now().UTC(), ClockSynchronizationStatus: "SYNCHRONIZED"}
	if state == unsynchronized {
		drift.ClockSynchronizationStatus = "NOT_SYNCHRONIZED"
	}
	return drift
}
