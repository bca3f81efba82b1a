package ecs

import (
	"testing"

	"berth/state"
)

const (
	mainCluster = "arn:aws:ecs:us-east-1:123456789012:cluster/main"
	noCluster   = "ClusterNotFoundException: Cluster not found."
)

func TestCreateCluster(t *testing.T) {
	script{
		{"CreateCluster", `{}`, `{"cluster":{"clusterName":"default","clusterArn":"arn:aws:ecs:us-east-1:123456789012:cluster/default",
			"status":"ACTIVE","settings":[{"name":"containerInsights","value":"disabled"}],"statistics":[],"tags":[],
			"capacityProviders":[],"defaultCapacityProviderStrategy":[],"configuration":null,"serviceConnectDefaults":null,"attachmentsStatus":null,
			"registeredContainerInstancesCount":0,"runningTasksCount":0,"pendingTasksCount":0,"activeServicesCount":0}}`},
		{"CreateCluster", `{"clusterName":"main","tags":[{"key":"env","value":"test"}],"capacityProviders":["FARGATE","FARGATE_SPOT"],
			"defaultCapacityProviderStrategy":[{"capacityProvider":"FARGATE","weight":1,"base":2},{"capacityProvider":"FARGATE_SPOT","weight":4}],
			"configuration":{"executeCommandConfiguration":{"kmsKeyId":"k"},"managedStorageConfiguration":{"kmsKeyId":"k"}}}`,
			`{"cluster":{"clusterArn":"` + mainCluster + `","tags":[{"key":"env","value":"test"}],"capacityProviders":["FARGATE","FARGATE_SPOT"],
			"defaultCapacityProviderStrategy":[{"capacityProvider":"FARGATE","weight":1,"base":2},{"capacityProvider":"FARGATE_SPOT","weight":4,"base":0}],
			"configuration":{"executeCommandConfiguration":{"kmsKeyId":"k","logging":"DEFAULT"},"managedStorageConfiguration":{"kmsKeyId":"k"}}}}`},
	}.run(t, testAPI())
}

func TestCreateClusterAgain(t *testing.T) {
	const inconsistent = "InvalidParameterException: Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
	script{
		{"CreateCluster", `{"clusterName":"main","tags":[{"key":"a","value":"1"},{"key":"b"}]}`, `{"cluster":{"clusterName":"main"}}`},
		{"CreateCluster", `{"clusterName":"main"}`, `{"cluster":{"clusterName":"main"}}`},
		{"CreateCluster", `{"clusterName":"main","tags":[{"key":"b"},{"key":"a","value":"1"}]}`, `{"cluster":{"clusterName":"main"}}`},
		{"CreateCluster", `{"clusterName":"main","tags":[{"key":"a","value":"2"}]}`, inconsistent},
		{"CreateCluster", `{"clusterName":"main","capacityProviders":["FARGATE"]}`, inconsistent},
		{"CreateCluster", `{"clusterName":"main","settings":[{"name":"containerInsights","value":"enabled"}]}`, inconsistent},
		{"DeleteCluster", `{"cluster":"main"}`, `{"cluster":{"status":"INACTIVE"}}`},
		{"CreateCluster", `{"clusterName":"main","capacityProviders":["FARGATE"]}`, `{"cluster":{"status":"ACTIVE","capacityProviders":["FARGATE"],"tags":[]}}`},
	}.run(t, testAPI())
}

