package wiretest

import (
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/servicediscovery"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"berth/state"
)

// sdk is one module of the Go SDK.
type sdk struct {
	name    string // of the service in the protocol's catalog
	boto    string // name in botocore
	client  func(aws.Config) any
	unions  []any
	noEmpty bool // its protocol cannot always say that a list, map or structure is empty
}

// sdks lists the services whose SDK module our code uses, or will.
func sdks() []sdk {
	list := []sdk{
		{name: "acm", client: makes(acm.NewFromConfig)},
		{name: "application-autoscaling", client: makes(applicationautoscaling.NewFromConfig)},
		{name: "autoscaling", client: makes(autoscaling.NewFromConfig), noEmpty: true},
		{name: "cloudformation", client: makes(cloudformation.NewFromConfig), noEmpty: true},
		{name: "codedeploy", client: makes(codedeploy.NewFromConfig)},
		{name: "ecr", client: makes(ecr.NewFromConfig)},
		{name: "ecs", client: makes(ecs.NewFromConfig), unions: state.Unions},
		{name: "elasticloadbalancing", boto: "elbv2", client: makes(elasticloadbalancingv2.NewFromConfig), noEmpty: true},
		{name: "events", client: makes(eventbridge.NewFromConfig)},
		{name: "iam", client: makes(iam.NewFromConfig), noEmpty: true},
		{name: "kms", client: makes(kms.NewFromConfig)},
		{name: "logs", client: makes(cloudwatchlogs.NewFromConfig)},
		{name: "monitoring", boto: "cloudwatch", client: makes(cloudwatch.NewFromConfig)},
		{name: "scheduler", client: makes(scheduler.NewFromConfig), noEmpty: true},
		{name: "secretsmanager", client: makes(secretsmanager.NewFromConfig)},
		{name: "servicediscovery", client: makes(servicediscovery.NewFromConfig)},
		{name: "sns", client: makes(sns.NewFromConfig), noEmpty: true},
		{name: "sqs", client: makes(sqs.NewFromConfig, func(o *sqs.Options) { o.DisableMessageChecksumValidation = true })},
		{name: "ssm", client: makes(ssm.NewFromConfig)},
		{name: "sts", client: makes(sts.NewFromConfig), noEmpty: true},
	}
	for i := range list {
		s := &list[i]
		if s.boto == "" {
			s.boto = s.name
		}
		if s.unions == nil {
			s.unions = unionsOf[s.name]
		}
	}
	return list
}

// makes adapts an SDK module's constructor.
func makes[C, O any](newClient func(aws.Config, ...func(*O)) C, options ...func(*O)) func(aws.Config) any {
	return func(cfg aws.Config) any { return newClient(cfg, options...) }
}

// excluded are the operations that our codec does not carry, and why.
var excluded = map[string]string{
	"logs.StartLiveTail": "its answer is an event stream",
	"logs.GetLogObject":  "its answer is an event stream",
}

// operations lists the operations of an SDK client in order.
func operations(client any) []reflect.Method {
	var list []reflect.Method
	t := reflect.TypeOf(client)
	for i := range t.NumMethod() {
		if m := t.Method(i); m.Type.NumIn() == 4 && m.Type.IsVariadic() && m.Type.NumOut() == 2 {
			list = append(list, m)
		}
	}
	return list
}
