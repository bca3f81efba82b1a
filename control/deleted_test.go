package control

import (
	"testing"
	"testing/synctest"
	"time"

	"berth/state"
)

func TestDeletedRecordsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := state.NewMemory()
		running(t, s, func() {
			write(t, s, func(tx *state.Tx) {
				tx.Clusters.Put(tx, state.Cluster{ARN: "used"})
				tx.Clusters.Put(tx, state.Cluster{ARN: "deleted", DeletedAt: tx.Now()})
				tx.CapacityProviders.Put(tx, state.CapacityProvider{ARN: "deleted", DeletedAt: tx.Now()})
			})
			synctest.Wait()
			if !s.View().Clusters.Has("deleted") || !s.View().CapacityProviders.Has("deleted") {
				t.Error("what was just deleted is forgotten")
			}
			<-time.After(8 * 24 * time.Hour)
			synctest.Wait()
			if s.View().Clusters.Has("deleted") || s.View().CapacityProviders.Has("deleted") {
				t.Error("what was deleted long ago is still there")
			}
			if !s.View().Clusters.Has("used") {
				t.Error("a cluster is gone that nobody deleted")
			}
		})
	})
}
