package ecs

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"berth/iam"
	"berth/state"
)

// submitAPI serves the cluster stub with the task t, of an essential container
// web and a helper init, on the instance that the agent worker registered.
func submitAPI(t *testing.T) *API {
	a := stubAPI(t)
	write(t, a, func(tx *state.Tx) {
		tx.ContainerInstances.Put(tx, state.ContainerInstance{
			ARN: stubInstances + "i", Cluster: a.arn("cluster/stub"), Status: "ACTIVE", Version: 1, Agent: iam.Agent(testAccount, "worker").ARN})
		tx.TaskDefinitions.Put(tx, state.TaskDefinition{TaskDefinition: types.TaskDefinition{
			TaskDefinitionArn: aws.String(a.arn("task-definition/web:1")), Family: aws.String("web"), Revision: 1,
			ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web")}, {Name: aws.String("init"), Essential: aws.Bool(false)}},
		}})
		tx.Tasks.Put(tx, state.Task{
			ARN: a.arn("task/stub/t"), Cluster: a.arn("cluster/stub"), Instance: stubInstances + "i", Definition: a.arn("task-definition/web:1"),
			LaunchType: "EC2", Last: "PENDING", Desired: "RUNNING", Version: 1,
			Attachments: []types.Attachment{{Id: aws.String("att"), Type: aws.String("ElasticNetworkInterface"), Status: aws.String("PRECREATED")}},
			Containers: []types.Container{
				{Name: aws.String("web"), LastStatus: aws.String("PENDING")}, {Name: aws.String("init"), LastStatus: aws.String("PENDING")}},
		})
	})
	return a
}

const describe = `{"cluster":"stub","tasks":["t"]}`

// The calls that a real agent (1.105.1) made for a task whose first container
// must succeed before the second starts.
func TestSubmitOfRealAgent(t *testing.T) {
	a := submitAPI(t)
	task := `"cluster":"stub","task":"arn:aws:ecs:us-east-1:123456789012:task/stub/t"`
	running := `{` + task + `,"status":"RUNNING","reason":"","pullStartedAt":1795347427.732,"pullStoppedAt":1795347428.196,"containers":[
		{"containerName":"init","exitCode":0,"runtimeId":"56747d8b","status":"RUNNING"},
		{"containerName":"init","exitCode":0,"runtimeId":"56747d8b","status":"STOPPED"},
		{"containerName":"web","networkBindings":[{"bindIP":"0.0.0.0","containerPort":8080,"hostPort":32768,"protocol":"tcp"}],"runtimeId":"54efb8f4","status":"RUNNING"}]}`
	script{
		{"SubmitTaskStateChange", `{` + task + `,"status":"PENDING","reason":"","containers":[{"containerName":"web","imageDigest":"sha256:68d9","status":"PENDING"}]}`,
			`{"acknowledgment":"ok"}`},
		{"DescribeTasks", describe, `{"tasks":[{"lastStatus":"ACTIVATING","connectivity":"CONNECTED","containers":[{"imageDigest":"sha256:68d9"},{}]}]}`},
		{"SubmitTaskStateChange", running, `{}`},
		{"DescribeTasks", describe, `{"tasks":[{"lastStatus":"RUNNING","desiredStatus":"RUNNING","version":3,"pullStartedAt":1795347427.732,
			"attachments":[{"status":"ATTACHED"}],
			"containers":[{"lastStatus":"RUNNING","imageDigest":"sha256:68d9","runtimeId":"54efb8f4","networkBindings":[{"bindIP":"0.0.0.0","containerPort":8080,"hostPort":32768,"protocol":"tcp"}]},
				{"lastStatus":"STOPPED","exitCode":0}]}]}`},
		{"SubmitTaskStateChange", running, `{}`}, // again
		{"SubmitTaskStateChange", `{` + task + `,"status":"PENDING","containers":[{"containerName":"web","status":"PENDING","reason":"late"}]}`, `{}`},
		{"DescribeTasks", describe, `{"tasks":[{"lastStatus":"RUNNING","version":3,"containers":[{"lastStatus":"RUNNING","reason":null},{}]}]}`},
		{"SubmitTaskStateChange", `{` + task + `,"status":"STOPPED","reason":"","executionStoppedAt":1795347625.688,
			"containers":[{"containerName":"web","exitCode":137,"runtimeId":"54efb8f4","status":"STOPPED","reason":"OutOfMemoryError: Container killed due to memory usage"}]}`, `{}`},
		{"DescribeTasks", describe, `{"tasks":[{"lastStatus":"STOPPED","desiredStatus":"STOPPED","stopCode":"EssentialContainerExited",
			"stoppedReason":"Essential container in task exited","executionStoppedAt":1795347625.688,"attachments":[{"status":"DELETED"}],
			"containers":[{"lastStatus":"STOPPED","exitCode":137,"reason":"OutOfMemoryError: Container killed due to memory usage"},{"exitCode":0}]}]}`},
		{"SubmitTaskStateChange", running, `{"acknowledgment":"ok"}`}, // late: STOPPED is final
		{"DescribeTasks", describe, `{"tasks":[{"lastStatus":"STOPPED","version":4}]}`},
	}.run(t, a)
}