func TestCreateClusterRefuses(t *testing.T) {
	for _, tc := range []struct{ name, input, want string }{
		{"a dot in the name", `{"clusterName":"a.b"}`, "InvalidParameterException: Invalid cluster name"},
		{"an unknown setting", `{"settings":[{"name":"insights","value":"enabled"}]}`, "InvalidParameterException: settings[0].name should be one of [containerInsights]"},
		{"a setting without a name", `{"settings":[{"value":"enabled"}]}`, "InvalidParameterException: settings[0].name can not be blank."},
		{"a setting's value", `{"settings":[{"name":"containerInsights","value":"on"}]}`, "InvalidParameterException: Invalid setting 'value'"},
		{"a setting twice", `{"settings":[{"name":"containerInsights","value":"enabled"},{"name":"containerInsights","value":"disabled"}]}`, "InvalidParameterException: settings can have"},
		{"an unknown logging", `{"configuration":{"executeCommandConfiguration":{"logging":"ALL"}}}`, "InvalidParameterException: configuration.executeCommandConfiguration.logging should be one of [NONE,DEFAULT,OVERRIDE]"},
		{"OVERRIDE without where", `{"configuration":{"executeCommandConfiguration":{"logging":"OVERRIDE"}}}`, "InvalidParameterException: executeCommandConfiguration.logConfiguration is required"},
		{"OVERRIDE to nowhere", `{"configuration":{"executeCommandConfiguration":{"logging":"OVERRIDE","logConfiguration":{"s3KeyPrefix":"x"}}}}`, "InvalidParameterException: executeCommandConfiguration.logConfiguration must have"},
		{"where without OVERRIDE", `{"configuration":{"executeCommandConfiguration":{"logConfiguration":{"s3BucketName":"x"}}}}`, "InvalidParameterException: executeCommandConfiguration.logConfiguration can be specified only"},
		{"a reserved tag", `{"tags":[{"key":"AWS:x","value":"y"}]}`, "InvalidParameterException: The tag \"AWS:x\" is invalid"},
		{"a namespace's name", `{"serviceConnectDefaults":{"namespace":"a/b"}}`, "InvalidParameterException: The namespace name is invalid"},
		{"no namespace", `{"serviceConnectDefaults":{}}`, "InvalidParameterException: Namespace can not be blank."},
		{"another Region's namespace", `{"serviceConnectDefaults":{"namespace":"arn:aws:servicediscovery:eu-west-1:123456789012:namespace/ns-abc"}}`, "NamespaceNotFoundException"},
		{"an unknown capacity provider", `{"capacityProviders":["none"]}`, "InvalidParameterException: The specified capacity provider 'none' was not found."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := testAPI()
			script{{"CreateCluster", tc.input, tc.want}, {"ListClusters", `{}`, `{"clusterArns":[]}`}}.run(t, a)
		})
	}
}

func TestDescribeClusters(t *testing.T) {
	a := testAPI()
	script{
		{"DescribeClusters", `{}`, `{"clusters":[],"failures":[{"arn":"arn:aws:ecs:us-east-1:123456789012:cluster/default","reason":"MISSING"}]}`},
		{"CreateCluster", `{"clusterName":"main","tags":[{"key":"a"}],"configuration":{"managedStorageConfiguration":{"kmsKeyId":"k"}},"serviceConnectDefaults":{"namespace":"apps"}}`, `{}`},
		{"DescribeClusters", `{"clusters":["main","` + mainCluster + `","gone"]}`,
			`{"clusters":[{"clusterName":"main","settings":[],"tags":[],"statistics":[],"configuration":null,"attachments":null},{"clusterName":"main"}],
			"failures":[{"arn":"arn:aws:ecs:us-east-1:123456789012:cluster/gone","reason":"MISSING"}]}`},
		{"DescribeClusters", `{"clusters":["main"],"include":["TAGS","SETTINGS","CONFIGURATIONS","ATTACHMENTS","TAGS"]}`,
			`{"clusters":[{"settings":[{"name":"containerInsights","value":"disabled"}],"tags":[{"key":"a"}],"configuration":{"managedStorageConfiguration":{"kmsKeyId":"k"}},
			"attachments":[{"type":"sc","status":"ATTACHED","details":[]}],"attachmentsStatus":"UPDATE_COMPLETE"}]}`},
		{"DescribeClusters", `{"include":["ALL"]}`, "InvalidParameterException: include[0] should be one of [ATTACHMENTS,CONFIGURATIONS,SETTINGS,STATISTICS,TAGS]"},
	}.run(t, a)
}

