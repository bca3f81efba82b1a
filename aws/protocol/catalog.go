package protocol

import (
	"cmp"
	"slices"

	"berth/aws/shape"
)

// Wire is one of the protocols in which AWS services speak.
//
// https://smithy.io/2.0/aws/protocols/index.html
type Wire string

const (
	JSON10   Wire = "json 1.0"
	JSON11   Wire = "json 1.1"
	CBOR     Wire = "rpc-v2-cbor"
	Query    Wire = "query"
	EC2Query Wire = "ec2 query"
	RestJSON Wire = "rest-json"
	RestXML  Wire = "rest-xml"
)

// Facts are how one AWS service speaks on the wire. A zero member means that
// the service has nothing of the kind, or the default that is given here.
type Facts struct {
	Name    string // names the service in Service; its SigV4 signing name unless Signing says another
	Signing string
	Actions string // what its IAM actions start with; default Name
	Global  bool   // clients may sign for us-east-1 wherever they are

	Wires     []Wire  // accepted; the first is preferred
	Target    string  // in X-Amz-Target, and the service's name in rpc-v2-cbor's path
	Version   string  // the query protocols' Version parameter
	Namespace string  // xmlns of XML answers
	Routes    []Route // of rest-json
	Names     shape.Names

	// Shapes is the namespace of __type in a query-compatible service, which
	// also names errors by QueryCodes in x-amzn-query-error.
	Shapes     string
	QueryCodes map[string]string // error shape to query code, where they differ

	Statuses    map[string]int // by error code in query, if there is one; default 400, or 500 for the service's own faults
	ServerError string         // code of an unexpected failure; default InternalFailure

	Unsigned []string // operations that need no signature
	Free     []string // operations that need no permission
}

// Route binds an operation of rest-json to a method and path, whose labels are
// members of its input, and some other members to query parameters.
type Route struct {
	Operation, Method, Path string
	Query                   map[string]string // member to parameter
}

func (f *Facts) signingName() string { return cmp.Or(f.Signing, f.Name) }

// queryCode is what the query protocol calls an error, by its code elsewhere.
func (f *Facts) queryCode(code string) string { return cmp.Or(f.QueryCodes[code], code) }

// Lookup returns the facts of the service that has this name.
func Lookup(name string) (Facts, bool) {
	i := slices.IndexFunc(catalog, func(f Facts) bool { return f.Name == name })
	if i < 0 {
		return Facts{}, false
	}
	return catalog[i], true
}

