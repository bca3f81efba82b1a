package deploy

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// Abort asks for a service deployment that is not over to be stopped: what runs
// stays as it is.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopServiceDeployment.html
func Abort(tx *state.Tx, sd state.ServiceDeployment) {
	request(tx, sd, types.ServiceDeploymentStatusStopRequested)
}

// RollBack asks for a service deployment that is not over to be rolled back to
// the service revision that completed last.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stop-service-deployment.html
func RollBack(tx *state.Tx, sd state.ServiceDeployment) {
	request(tx, sd, types.ServiceDeploymentStatusRollbackRequested)
}

// request writes what is asked of a service deployment. One that is asked to end
// already, or on its way back, goes on with that.
func request(tx *state.Tx, sd state.ServiceDeployment, status types.ServiceDeploymentStatus) {
	if sd.Status == types.ServiceDeploymentStatusPending || sd.Status == types.ServiceDeploymentStatusInProgress {
		sd.Status, sd.UpdatedAt = status, tx.Now()
		tx.ServiceDeployments.Put(tx, sd)
	}
}

// Continue ends the pause of a hook that awaits it, and reports whether there is
// one. The deployment goes on when no other hook of the stage holds it.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/continue-service-deployment.html
func Continue(tx *state.Tx, sd state.ServiceDeployment, hookID string) bool {
	for i, h := range sd.Hooks {
		if *h.HookId == hookID && h.Status == types.DeploymentLifecycleHookStatusAwaitingAction {
			sd.Hooks = append([]types.DeploymentLifecycleHookDetail{}, sd.Hooks...)
			sd.Hooks[i].Status = types.DeploymentLifecycleHookStatusSucceeded
			sd.UpdatedAt = tx.Now()
			tx.ServiceDeployments.Put(tx, sd)
			return true
		}
	}
	return false
}
