package deploy

import (
	"fmt"
	"testing"
	"time"

	"berth/state"
)

// Service deployments are kept for 90 days, and the last that completed as long
// as there is a service.
func TestPrune(t *testing.T) {
	w := newWorld(t, 1, 0, 100, "")
	for n := range 3 {
		if n > 0 {
			w.change(func(tx *state.Tx, s *state.Service) { addDeployment(tx, s, fmt.Sprint("v", n+1)) })
		}
		w.settle()
		w.now = w.now.Add(40 * 24 * time.Hour)
	}
	w.settle() // v1 is 120 days old, v2 80
	if v := w.store.View(); v.ServiceDeployments.Len() != 2 || v.ServiceDeployments.Has("sd/v1") || v.ServiceRevisions.Has("revision/v1") || !v.ServiceRevisions.Has("revision/v2") {
		t.Errorf("%d service deployments and %d revisions are left", v.ServiceDeployments.Len(), v.ServiceRevisions.Len())
	}
	w.now = w.now.Add(400 * 24 * time.Hour)
	w.settle()
	if v := w.store.View(); v.ServiceDeployments.Len() != 1 || !v.ServiceRevisions.Has("revision/v3") {
		t.Errorf("%d service deployments are left of a service that did not change", v.ServiceDeployments.Len())
	}
}