func TestSubmitStopCauses(t *testing.T) {
	for _, tc := range []struct{ name, before, report, want string }{
		{"a container does not start", ``, `"status":"STOPPED","containers":[{"containerName":"web","status":"STOPPED","exitCode":128,"reason":"CannotStartContainerError: no such file"}]`,
			`"stopCode":"TaskFailedToStart","stoppedReason":"Task failed to start","startedAt":null`},
		{"an image is missing", ``, `"status":"STOPPED","containers":[{"containerName":"web","status":"STOPPED","reason":"CannotPullContainerError: manifest unknown"}]`,
			`"stopCode":"TaskFailedToStart","stoppedReason":"Task failed to start"`},
		{"a resource is missing", ``, `"status":"STOPPED","reason":"ResourceInitializationError: unable to pull secrets"`,
			`"stopCode":"TaskFailedToStart","stoppedReason":"ResourceInitializationError: unable to pull secrets"`},
		{"it ends before all run", ``, `"status":"STOPPED","containers":[{"containerName":"web","status":"STOPPED","exitCode":1}]`,
			`"stopCode":"EssentialContainerExited","stoppedReason":"Essential container in task exited"`},
		{"a user stops it", `"status":"RUNNING"`, `"status":"STOPPED","reason":"TaskStateError: Agent could not progress task's state to stopped","containers":[{"containerName":"web","status":"STOPPED","exitCode":0}]`,
			`"stopCode":"UserInitiated","stoppedReason":"enough"`},
		{"its first container has ended", `"status":"RUNNING"`, `"status":"RUNNING","executionStoppedAt":1795347625,"containers":[{"containerName":"web","status":"STOPPED","exitCode":0}]`,
			`"lastStatus":"STOPPING","desiredStatus":"STOPPED","executionStoppedAt":1795347625,"stoppedAt":null`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := submitAPI(t)
			const task = `{"cluster":"stub","task":"t",`
			if tc.before != "" {
				script{{"SubmitTaskStateChange", task + tc.before + `}`, `{}`}}.run(t, a)
			}
			if tc.name == "a user stops it" {
				script{{"StopTask", task + `"reason":"enough"}`, `{}`}}.run(t, a)
			}
			script{
				{"SubmitTaskStateChange", task + tc.report + `}`, `{}`},
				{"DescribeTasks", describe, `{"tasks":[{` + tc.want + `}]}`},
			}.run(t, a)
		})
	}
}

func TestSubmitRefusals(t *testing.T) {
	a := submitAPI(t)
	script{
		{"SubmitTaskStateChange", `{"cluster":"stub","task":"x","status":"RUNNING"}`, "InvalidParameterException: The referenced task was not found."},
		{"SubmitTaskStateChange", `{"cluster":"other","task":"arn:aws:ecs:us-east-1:123456789012:task/stub/t","status":"RUNNING"}`, "InvalidParameterException: The referenced task was not found."},
		{"SubmitTaskStateChange", `{"cluster":"stub","task":"t","status":"GONE"}`, "InvalidParameterException: status should be one of [PENDING,RUNNING,STOPPED]"},
		{"SubmitTaskStateChange", `{"cluster":"stub","task":"t"}`, "InvalidParameterException: status cannot be empty."},
		{"SubmitTaskStateChange", `{"cluster":"stub","task":"t","status":"RUNNING","containers":[{"containerName":"web"}]}`, "InvalidParameterException: containers[0].status should be one of"},
		{"SubmitContainerStateChange", `{"cluster":"stub","task":"t","status":"RUNNING"}`, "InvalidParameterException: containerName cannot be empty."},
		{"SubmitAttachmentStateChanges", `{"cluster":"stub","attachments":[]}`, "InvalidParameterException: attachments cannot be empty."},
		{"SubmitAttachmentStateChanges", `{"cluster":"stub","attachments":[{"status":"ATTACHED"}]}`, "InvalidParameterException: attachments[0] needs an attachmentArn and a status."},
	}.run(t, a)
	report := script{{"SubmitTaskStateChange", `{"cluster":"stub","task":"t","status":"RUNNING"}`,
		"AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/berth-agent/stranger is not the agent of the container instance"}}
	report.runAs(t, a, iam.Agent(testAccount, "stranger"))
	report[0].want = `{"acknowledgment":"ok"}`
	report.runAs(t, a, iam.Agent(testAccount, "worker"))
}

