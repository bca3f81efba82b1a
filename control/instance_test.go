package control

import (
	"testing"
	"testing/synctest"
	"time"

	"berth/state"
)

func TestDeregisteredInstancesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := state.NewMemory()
		write(t, s, func(tx *state.Tx) {
			tx.ContainerInstances.Put(tx, state.ContainerInstance{ARN: "gone", Status: "INACTIVE", DeregisteredAt: tx.Now()})
			tx.ContainerInstances.Put(tx, state.ContainerInstance{ARN: "here", Status: "ACTIVE"})
			tx.Attributes.Put(tx, state.Attribute{Target: "gone", Name: "stack"})
			tx.Attributes.Put(tx, state.Attribute{Target: "here", Name: "stack"})
		})
		running(t, s, func() {
			<-time.After(59 * time.Minute)
			synctest.Wait()
			if !s.View().ContainerInstances.Has("gone") {
				t.Error("it is gone before its hour is over")
			}
			<-time.After(2 * time.Minute)
			synctest.Wait()
			if v := s.View(); v.ContainerInstances.Has("gone") || v.Attributes.Has(state.AttributeKey("gone", "stack")) {
				t.Error("it, or its attribute, is still there")
			}
			if v := s.View(); !v.ContainerInstances.Has("here") || !v.Attributes.Has(state.AttributeKey("here", "stack")) {
				t.Error("another one is gone too")
			}
		})
	})
}
