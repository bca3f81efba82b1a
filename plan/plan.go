// Package plan is what decisions are made of: actions, and the time at which to
// decide again.
//
// A plan is a pure function of a view and a time, in a package of its own below
// this one. It names what to change and changes nothing; package control
// applies it, in the transaction that it was made in.
package plan

import (
	"fmt"
	"time"

	"berth/state"
)

// Plan is what to do next about one object. The zero value is to do nothing.
type Plan struct {
	Actions []Action

	// Wake is when the answer would change by itself: the end of a pause or of
	// a grace period. Zero means that only a change of the state changes it.
	Wake time.Time

	// Notes say in words why the plan does no more, and what it waits for.
	Notes []string
}

// Action is one change that a plan asks for.
type Action interface {
	// Apply makes the change in tx.
	Apply(tx *state.Tx)

	// String says it in words, the same in every log, test and explanation.
	fmt.Stringer
}

// Do adds actions to the plan.
func (p *Plan) Do(actions ...Action) { p.Actions = append(p.Actions, actions...) }

// Note says why the plan does no more.
func (p *Plan) Note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// WakeAt asks to decide again at t, or earlier.
func (p *Plan) WakeAt(t time.Time) {
	if p.Wake.IsZero() || t.Before(p.Wake) {
		p.Wake = t
	}
}

// Apply makes all changes, in order.
func (p Plan) Apply(tx *state.Tx) {
	for _, a := range p.Actions {
		a.Apply(tx)
	}
}

// Strings says the actions in words.
func (p Plan) Strings() (text []string) {
	for _, a := range p.Actions {
		text = append(text, a.String())
	}
	return text
}

// RemoveContainerInstance forgets a container instance and its attributes.
type RemoveContainerInstance struct{ ARN string }

// Apply deletes the records.
func (a RemoveContainerInstance) Apply(tx *state.Tx) {
	var keys []string
	for attribute := range tx.AttributesOf(a.ARN) {
		keys = append(keys, state.AttributeKey(a.ARN, attribute.Name))
	}
	for _, key := range keys {
		tx.Attributes.Delete(tx, key)
	}
	tx.ContainerInstances.Delete(tx, a.ARN)
}

func (a RemoveContainerInstance) String() string { return "remove " + a.ARN }

// RemoveTaskDefinition forgets a revision. Its family still knows that the
// number was given.
type RemoveTaskDefinition struct{ ARN string }

// Apply deletes the record.
func (a RemoveTaskDefinition) Apply(tx *state.Tx) { tx.TaskDefinitions.Delete(tx, a.ARN) }

func (a RemoveTaskDefinition) String() string { return "remove " + a.ARN }

// RemoveCluster forgets a deleted cluster.
type RemoveCluster struct{ ARN string }

// Apply deletes the record.
func (a RemoveCluster) Apply(tx *state.Tx) { tx.Clusters.Delete(tx, a.ARN) }

func (a RemoveCluster) String() string { return "remove " + a.ARN }

// RemoveCapacityProvider forgets a deleted capacity provider.
type RemoveCapacityProvider struct{ ARN string }

// Apply deletes the record.
func (a RemoveCapacityProvider) Apply(tx *state.Tx) { tx.CapacityProviders.Delete(tx, a.ARN) }

func (a RemoveCapacityProvider) String() string { return "remove " + a.ARN }
