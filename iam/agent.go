package iam

// AgentRole is the built-in role that every container agent has a session of.
// Nobody else can assume it, and it has no record.
const AgentRole = "berth-agent"

// agentRoleID is in the form of a role's id, which has no 0 or 1 and so no
// role ever gets this one.
const agentRoleID = "AROA0BERTH0AGENT00000"

// Agent is the container agent of that name.
func Agent(account, name string) Principal { return RoleSession(account, AgentRole, agentRoleID, name) }

// IsAgent reports whether p is a container agent.
func (p Principal) IsAgent() bool { return p.Role == AgentRole && p.RoleID() == agentRoleID }

// AgentPolicy is what agents may do, read once: most calls are theirs.
var AgentPolicy = mustParse(agentPolicy)

func mustParse(document string) *Policy {
	p, err := ParsePolicy(document)
	if err != nil {
		panic(err)
	}
	return p
}

// agentPolicy is what a container agent may do: what the policy
// AmazonEC2ContainerServiceforEC2Role allows, and to make the log groups that
// awslogs-create-group asks for.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/instance_IAM_role.html
const agentPolicy = `{
	"Version": "2012-10-17",
	"Statement": [
		{
			"Effect": "Allow",
			"Action": [
				"ecs:CreateCluster",
				"ecs:DeregisterContainerInstance",
				"ecs:DiscoverPollEndpoint",
				"ecs:ListTagsForResource",
				"ecs:Poll",
				"ecs:RegisterContainerInstance",
				"ecs:StartTelemetrySession",
				"ecs:Submit*",
				"ecs:UpdateContainerInstancesState",
				"ecr:BatchCheckLayerAvailability",
				"ecr:BatchGetImage",
				"ecr:GetAuthorizationToken",
				"ecr:GetDownloadUrlForLayer",
				"logs:CreateLogGroup",
				"logs:CreateLogStream",
				"logs:PutLogEvents"
			],
			"Resource": "*"
		}
	]
}`