// catalog is taken from the models of AWS's clients; docs/decisions/0002-wire-catalog.md
// says why it is one table and why it stands here.
var catalog = []Facts{
	{
		Name: "ecs", Wires: []Wire{JSON11}, Target: "AmazonEC2ContainerServiceV20141113",
		Names: shape.Names{Lower: true}, ServerError: "ServerException",
	},
	{
		Name: "logs", Wires: []Wire{JSON11}, Target: "Logs_20140328",
		Names: shape.Names{Lower: true, Except: map[string]string{"DescribeDestinationsInput.DestinationNamePrefix": "DestinationNamePrefix"}}, ServerError: "ServiceUnavailableException",
	},
	{
		Name: "ecr", Wires: []Wire{JSON11}, Target: "AmazonEC2ContainerRegistry_V20150921",
		Names: shape.Names{Lower: true, Except: map[string]string{"Tag.Key": "Key", "Tag.Value": "Value"}}, ServerError: "ServerException",
	},
	{Name: "ssm", Wires: []Wire{JSON11}, Target: "AmazonSSM", Names: shape.Names{Except: ssmNames}, ServerError: "InternalServerError"},
	{Name: "secretsmanager", Wires: []Wire{JSON11}, Target: "secretsmanager", ServerError: "InternalServiceError"},
	{Name: "servicediscovery", Wires: []Wire{JSON11}, Target: "Route53AutoNaming_v20170314"},
	{
		Name: "events", Wires: []Wire{JSON11}, Target: "AWSEvents", ServerError: "InternalException",
		Names: shape.Names{Except: ecsParameterNames},
	},
	{
		Name: "codedeploy", Wires: []Wire{JSON11}, Target: "CodeDeploy_20141006",
		Names: shape.Names{Lower: true, Except: codedeployNames},
	},
	{
		Name: "application-autoscaling", Wires: []Wire{JSON11}, Target: "AnyScaleFrontendService",
		ServerError: "InternalServiceException",
	},
	{
		Name: "acm", Wires: []Wire{JSON11}, Target: "CertificateManager",
		Names: shape.Names{Except: acmNames},
	},
	{Name: "kms", Wires: []Wire{JSON11}, Target: "TrentService", ServerError: "KMSInternalException"},
	{
		Name: "sqs", Wires: []Wire{JSON10}, Target: "AmazonSQS", Shapes: "com.amazonaws.sqs",
		Names:      shape.Names{Except: map[string]string{"CreateQueueInput.Tags": "tags", "ListDeadLetterSourceQueuesOutput.QueueUrls": "queueUrls"}},
		QueryCodes: sqsQueryCodes,
	},
	{
		Name: "monitoring", Actions: "cloudwatch", Wires: []Wire{JSON10, CBOR, Query},
		Target: "GraniteServiceVersion20100801", Version: "2010-08-01", Namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/",
		Shapes: "com.amazonaws.cloudwatch", QueryCodes: cloudwatchQueryCodes, Statuses: cloudwatchStatuses, ServerError: "InternalServiceFault",
	},
	{
		Name: "elasticloadbalancing", Wires: []Wire{Query}, Version: "2015-12-01",
		Namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
		Statuses:  map[string]int{"PriorRequestNotComplete": 429},
	},
	{
		Name: "classic-elasticloadbalancing", Signing: "elasticloadbalancing", Actions: "elasticloadbalancing",
		Wires: []Wire{Query}, Version: "2012-06-01", Namespace: "http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/",
		Statuses: map[string]int{"InvalidConfigurationRequest": 409},
	},
	{
		Name: "autoscaling", Wires: []Wire{Query}, Version: "2011-01-01", Namespace: "http://autoscaling.amazonaws.com/doc/2011-01-01/",
		Names: shape.Names{Except: map[string]string{"CpuPerformanceFactorRequest.References": "Reference/item"}},
	},
	{
		Name: "iam", Global: true, Wires: []Wire{Query}, Version: "2010-05-08", Namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
		Names:    shape.Names{Except: map[string]string{"ListDelegationRequestsOutput.IsTruncated": "isTruncated"}},
		Statuses: iamStatuses, ServerError: "ServiceFailure",
	},
	{
		Name: "sts", Global: true, Wires: []Wire{Query}, Version: "2011-06-15", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
		Statuses: map[string]int{
			"IDPRejectedClaim": 403, "OutboundWebIdentityFederationDisabledException": 403,
			"RegionDisabledException": 403, "SessionDurationEscalationException": 403,
		},
		Unsigned: []string{"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"},
		Free:     []string{"AssumeRole", "GetCallerIdentity", "GetSessionToken"}, // for AssumeRole, the role's trust policy may be enough
	},
	{
		Name: "cloudformation", Wires: []Wire{Query}, Version: "2010-05-15",
		Namespace: "http://cloudformation.amazonaws.com/doc/2010-05-15/", Statuses: cloudformationStatuses,
	},
	{
		Name: "sns", Wires: []Wire{Query}, Version: "2010-03-31", Namespace: "http://sns.amazonaws.com/doc/2010-03-31/", ServerError: "InternalError",
		Names: shape.Names{Except: snsNames},
		Statuses: map[string]int{
			"AuthorizationError": 403, "FilterPolicyLimitExceeded": 403, "InvalidSecurity": 403, "KMSOptInRequired": 403, "NotFound": 404,
			"ReplayLimitExceeded": 403, "ResourceNotFound": 404, "SubscriptionLimitExceeded": 403, "Throttled": 429, "TopicLimitExceeded": 403,
		},
	},
	{Name: "ec2", Wires: []Wire{EC2Query}, Version: "2016-11-15", Namespace: "http://ec2.amazonaws.com/doc/2016-11-15/", ServerError: "InternalError"},
	{
		Name: "scheduler", Wires: []Wire{RestJSON}, ServerError: "InternalServerException", Names: shape.Names{Except: ecsParameterNames}, Routes: schedulerRoutes,
		Statuses: map[string]int{"ConflictException": 409, "ResourceNotFoundException": 404, "ServiceQuotaExceededException": 402, "ThrottlingException": 429},
	},
	{Name: "lambda", Wires: []Wire{RestJSON}, ServerError: "ServiceException"},
	{Name: "s3", Wires: []Wire{RestXML}, Namespace: "http://s3.amazonaws.com/doc/2006-03-01/", ServerError: "InternalError"},
}

var cloudwatchQueryCodes = map[string]string{
	"DashboardInvalidInputError":           "InvalidParameterInput",
	"DashboardNotFoundError":               "ResourceNotFound",
	"InternalServiceFault":                 "InternalServiceError",
	"InvalidFormatFault":                   "InvalidFormat",
	"InvalidParameterCombinationException": "InvalidParameterCombination",
	"InvalidParameterValueException":       "InvalidParameterValue",
	"LimitExceededFault":                   "LimitExceeded",
	"MissingRequiredParameterException":    "MissingParameter",
}

