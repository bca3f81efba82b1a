package deploy

import (
	"slices"
	"time"

	"berth/plan"
	"berth/state"
)

// history is how long service deployments are kept.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
const history = 90 * 24 * time.Hour

// prune forgets service deployments that are over for long, but not those of the
// deployments there are, nor of the revision to roll back to, and the service
// revisions that nothing refers to any more.
func (l *look) prune() {
	needed := []string{l.completed()} // revisions
	var own []string                  // service deployments
	for _, d := range l.s.Deployments {
		needed, own = append(needed, d.Revision), append(own, d.ServiceDeployment)
	}
	for sd := range l.v.DeploymentsOf(l.s.ARN) {
		revisions := refersTo(sd)
		old := sd.Over() && !l.now.Before(sd.FinishedAt.Add(history))
		if old && !slices.Contains(own, sd.ARN) && !slices.Contains(revisions[:1], needed[0]) {
			l.p.Do(plan.RemoveServiceDeployment{ARN: sd.ARN})
		} else {
			needed = append(needed, revisions...)
		}
	}
	for r := range l.v.RevisionsOf(l.s.ARN) {
		if !slices.Contains(needed, r.ARN) {
			l.p.Do(plan.RemoveServiceRevision{ARN: r.ARN})
		}
	}
}

// refersTo are the service revisions of a service deployment, by their ARNs: first
// the one that it led to.
func refersTo(sd state.ServiceDeployment) []string {
	all := append([]string{sd.Target}, sd.Sources...)
	if sd.Rollback != nil && sd.Rollback.ServiceRevisionArn != nil {
		all = append([]string{*sd.Rollback.ServiceRevisionArn}, all...)
	}
	return all
}
