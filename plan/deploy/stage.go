package deploy

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/plan"
	"berth/state"
)

// stages are those of a rolling deployment, in order. A deployment enters a
// stage, waits for its hooks and its end, and leaves it.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html
func stages() []types.ServiceDeploymentLifecycleStage {
	return []types.ServiceDeploymentLifecycleStage{
		types.ServiceDeploymentLifecycleStageReconcileService,
		types.ServiceDeploymentLifecycleStagePreScaleUp,
		types.ServiceDeploymentLifecycleStageScaleUp,
		types.ServiceDeploymentLifecycleStagePostScaleUp,
		types.ServiceDeploymentLifecycleStageBakeTime,
		types.ServiceDeploymentLifecycleStageCleanUp,
	}
}

// advance moves a deployment on to the stage that it can be in by now. After the
// last one it is complete.
func (l *look) advance() bool {
	if !l.unfinished() {
		return false
	}
	all := stages()
	i := slices.Index(all, l.sd.Stage) // -1 before the first
	for i < 0 || l.left(all[i]) {
		if i++; i == len(all) {
			l.complete()
			return true
		}
	}
	if all[i] == l.sd.Stage {
		return false
	}
	l.p.Do(EnterStage{Deployment: l.sd, Stage: all[i], Hooks: l.hooks(all[i])})
	return true
}

// unfinished reports whether the primary deployment is under way.
func (l *look) unfinished() bool {
	return len(l.s.Deployments) > 0 && l.s.Deployments[0].State == types.DeploymentRolloutStateInProgress && l.sd.ARN != "" && !l.sd.Over()
}

// heldBack reports whether the primary deployment may not start tasks yet.
func (l *look) heldBack() bool {
	return l.unfinished() && slices.Index(stages(), l.sd.Stage) < slices.Index(stages(), types.ServiceDeploymentLifecycleStageScaleUp)
}

// left reports whether a deployment that is in a stage, or could be, can leave it.
func (l *look) left(stage types.ServiceDeploymentLifecycleStage) bool {
	if stage != l.sd.Stage {
		if len(l.hooks(stage)) > 0 {
			return false
		}
	} else if l.paused() {
		return false
	}
	switch stage {
	case types.ServiceDeploymentLifecycleStageScaleUp:
		return l.reached()
	case types.ServiceDeploymentLifecycleStageBakeTime:
		return l.baked()
	case types.ServiceDeploymentLifecycleStageCleanUp:
		return l.reached() && l.cleaned()
	}
	return true
}

// baked reports whether the time is over for which a deployment that has all it
// needs is watched.
func (l *look) baked() bool {
	bake := time.Duration(aws.ToInt32(l.s.Rollout.BakeTimeInMinutes)) * time.Minute
	if bake == 0 || l.sd.Rollback != nil {
		return true
	}
	if l.sd.Stage != types.ServiceDeploymentLifecycleStageBakeTime {
		return false
	}
	end := l.sd.StageAt.Add(bake)
	if l.now.Before(end) {
		l.p.WakeAt(end)
		l.p.Note("bakes until %s", clock(end))
	}
	return !l.now.Before(end)
}

// hooks are those that pause the deployment in a stage. A rollback has none.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/pause-lifecycle-hooks.html
func (l *look) hooks(stage types.ServiceDeploymentLifecycleStage) (all []types.DeploymentLifecycleHookDetail) {
	reconciles := len(l.sd.Sources) > 1
	if l.sd.Rollback != nil || stage == types.ServiceDeploymentLifecycleStageReconcileService && !reconciles {
		return nil
	}
	for _, h := range l.s.Rollout.LifecycleHooks {
		if h.TargetType != types.DeploymentLifecycleHookTargetTypePause || !slices.Contains(h.LifecycleStages, types.DeploymentLifecycleHookStage(stage)) {
			continue
		}
		minutes, action := int32(24*60), types.DeploymentLifecycleHookActionRollback
		if c := h.TimeoutConfiguration; c != nil {
			if c.TimeoutInMinutes != nil {
				minutes = *c.TimeoutInMinutes
			}
			if c.Action != "" {
				action = c.Action
			}
		}
		all = append(all, types.DeploymentLifecycleHookDetail{
			TargetType: h.TargetType, TimeoutAction: action, Status: types.DeploymentLifecycleHookStatusAwaitingAction,
			ExpiresAt: aws.Time(l.now.Add(time.Duration(minutes) * time.Minute)),
		})
	}
	return all
}

// paused reports whether a hook holds the deployment in its stage. One whose
// time is over does so no longer, whatever comes of it.
func (l *look) paused() bool {
	any := false
	for _, h := range l.sd.Hooks {
		if h.Status == types.DeploymentLifecycleHookStatusAwaitingAction && l.now.Before(*h.ExpiresAt) {
			any = true
			l.p.WakeAt(*h.ExpiresAt)
			l.p.Note("is paused by hook %s in stage %s until %s, then: %s", *h.HookId, l.sd.Stage, clock(*h.ExpiresAt), h.TimeoutAction)
		}
	}
	return any
}

// timedOut reports whether nobody continued a deployment that is to be rolled
// back in that case.
func (l *look) timedOut() bool {
	return slices.ContainsFunc(l.sd.Hooks, func(h types.DeploymentLifecycleHookDetail) bool {
		return h.Status == types.DeploymentLifecycleHookStatusAwaitingAction && !l.now.Before(*h.ExpiresAt) &&
			h.TimeoutAction == types.DeploymentLifecycleHookActionRollback
	})
}

// EnterStage moves a service deployment on to a stage.
type EnterStage struct {
	Deployment state.ServiceDeployment
	Stage      types.ServiceDeploymentLifecycleStage
	Hooks      []types.DeploymentLifecycleHookDetail // that pause it there; they get their ids
}

// Apply writes the service deployment.
func (a EnterStage) Apply(tx *state.Tx) {
	sd := a.Deployment
	if sd.Status == types.ServiceDeploymentStatusPending {
		sd.Status, sd.StartedAt = types.ServiceDeploymentStatusInProgress, tx.Now()
	}
	sd.Stage, sd.StageAt, sd.Hooks = a.Stage, tx.Now(), slices.Clone(a.Hooks)
	for i := range sd.Hooks {
		id, _ := hex.DecodeString(tx.NewID() + tx.NewID())
		sd.Hooks[i].HookId = aws.String("ecs-pause-" + base64.RawURLEncoding.EncodeToString(id))
	}
	plan.PutServiceDeployment{Deployment: sd}.Apply(tx)
}

func (a EnterStage) String() string {
	text := fmt.Sprintf("service deployment %s enters stage %s", idOf(a.Deployment.ARN), a.Stage)
	if len(a.Hooks) > 0 {
		text += ", where a hook pauses it"
	}
	return text
}