func TestClusterCounts(t *testing.T) {
	a := testAPI()
	script{{"CreateCluster", `{"clusterName":"main"}`, `{}`}}.run(t, a)
	write(t, a, func(tx *state.Tx) {
		for id, status := range map[string]string{"1": "ACTIVE", "2": "DRAINING", "3": "INACTIVE"} {
			tx.ContainerInstances.Put(tx, state.ContainerInstance{ARN: id, Cluster: mainCluster, Status: status})
		}
		for id, launch := range map[string]string{"1": "EC2", "2": "FARGATE", "3": "FARGATE", "4": "EXTERNAL"} {
			tx.Tasks.Put(tx, state.Task{ARN: "run" + id, Cluster: mainCluster, LaunchType: launch, Last: "RUNNING"})
			tx.Tasks.Put(tx, state.Task{ARN: "stop" + id, Cluster: mainCluster, LaunchType: launch, Last: "STOPPED"})
		}
		tx.Tasks.Put(tx, state.Task{ARN: "wait", Cluster: mainCluster, LaunchType: "EC2", Last: "PROVISIONING"})
		tx.ServiceRevisions.Put(tx, state.ServiceRevision{ARN: "on Fargate", Workload: state.Workload{LaunchType: "FARGATE"}})
		tx.ServiceRevisions.Put(tx, state.ServiceRevision{ARN: "on EC2", Workload: state.Workload{LaunchType: "EC2"}})
		tx.Services.Put(tx, state.Service{ARN: "1", Cluster: mainCluster, Status: "ACTIVE", Deployments: []state.Deployment{{Revision: "on Fargate"}}})
		tx.Services.Put(tx, state.Service{ARN: "2", Cluster: mainCluster, Status: "DRAINING", Deployments: []state.Deployment{{Revision: "on EC2"}}})
	})
	script{
		{"DescribeClusters", `{"clusters":["main"],"include":["STATISTICS"]}`, `{"clusters":[{
			"registeredContainerInstancesCount":2,"runningTasksCount":4,"pendingTasksCount":1,"activeServicesCount":1,"statistics":[
			{"name":"runningEC2TasksCount","value":"1"},{"name":"runningFargateTasksCount","value":"2"},
			{"name":"pendingEC2TasksCount","value":"1"},{"name":"pendingFargateTasksCount","value":"0"},
			{"name":"runningExternalTasksCount","value":"1"},{"name":"pendingExternalTasksCount","value":"0"},
			{"name":"runningManagedInstancesTasksCount","value":"0"},{"name":"pendingManagedInstancesTasksCount","value":"0"},
			{"name":"activeEC2ServiceCount","value":"0"},{"name":"activeFargateServiceCount","value":"1"},
			{"name":"drainingEC2ServiceCount","value":"1"},{"name":"drainingFargateServiceCount","value":"0"},
			{"name":"activeExternalServiceCount","value":"0"},{"name":"drainingExternalServiceCount","value":"0"},
			{"name":"activeManagedInstancesServiceCount","value":"0"},{"name":"drainingManagedInstancesServiceCount","value":"0"}]}]}`},
	}.run(t, a)
}

func TestListClusters(t *testing.T) {
	a := testAPI()
	script{
		{"CreateCluster", `{"clusterName":"a"}`, `{}`}, {"CreateCluster", `{"clusterName":"b"}`, `{}`},
		{"CreateCluster", `{"clusterName":"c"}`, `{}`}, {"DeleteCluster", `{"cluster":"b"}`, `{}`},
		{"ListClusters", `{}`, `{"clusterArns":["arn:aws:ecs:us-east-1:123456789012:cluster/a","arn:aws:ecs:us-east-1:123456789012:cluster/c"],"nextToken":null}`},
		{"ListClusters", `{"maxResults":1}`, `{"clusterArns":["arn:aws:ecs:us-east-1:123456789012:cluster/a"],"nextToken":"bmV4dDphcm46YXdzOmVjczp1cy1lYXN0LTE6MTIzNDU2Nzg5MDEyOmNsdXN0ZXIvYw"}`},
		{"ListClusters", `{"maxResults":1,"nextToken":"bmV4dDphcm46YXdzOmVjczp1cy1lYXN0LTE6MTIzNDU2Nzg5MDEyOmNsdXN0ZXIvYw"}`, `{"clusterArns":["arn:aws:ecs:us-east-1:123456789012:cluster/c"],"nextToken":null}`},
		{"ListClusters", `{"maxResults":101}`, "InvalidParameterException: maxResults"},
		{"ListClusters", `{"maxResults":1,"nextToken":""}`, `{"clusterArns":["arn:aws:ecs:us-east-1:123456789012:cluster/a"]}`},
		{"ListClusters", `{"nextToken":"?"}`, "InvalidParameterException: Invalid token."},
	}.run(t, a)
}