var cloudwatchStatuses = map[string]int{
	"ConcurrentModificationException": 429, "ConflictException": 409, "ResourceNotFound": 404, "ResourceNotFoundException": 404,
}

var iamStatuses = map[string]int{
	"ConcurrentModification": 409, "DeleteConflict": 409, "DuplicateCertificate": 409, "EntityAlreadyExists": 409,
	"EntityTemporarilyUnmodifiable": 409, "FeatureDisabled": 404, "FeatureEnabled": 409, "InvalidAuthenticationCode": 403,
	"LimitExceeded": 409, "NoSuchEntity": 404, "NotSupportedService": 404, "ReportExpired": 410,
	"ReportGenerationLimitExceeded": 409, "ReportInProgress": 404, "ReportNotPresent": 410,
}

var cloudformationStatuses = map[string]int{
	"ChangeSetNotFound": 404, "ConcurrentResourcesLimitExceeded": 429, "CreatedButModifiedException": 409,
	"GeneratedTemplateNotFound": 404, "HookResultNotFound": 404, "NameAlreadyExistsException": 409,
	"OperationIdAlreadyExistsException": 409, "OperationInProgressException": 409, "OperationNotFoundException": 404,
	"StackInstanceNotFoundException": 404, "StackNotFoundException": 404, "StackRefactorNotFoundException": 404,
	"StackSetNotEmptyException": 409, "StackSetNotFoundException": 404, "StaleRequestException": 409,
	"TypeConfigurationNotFoundException": 404, "TypeNotFoundException": 404,
}

// sqsQueryCodes keep the names that SQS gave its errors before it spoke JSON.
var sqsQueryCodes = map[string]string{
	"BatchEntryIdsNotDistinct":     "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
	"BatchRequestTooLong":          "AWS.SimpleQueueService.BatchRequestTooLong",
	"EmptyBatchRequest":            "AWS.SimpleQueueService.EmptyBatchRequest",
	"InvalidBatchEntryId":          "AWS.SimpleQueueService.InvalidBatchEntryId",
	"KmsAccessDenied":              "KMS.AccessDeniedException",
	"KmsDisabled":                  "KMS.DisabledException",
	"KmsInvalidKeyUsage":           "KMS.InvalidKeyUsageException",
	"KmsInvalidState":              "KMS.InvalidStateException",
	"KmsNotFound":                  "KMS.NotFoundException",
	"KmsOptInRequired":             "KMS.OptInRequired",
	"KmsThrottled":                 "KMS.ThrottlingException",
	"MessageNotInflight":           "AWS.SimpleQueueService.MessageNotInflight",
	"PurgeQueueInProgress":         "AWS.SimpleQueueService.PurgeQueueInProgress",
	"QueueDeletedRecently":         "AWS.SimpleQueueService.QueueDeletedRecently",
	"QueueDoesNotExist":            "AWS.SimpleQueueService.NonExistentQueue",
	"QueueNameExists":              "QueueAlreadyExists",
	"TooManyEntriesInBatchRequest": "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
	"UnsupportedOperation":         "AWS.SimpleQueueService.UnsupportedOperation",
}

var schedulerRoutes = []Route{
	{"CreateSchedule", "POST", "/schedules/{Name}", nil},
	{"CreateScheduleGroup", "POST", "/schedule-groups/{Name}", nil},
	{"DeleteSchedule", "DELETE", "/schedules/{Name}", map[string]string{"ClientToken": "clientToken", "GroupName": "groupName"}},
	{"DeleteScheduleGroup", "DELETE", "/schedule-groups/{Name}", map[string]string{"ClientToken": "clientToken"}},
	{"GetSchedule", "GET", "/schedules/{Name}", map[string]string{"GroupName": "groupName"}},
	{"GetScheduleGroup", "GET", "/schedule-groups/{Name}", nil},
	{"ListScheduleGroups", "GET", "/schedule-groups", map[string]string{
		"MaxResults": "MaxResults", "NamePrefix": "NamePrefix", "NextToken": "NextToken"}},
	{"ListSchedules", "GET", "/schedules", map[string]string{
		"GroupName": "ScheduleGroup", "MaxResults": "MaxResults", "NamePrefix": "NamePrefix", "NextToken": "NextToken", "State": "State"}},
	{"ListTagsForResource", "GET", "/tags/{ResourceArn}", nil},
	{"TagResource", "POST", "/tags/{ResourceArn}", nil},
	{"UntagResource", "DELETE", "/tags/{ResourceArn}", map[string]string{"TagKeys": "TagKeys"}},
	{"UpdateSchedule", "PUT", "/schedules/{Name}", nil},
}
