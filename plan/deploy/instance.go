package deploy

import (
	"strings"

	"berth/state"
)

// draining are the tasks of the service that are to stay, but for the container
// instance they are on, which drains.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-instance-draining.html
func (l *look) draining() map[string][]state.Task {
	by := map[string][]state.Task{}
	pool := l.s.Cluster[:strings.LastIndexByte(l.s.Cluster, '/')+1] + state.FargateCluster
	for _, cluster := range []string{l.s.Cluster, pool} {
		for i := range l.v.DrainingIn(cluster) {
			for t := range l.v.TasksOn(i.ARN) {
				if t.Service == l.s.ARN && t.Desired == "RUNNING" {
					by[t.StartedBy] = append(by[t.StartedBy], t)
				}
			}
		}
	}
	return by
}