func TestUpdateCluster(t *testing.T) {
	script{
		{"UpdateCluster", `{}`, "InvalidParameterException: Cluster can not be blank."},
		{"UpdateCluster", `{"cluster":"main"}`, noCluster},
		{"CreateCluster", `{"clusterName":"main","serviceConnectDefaults":{"namespace":"apps"}}`, `{}`},
		{"UpdateCluster", `{"cluster":"main","configuration":{"executeCommandConfiguration":{"logging":"NONE"}}}`,
			`{"cluster":{"configuration":{"executeCommandConfiguration":{"logging":"NONE"}},"settings":[{"value":"disabled"}]}}`},
		{"UpdateCluster", `{"cluster":"main","configuration":{"managedStorageConfiguration":{"kmsKeyId":"k"}}}`,
			`{"cluster":{"configuration":{"executeCommandConfiguration":null,"managedStorageConfiguration":{"kmsKeyId":"k"}}}}`},
		{"UpdateCluster", `{"cluster":"` + mainCluster + `","settings":[{"name":"containerInsights","value":"enhanced"}]}`,
			`{"cluster":{"settings":[{"value":"enhanced"}],"serviceConnectDefaults":{"namespace":"arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-2vxwgwosid3j4qle"}}}`},
		{"UpdateCluster", `{"cluster":"main","serviceConnectDefaults":{"namespace":""}}`, `{"cluster":{"serviceConnectDefaults":null}}`},
		{"UpdateClusterSettings", `{"cluster":"main"}`, "InvalidParameterException: Settings can not be empty."},
		{"UpdateClusterSettings", `{"cluster":"main","settings":[{"name":"containerInsights","value":"enabled"}]}`, `{"cluster":{"settings":[{"value":"enabled"}]}}`},
		{"UpdateClusterSettings", `{"cluster":"main","settings":[{"name":"containerInsights","value":"x"}]}`, "InvalidParameterException: Invalid setting 'value'"},
		{"DeleteCluster", `{"cluster":"main"}`, `{}`},
		{"UpdateCluster", `{"cluster":"main"}`, "ClusterNotFoundException: The referenced cluster was inactive."},
	}.run(t, testAPI())
}

func TestDeleteCluster(t *testing.T) {
	a := testAPI()
	script{
		{"DeleteCluster", `{}`, "InvalidParameterException: Cluster can not be blank."},
		{"DeleteCluster", `{"cluster":"main"}`, noCluster},
		{"CreateCluster", `{"clusterName":"main","tags":[{"key":"a"}],"capacityProviders":["FARGATE"]}`, `{}`},
	}.run(t, a)
	service := state.Service{ARN: "s", Cluster: mainCluster, Status: "DRAINING"}
	task := state.Task{ARN: "t", Cluster: mainCluster, Last: "PENDING"}
	instance := state.ContainerInstance{ARN: "i", Cluster: mainCluster, Status: "DRAINING"}
	write(t, a, func(tx *state.Tx) {
		tx.Services.Put(tx, service)
		tx.Tasks.Put(tx, task)
		tx.ContainerInstances.Put(tx, instance)
	})
	for _, step := range []struct {
		want  string
		leave func(tx *state.Tx)
	}{
		{"ClusterContainsServicesException: The Cluster cannot be deleted while Services are active.", func(tx *state.Tx) {
			service.Status = "INACTIVE"
			tx.Services.Put(tx, service)
		}},
		{"ClusterContainsTasksException: The Cluster cannot be deleted while Tasks are active.", func(tx *state.Tx) {
			task.Last = "STOPPED"
			tx.Tasks.Put(tx, task)
		}},
		{"ClusterContainsContainerInstancesException: The Cluster cannot be deleted while Container Instances are active or draining.", func(tx *state.Tx) {
			instance.Status = "INACTIVE"
			tx.ContainerInstances.Put(tx, instance)
		}},
	} {
		script{{"DeleteCluster", `{"cluster":"main"}`, step.want}}.run(t, a)
		write(t, a, step.leave)
	}
	script{
		{"DeleteCluster", `{"cluster":"` + mainCluster + `"}`, `{"cluster":{"status":"INACTIVE","capacityProviders":[],"tags":[]}}`},
		{"DeleteCluster", `{"cluster":"main"}`, `{"cluster":{"status":"INACTIVE"}}`},
		{"DescribeClusters", `{"clusters":["main"]}`, `{"clusters":[{"status":"INACTIVE"}],"failures":[]}`},
	}.run(t, a)
}

// write changes the records behind a.
func write(t *testing.T, a *API, change func(*state.Tx)) {
	t.Helper()
	if err := a.store.Update(t.Context(), func(tx *state.Tx) error { change(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}
