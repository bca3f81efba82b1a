package ecs

import (
	"fmt"
	"reflect"
	"strings"

	"berth/aws/arn"
)

// Resources returns the ARNs that an operation is authorized on, given its
// input: those it names, or its type of resource with a * for the name when it
// names none, or "*" when it concerns no type that policies can name.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
func (a *API) Resources(operation string, input any) []string {
	in := reflect.Indirect(reflect.ValueOf(input))
	var out []string
	for _, kind := range resourceTypes(operation) {
		out = append(out, a.resources(kind, in)...)
	}
	if len(out) == 0 {
		return []string{"*"}
	}
	return out
}

// resourceTypes are the types of resource that an operation is authorized on.
func resourceTypes(operation string) []string {
	switch operation {
	case "CreateCluster", "DeleteCluster", "DescribeClusters", "UpdateCluster", "UpdateClusterSettings",
		"PutClusterCapacityProviders", "RegisterContainerInstance", "DeregisterContainerInstance",
		"ListContainerInstances", "ListAttributes", "ListDaemons",
		"SubmitAttachmentStateChanges", "SubmitContainerStateChange", "SubmitTaskStateChange":
		return []string{"cluster"}
	case "CreateCapacityProvider", "DeleteCapacityProvider", "DescribeCapacityProviders", "UpdateCapacityProvider":
		return []string{"capacity-provider"}
	case "DescribeContainerInstances", "UpdateContainerInstancesState", "UpdateContainerAgent",
		"PutAttributes", "DeleteAttributes", "ListTasks":
		return []string{"container-instance"}
	case "RegisterTaskDefinition", "DeleteTaskDefinitions", "RunTask", "StartTask":
		return []string{"task-definition"}
	case "DescribeTasks", "StopTask", "GetTaskProtection", "UpdateTaskProtection":
		return []string{"task"}
	case "ExecuteCommand":
		return []string{"cluster", "task"}
	case "CreateService", "DeleteService", "DescribeServices", "UpdateService", "UpdateServicePrimaryTaskSet",
		"ListServiceDeployments", "CreateExpressGatewayService", "DeleteExpressGatewayService",
		"DescribeExpressGatewayService", "UpdateExpressGatewayService":
		return []string{"service"}
	case "CreateTaskSet", "DeleteTaskSet", "DescribeTaskSets", "UpdateTaskSet":
		return []string{"task-set"}
	case "DescribeServiceDeployments", "StopServiceDeployment", "ContinueServiceDeployment":
		return []string{"service-deployment"}
	case "DescribeServiceRevisions":
		return []string{"service-revision"}
	case "CreateDaemon", "DeleteDaemon", "DescribeDaemon", "UpdateDaemon", "ListDaemonDeployments":
		return []string{"daemon"}
	case "RegisterDaemonTaskDefinition", "DeleteDaemonTaskDefinition", "DescribeDaemonTaskDefinition":
		return []string{"daemon-task-definition"}
	case "DescribeDaemonDeployments":
		return []string{"daemon-deployment"}
	case "DescribeDaemonRevisions":
		return []string{"daemon-revision"}
	case "CreateGateway", "DeleteGateway", "DescribeGateway", "DescribeGatewayResources", "UpdateGateway",
		"ListGatewayRoutes", "ListGatewayClusterAssociations":
		return []string{"gateway"}
	case "AssociateGatewayWithCluster", "DisassociateGatewayFromCluster":
		return []string{"gateway", "cluster"}
	case "DescribeGatewayRoute":
		return []string{"gateway-route"}
	case "TagResource", "UntagResource", "ListTagsForResource":
		return []string{"resource"}
	}
	return nil
}

// resources returns the ARNs of one type that an input names.
func (a *API) resources(kind string, in reflect.Value) []string {
	cluster := lastPart(append(members(in, "Cluster", "ClusterArn"), "default")[0])
	service := lastPart(append(members(in, "Service"), "*")[0])
	names, scope, none := []string(nil), "", "*"
	switch kind {
	case "cluster":
		names, none = members(in, "Cluster", "ClusterArn", "ClusterName", "Clusters"), "default"
	case "capacity-provider":
		names = members(in, "CapacityProvider", "CapacityProviders", "Name")
	case "container-instance":
		names, scope = members(in, "ContainerInstance", "ContainerInstances", "Attributes"), cluster+"/"
	case "task-definition":
		names = a.revisions(members(in, "TaskDefinition", "TaskDefinitions"))
		for _, family := range members(in, "Family") {
			names = append(names, family+":*") // the revision to come
		}
	case "task":
		names, scope = members(in, "Task", "Tasks"), cluster+"/"
	case "service":
		names, scope = members(in, "Service", "Services", "ServiceName", "ServiceArn"), cluster+"/"
	case "task-set":
		names, scope = members(in, "TaskSet", "TaskSets"), cluster+"/"+service+"/"
	case "service-deployment":
		names = members(in, "ServiceDeploymentArn", "ServiceDeploymentArns")
	case "service-revision":
		names = members(in, "ServiceRevisionArns")
	case "daemon":
		names, scope = members(in, "DaemonArn", "DaemonName"), cluster+"/"
	case "daemon-task-definition":
		names = members(in, "DaemonTaskDefinition", "Family")
	case "daemon-deployment":
		names = members(in, "DaemonDeploymentArns")
	case "daemon-revision":
		names = members(in, "DaemonRevisionArns")
	case "gateway":
		names = members(in, "Gateway", "Name")
	case "gateway-route":
		names = members(in, "GatewayRouteArn")
	case "resource":
		return members(in, "ResourceArn")
	}
	if len(names) == 0 {
		names = []string{none}
	}
	for i, name := range names {
		if !arn.Is(name) {
			names[i] = a.arn(kind + "/" + scope + name)
		}
	}
	return names
}

// revisions completes families to their newest revision, or to any if there is
// none yet.
func (a *API) revisions(names []string) []string {
	for i, name := range names {
		if strings.Contains(name, ":") {
			continue
		}
		names[i] = name + ":*"
		if f, ok := a.store.View().Families.Get(name); ok {
			names[i] = fmt.Sprintf("%s:%d", name, f.LastRevision)
		}
	}
	return names
}

// members returns what the fields of an input that it has name: strings, lists
// of them, and the targets of attributes.
func members(in reflect.Value, fields ...string) []string {
	var out []string
	for _, field := range fields {
		v := reflect.Indirect(in.FieldByName(field))
		switch {
		case !v.IsValid():
		case v.Kind() == reflect.String && v.Len() > 0:
			out = append(out, v.String())
		case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String:
			for i := range v.Len() {
				out = append(out, v.Index(i).String())
			}
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				out = append(out, members(v.Index(i), "TargetId")...)
			}
		}
	}
	return out
}
