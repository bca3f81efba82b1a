package ecs

import (
	"testing"
	"time"

	"berth/state"
)

func TestTaskProtection(t *testing.T) {
	a := taskAPI(t)
	write(t, a, func(tx *state.Tx) {
		for id, group := range map[string]string{"s": "service:web", "p": "service:web", "f": "family:web", "e": "service:web"} {
			task := state.Task{ARN: a.arn("task/main/" + id), Cluster: a.arn("cluster/main"), Group: group, Last: "RUNNING", Desired: "RUNNING"}
			switch id {
			case "p":
				task.ProtectedUntil = time.Now().Add(time.Hour)
			case "e":
				task.Last, task.Desired = "STOPPED", "STOPPED"
			}
			tx.Tasks.Put(tx, task)
		}
	})
	const arn = "arn:aws:ecs:us-east-1:123456789012:task/main/"
	script{
		{"GetTaskProtection", `{"cluster":"main"}`,
			`{"failures":[],"protectedTasks":[{"taskArn":"` + arn + `p","protectionEnabled":true},{"taskArn":"` + arn + `s","protectionEnabled":false,"expirationDate":null}]}`},
		{"GetTaskProtection", `{"cluster":"main","tasks":["f","none","e"]}`,
			`{"protectedTasks":[],"failures":[{"arn":"` + arn + `f","reason":"TASK_NOT_VALID"},{"arn":"` + arn + `none","reason":"MISSING"},{"reason":"TASK_NOT_VALID"}]}`},
		{"UpdateTaskProtection", `{"cluster":"main","tasks":["s","f"],"protectionEnabled":true,"expiresInMinutes":5}`,
			`{"protectedTasks":[{"taskArn":"` + arn + `s","protectionEnabled":true}],"failures":[{"reason":"TASK_NOT_VALID"}]}`},
		{"GetTaskProtection", `{"cluster":"main","tasks":["s"]}`, `{"protectedTasks":[{"protectionEnabled":true}]}`},
		{"UpdateTaskProtection", `{"cluster":"main","tasks":["s","p"],"protectionEnabled":false}`,
			`{"protectedTasks":[{"protectionEnabled":false,"expirationDate":null},{"protectionEnabled":false}]}`},
		{"UpdateTaskProtection", `{"cluster":"main","tasks":["s"],"protectionEnabled":true,"expiresInMinutes":2881}`, `InvalidParameterException: expiresInMinutes must be between 1 and 2880.`},
		{"UpdateTaskProtection", `{"cluster":"main","protectionEnabled":true}`, `InvalidParameterException: Tasks cannot be empty.`},
	}.run(t, a)
}
