package deploy

import (
	"fmt"
	"strings"

	"berth/plan"
	"berth/plan/place"
	"berth/state"
)

// Launch starts tasks of a service, which is one event.
type Launch struct {
	Service state.Service
	Starts  []place.Start
}

// Apply makes the tasks.
func (a Launch) Apply(tx *state.Tx) {
	var tasks []string
	for _, s := range a.Starts {
		t := s.Do(tx)
		tasks = append(tasks, "(task "+t.ARN[strings.LastIndexByte(t.ARN, '/')+1:]+")")
	}
	plan.RecordEvent{
		Service: a.Service.ARN,
		Message: fmt.Sprintf("(service %s) has started %d tasks: %s.", a.Service.Name, len(tasks), strings.Join(tasks, " ")),
	}.Apply(tx)
}

func (a Launch) String() string {
	definition := a.Starts[0].Task.Definition
	return fmt.Sprintf("start %d tasks of %s from %s", len(a.Starts), a.Service.Name, definition[strings.LastIndexByte(definition, '/')+1:])
}
