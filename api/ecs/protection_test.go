package ecs

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/state"
)

// protectedAPI serves the cluster main with the service web of two tasks: s and
// the protected p of its deployment, and o and x of the one before. f is of no service.
func protectedAPI(t *testing.T, scheduling types.SchedulingStrategy) *API {
	a := taskAPI(t)
	write(t, a, func(tx *state.Tx) {
		s := state.Service{ARN: serviceARN, Name: "web", Cluster: a.arn("cluster/main"), Status: "ACTIVE", Scheduling: scheduling,
			Deployments: []state.Deployment{{ID: "ecs-svc/2"}, {ID: "ecs-svc/1"}}}
		if scheduling == types.SchedulingStrategyReplica {
			s.Desired = 2
		}
		tx.Services.Put(tx, s)
		for id, deployment := range map[string]string{"s": "ecs-svc/2", "p": "ecs-svc/2", "o": "ecs-svc/1", "x": "ecs-svc/1", "e": "ecs-svc/1", "f": ""} {
			task := state.Task{ARN: a.arn("task/main/" + id), Cluster: s.Cluster, Group: "service:web", Service: s.ARN, StartedBy: deployment, Last: "RUNNING", Desired: "RUNNING"}
			switch id {
			case "p":
				task.ProtectedUntil = time.Now().Add(time.Hour)
			case "x":
				task.ProtectedUntil = time.Now().Add(-time.Hour)
			case "e":
				task.Last, task.Desired = "STOPPED", "STOPPED"
			case "f":
				task.Service, task.Group = "", "family:web"
			}
			tx.Tasks.Put(tx, task)
		}
	})
	return a
}

func TestTaskProtection(t *testing.T) {
	a := protectedAPI(t, types.SchedulingStrategyReplica)
	const arn = "arn:aws:ecs:us-east-1:123456789012:task/main/"
	script{
		{"GetTaskProtection", `{"cluster":"main"}`, `{"failures":[],"protectedTasks":[{"taskArn":"` + arn + `o","protectionEnabled":false},
			{"taskArn":"` + arn + `p","protectionEnabled":true},{"taskArn":"` + arn + `s","protectionEnabled":false,"expirationDate":null},{"taskArn":"` + arn + `x","protectionEnabled":false}]}`},
		{"GetTaskProtection", `{"cluster":"main","tasks":["f","none","e"]}`,
			`{"protectedTasks":[],"failures":[{"arn":"` + arn + `f","reason":"TASK_NOT_VALID"},{"arn":"` + arn + `none","reason":"MISSING"},{"reason":"TASK_NOT_VALID"}]}`},
		{"UpdateTaskProtection", `{"cluster":"main","tasks":["s","f"],"protectionEnabled":true,"expiresInMinutes":5}`,
			`{"protectedTasks":[{"taskArn":"` + arn + `s","protectionEnabled":true}],"failures":[{"reason":"TASK_NOT_VALID"}]}`},
		{"GetTaskProtection", `{"cluster":"main","tasks":["s"]}`, `{"protectedTasks":[{"protectionEnabled":true}]}`},
		{"UpdateTaskProtection", `{"cluster":"main","tasks":["o"],"protectionEnabled":true}`,
			`{"protectedTasks":[],"failures":[{"arn":"` + arn + `o","reason":"DEPLOYMENT_BLOCKED","detail":"2 other tasks of the service are protected, and it wants 2. Take the protection from one, or wait until it ends."}]}`},
		{"UpdateTaskProtection", `{"cluster":"main","tasks":["p"],"protectionEnabled":true}`, `{"protectedTasks":[{"protectionEnabled":true}],"failures":[]}`}, // longer
		{"UpdateTaskProtection", `{"cluster":"main","tasks":["s","p"],"protectionEnabled":false}`,
			`{"protectedTasks":[{"protectionEnabled":false,"expirationDate":null},{"protectionEnabled":false}]}`},
		{"UpdateTaskProtection", `{"cluster":"main","tasks":["o","x","s"],"protectionEnabled":true}`,
			`{"protectedTasks":[{"taskArn":"` + arn + `o"},{"taskArn":"` + arn + `x"}],"failures":[{"arn":"` + arn + `s","reason":"DEPLOYMENT_BLOCKED"}]}`},
		{"UpdateTaskProtection", `{"cluster":"main","tasks":["s"],"protectionEnabled":true,"expiresInMinutes":2881}`, `InvalidParameterException: expiresInMinutes must be between 1 and 2880.`},
		{"UpdateTaskProtection", `{"cluster":"main","protectionEnabled":true}`, `InvalidParameterException: Tasks cannot be empty.`},
	}.run(t, a)
}

// A daemon service has no desired count to compare with.
func TestTaskProtectionOfDaemons(t *testing.T) {
	script{{"UpdateTaskProtection", `{"cluster":"main","tasks":["s"],"protectionEnabled":true}`, `{"protectedTasks":[{"protectionEnabled":true}],"failures":[]}`}}.run(t, protectedAPI(t, types.SchedulingStrategyDaemon))
}
