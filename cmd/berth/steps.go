package main

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"berth/cli"
	"berth/server"
)

// firstSteps is what to type in another terminal, whatever directory that is in.
type firstSteps struct {
	URL     string
	Region  string
	Account string
	Subnet  string // for a Fargate task
	Fargate bool   // tasks can run on Fargate here
	Berth   string // words of the shell that call this program
	DataDir string // --data-dir with its value, unless it is the default
}

// newFirstSteps are those of a server whose agents have pools; self is how this
// program was called.
func newFirstSteps(s *server.Server, cfg server.Config, pools []string, self string, env environment) firstSteps {
	if strings.Contains(self, "/") { // not found by PATH
		self = absolute(self)
	}
	steps := firstSteps{
		URL: s.URL(), Region: cfg.Region, Account: cfg.Account, Subnet: s.Subnet(),
		Fargate: slices.Contains(pools, "fargate"), Berth: cli.Quote(self),
	}
	if user, _ := env("SUDO_USER"); user != "" { // who types them cannot read root's files
		steps.Berth = "sudo " + steps.Berth
	}
	if cfg.DataDir != server.Default().DataDir {
		steps.DataDir = " --data-dir " + cli.Quote(absolute(cfg.DataDir))
	}
	return steps
}

func (s firstSteps) print(out io.Writer) error { return firstStepsText.Execute(out, s) }

// The commands work with each version of the AWS CLI, and once more if repeated:
// then the first ones say that the role and the log group exist.
var firstStepsText = template.Must(template.New("").Parse(`
Berth answers at {{.URL}}. In another terminal:

  eval "$({{.Berth}} env{{.DataDir}})"
{{- if .Fargate}}
  export AWS_PAGER=

  # a role with which Berth writes the logs of tasks, and a place for these
  aws iam create-role --role-name ecsTaskExecutionRole --query Role.Arn --assume-role-policy-document \
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
  aws iam attach-role-policy --role-name ecsTaskExecutionRole \
    --policy-arn arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy
  aws logs create-log-group --log-group-name /hello

  # a task of the image berth/demo, a small web server that Berth brings along
  aws ecs create-cluster --query cluster.clusterArn
  aws ecs register-task-definition --family hello --query taskDefinition.taskDefinitionArn \
    --requires-compatibilities FARGATE --network-mode awsvpc --cpu 256 --memory 512 \
    --execution-role-arn arn:aws:iam::{{.Account}}:role/ecsTaskExecutionRole \
    --container-definitions '[{"name":"web","image":"berth/demo","portMappings":[{"containerPort":80}],
      "logConfiguration":{"logDriver":"awslogs","options":
        {"awslogs-group":"/hello","awslogs-region":"{{.Region}}","awslogs-stream-prefix":"web"}}}]'
  task=$(aws ecs run-task --launch-type FARGATE --task-definition hello \
    --network-configuration 'awsvpcConfiguration={subnets=[{{.Subnet}}]}' --query 'tasks[0].taskArn' --output text)
  aws ecs wait tasks-running --tasks $task
  aws ecs describe-tasks --tasks $task --query 'tasks[0].[lastStatus,createdAt,startedAt]' --output text

  # ask it, stop it, read its log
  ip=$(aws ecs describe-tasks --tasks $task --output text \
    --query 'tasks[0].containers[0].networkInterfaces[0].privateIpv4Address')
  curl http://$ip/
  aws ecs stop-task --task $task --query task.desiredStatus
  aws logs filter-log-events --log-group-name /hello --query 'events[].[message]' --output text

Ctrl-C stops Berth; tasks go on, and the next start takes them over. Afterwards this removes it all, data too:

  {{.Berth}} down{{.DataDir}}
{{else}}
  aws ecs create-cluster --cluster-name demo
  aws ecs list-clusters

Ctrl-C stops it; nothing is lost.
{{end}}
`))

// absolute is path as seen from any directory, if that can be found out.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