func TestSubmitContainerAndAttachment(t *testing.T) {
	a := submitAPI(t)
	write(t, a, func(tx *state.Tx) {
		tx.NetworkInterfaces.Put(tx, state.NetworkInterface{ID: "eni-1", Subnet: "s", Address: "10.210.0.9", Task: a.arn("task/stub/t"), Attachment: "att"})
	})
	script{
		{"SubmitContainerStateChange", `{"cluster":"stub","task":"t","containerName":"init","status":"STOPPED","exitCode":3,"runtimeId":"r"}`, `{"acknowledgment":"ok"}`},
		{"SubmitAttachmentStateChanges", `{"cluster":"stub","attachments":[{"attachmentArn":"arn:aws:ecs:us-east-1:123456789012:attachment/att","status":"ATTACHED"}]}`, `{"acknowledgment":"ok"}`},
		{"SubmitAttachmentStateChanges", `{"cluster":"stub","attachments":[{"attachmentArn":"arn:aws:ecs:us-east-1:123456789012:attachment/unknown","status":"ATTACHED"}]}`, `{"acknowledgment":"ok"}`},
		{"DescribeTasks", describe, `{"tasks":[{"lastStatus":"PENDING","attachments":[{"status":"ATTACHED"}],"containers":[{"lastStatus":"PENDING"},{"lastStatus":"STOPPED","exitCode":3,"runtimeId":"r"}]}]}`},
	}.run(t, a)
}

// Nobody can register under the ARN of an instance that another agent registered.
func TestRegisterForeignInstance(t *testing.T) {
	a := submitAPI(t)
	again := script{{"RegisterContainerInstance", `{"cluster":"stub","containerInstanceArn":"` + stubInstances + `i"}`, "AccessDeniedException: User: "}}
	again.runAs(t, a, iam.Agent(testAccount, "stranger"))
	again[0].want = `{}`
	again.runAs(t, a, iam.Agent(testAccount, "worker"))
}

// The first task of a service revision says which images all of its tasks run.
func TestSubmitResolvesImages(t *testing.T) {
	a := submitAPI(t)
	const revision = "arn:aws:ecs:us-east-1:123456789012:service-revision/stub/web/1"
	write(t, a, func(tx *state.Tx) {
		tx.ServiceRevisions.Put(tx, state.ServiceRevision{ARN: revision, Images: []types.ContainerImage{
			{ContainerName: aws.String("web"), Image: aws.String("nginx")}, {ContainerName: aws.String("init"), Image: aws.String("busybox:1")}}})
		first, _ := tx.Tasks.Get(a.arn("task/stub/t"))
		first.Service, first.Revision = "web", revision
		tx.Tasks.Put(tx, first)
		second := first
		second.ARN = a.arn("task/stub/u")
		tx.Tasks.Put(tx, second)
	})
	report := func(task, digest string) string {
		return `{"cluster":"stub","task":"` + a.arn("task/stub/"+task) + `","status":"PENDING","containers":[{"containerName":"web","imageDigest":"` + digest + `","status":"PENDING"}]}`
	}
	script{
		{"SubmitTaskStateChange", report("t", "sha256:1"), `{}`},
		{"SubmitTaskStateChange", report("u", "sha256:2"), `{}`}, // the tag moved in between
		{"DescribeServiceRevisions", `{"serviceRevisionArns":["` + revision + `"]}`, `{"serviceRevisions":[{"containerImages":[
			{"containerName":"web","image":"nginx","imageDigest":"sha256:1"},{"containerName":"init","image":"busybox:1","imageDigest":null}]}]}`},
	}.run(t, a)
}
