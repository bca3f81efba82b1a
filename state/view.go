package state

import (
	"iter"

	"berth/aws/shape"
)

// View is the state at one moment. It never changes, costs nothing to hold and
// needs no lock. Within a transaction, the view is that transaction's own and
// shows what it has written so far.
type View struct {
	AccessKeys         Table[AccessKey]
	AccountSettings    Table[AccountSetting]
	Attributes         Table[Attribute]
	CapacityProviders  Table[CapacityProvider]
	Clusters           Table[Cluster]
	ContainerInstances Table[ContainerInstance]
	DaemonDefinitions  Table[DaemonTaskDefinition]
	DaemonDeployments  Table[DaemonDeployment]
	DaemonFamilies     Table[Family]
	DaemonRevisions    Table[DaemonRevision]
	Daemons            Table[Daemon]
	Families           Table[Family]
	JoinTokens         Table[JoinToken]
	LogGroups          Table[LogGroup]
	NetworkInterfaces  Table[NetworkInterface]
	Parameters         Table[Parameter]
	ParameterVersions  Table[ParameterVersion]
	Policies           Table[Policy]
	Repositories       Table[Repository]
	Roles              Table[Role]
	Servers            Table[Server]
	Secrets            Table[Secret]
	SecretVersions     Table[SecretVersion]
	ServiceDeployments Table[ServiceDeployment]
	ServiceEvents      Table[ServiceEvent]
	ServiceRevisions   Table[ServiceRevision]
	Services           Table[Service]
	SigningKeys        Table[SigningKey]
	TaskDefinitions    Table[TaskDefinition]
	Tasks              Table[Task]
	TaskSets           Table[TaskSet]

	history   *history
	revision  int64 // of the journal
	schema    int   // of the records in the journal; 0: it is empty
	restoring bool  // a snapshot is being restored
}

func newView() *View {
	return &View{
		history:            &history{memory: map[string]any{}},
		AccessKeys:         newTable(&accessKeys),
		AccountSettings:    newTable(&accountSettings),
		Attributes:         newTable(&attributes),
		CapacityProviders:  newTable(&capacityProviders),
		Clusters:           newTable(&clusters),
		ContainerInstances: newTable(&containerInstances),
		DaemonDefinitions:  newTable(&daemonDefinitions),
		DaemonDeployments:  newTable(&daemonDeployments),
		DaemonFamilies:     newTable(&daemonFamilies),
		DaemonRevisions:    newTable(&daemonRevisions),
		Daemons:            newTable(&daemons),
		Families:           newTable(&families),
		JoinTokens:         newTable(&joinTokens),
		LogGroups:          newTable(&logGroups),
		NetworkInterfaces:  newTable(&networkInterfaces),
		Parameters:         newTable(&parameters),
		ParameterVersions:  newTable(&parameterVersions),
		Policies:           newTable(&policies),
		Repositories:       newTable(&repositories),
		Roles:              newTable(&roles),
		Servers:            newTable(&servers),
		Secrets:            newTable(&secrets),
		SecretVersions:     newTable(&secretVersions),
		ServiceDeployments: newTable(&serviceDeployments),
		ServiceEvents:      newTable(&serviceEvents),
		ServiceRevisions:   newTable(&serviceRevisions),
		Services:           newTable(&services),
		SigningKeys:        newTable(&signingKeys),
		TaskDefinitions:    newTable(&taskDefinitions),
		Tasks:              newTable(&tasks),
		TaskSets:           newTable(&taskSets),
	}
}

// tables lists all tables of v, always in the same order.
func (v *View) tables() []table {
	return []table{
		&v.AccessKeys, &v.AccountSettings, &v.Attributes, &v.CapacityProviders, &v.Clusters,
		&v.ContainerInstances, &v.DaemonDefinitions, &v.DaemonDeployments, &v.DaemonFamilies, &v.DaemonRevisions, &v.Daemons, &v.Families, &v.JoinTokens, &v.LogGroups, &v.NetworkInterfaces, &v.Parameters, &v.ParameterVersions,
		&v.Policies, &v.Repositories, &v.Roles, &v.Secrets, &v.SecretVersions, &v.Servers, &v.ServiceDeployments,
		&v.ServiceEvents, &v.ServiceRevisions, &v.Services, &v.SigningKeys, &v.TaskDefinitions, &v.Tasks, &v.TaskSets,
	}
}

// snapshot returns a view that further writes to v leave alone. last is the
// snapshot taken before.
func (v *View) snapshot(last *View) *View {
	next := *v
	from, to, shared := v.tables(), next.tables(), last.tables()
	for i := range from {
		from[i].snapshot(to[i], shared[i])
	}
	return &next
}

// InstancesOf yields the container instances of a cluster, by the cluster's ARN.
func (v *View) InstancesOf(cluster string) iter.Seq[ContainerInstance] {
	return v.ContainerInstances.by(instancesByCluster, cluster)
}

// InstancesWith yields the container instances that a registration token made.
func (v *View) InstancesWith(token string) iter.Seq[ContainerInstance] {
	return v.ContainerInstances.by(instancesByToken, token)
}

// InstancesConnectedTo yields the container instances whose agents' sockets a
// server has, by the server's id.
func (v *View) InstancesConnectedTo(server string) iter.Seq[ContainerInstance] {
	return v.ContainerInstances.by(instancesBySession, server)
}

// TasksOf yields the tasks of a cluster that have a desired status, RUNNING or
// STOPPED, by the cluster's ARN.
func (v *View) TasksOf(cluster, desired string) iter.Seq[Task] {
	return v.TasksOfFrom(cluster, desired, "")
}

// TasksOfFrom is TasksOf in the order of their ARNs, from an ARN on.
func (v *View) TasksOfFrom(cluster, desired, arn string) iter.Seq[Task] {
	return v.Tasks.byFrom(tasksByCluster, tasksOf(cluster, desired), arn)
}

// TasksWith yields the tasks of a cluster that calls with a client token started.
func (v *View) TasksWith(cluster, token string) iter.Seq[Task] {
	return v.Tasks.by(tasksByToken, taskToken(cluster, token))
}

// TasksOn yields the tasks on a container instance that have not stopped, by
// its ARN.
func (v *View) TasksOn(instance string) iter.Seq[Task] { return v.Tasks.by(tasksByInstance, instance) }

// TasksFrom yields the tasks made from a task definition that have not stopped,
// by its ARN.
func (v *View) TasksFrom(definition string) iter.Seq[Task] {
	return v.Tasks.by(tasksByDefinition, definition)
}

// AttributesOf yields the custom attributes of a target, by its ARN.
func (v *View) AttributesOf(target string) iter.Seq[Attribute] {
	return v.Attributes.Prefix(target + separatorOfAttributes)
}

// codec writes records as the AWS APIs write theirs.
var codec = shape.New(shape.Names{Lower: true, Unions: Unions})
