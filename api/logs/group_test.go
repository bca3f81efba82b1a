package logs

import (
	"strings"
	"testing"
)

func TestLogGroups(t *testing.T) {
	script{
		{"CreateLogGroup", `{"logGroupName":"/ecs/web","tags":{"team":"blue"}}`, `{}`},
		{"CreateLogGroup", `{"logGroupName":"/ecs/web"}`, "ResourceAlreadyExistsException: The specified log group already exists"},
		{"CreateLogGroup", `{"logGroupName":"/ecs/api","logGroupClass":"INFREQUENT_ACCESS"}`, `{}`},
		{"CreateLogGroup", `{"logGroupName":"other"}`, `{}`},
		{"DescribeLogGroups", `{}`, `{"nextToken":null,"logGroups":[{"logGroupName":"/ecs/api"},{"logGroupName":"/ecs/web"},{"logGroupName":"other"}]}`},
		{"DescribeLogGroups", `{"logGroupNamePrefix":"/ecs/w"}`, `{"logGroups":[{"logGroupName":"/ecs/web","arn":"` + groups + `/ecs/web:*",
			"logGroupArn":"` + groups + `/ecs/web","logGroupClass":"STANDARD","storedBytes":0,"metricFilterCount":0,"retentionInDays":null}]}`},
		{"DescribeLogGroups", `{"logGroupNamePattern":"ther"}`, `{"logGroups":[{"logGroupName":"other","arn":"` + groups + `other:*","logGroupArn":null,"storedBytes":null}]}`},
		{"DescribeLogGroups", `{"logGroupClass":"INFREQUENT_ACCESS"}`, `{"logGroups":[{"logGroupName":"/ecs/api"}]}`},
		{"DescribeLogGroups", `{"logGroupIdentifiers":["other","` + groups + `/ecs/api"]}`, `{"logGroups":[{"logGroupName":"/ecs/api"},{"logGroupName":"other"}]}`},
		{"DescribeLogGroups", `{"limit":2}`, `{"nextToken":"*","logGroups":[{"logGroupName":"/ecs/api"},{"logGroupName":"/ecs/web"}]}`},
		{"DescribeLogGroups", `{"limit":2,"nextToken":"` + *tokenFor("other") + `"}`, `{"nextToken":null,"logGroups":[{"logGroupName":"other"}]}`},
		{"PutRetentionPolicy", `{"logGroupName":"/ecs/web","retentionInDays":7}`, `{}`},
		{"DescribeLogGroups", `{"logGroupNamePrefix":"/ecs/w"}`, `{"logGroups":[{"retentionInDays":7}]}`},
		{"DeleteRetentionPolicy", `{"logGroupName":"/ecs/web"}`, `{}`},
		{"DescribeLogGroups", `{"logGroupNamePrefix":"/ecs/w"}`, `{"logGroups":[{"retentionInDays":null}]}`},
		{"DeleteLogGroup", `{"logGroupName":"/ecs/web"}`, `{}`},
		{"DeleteLogGroup", `{"logGroupName":"/ecs/web"}`, "ResourceNotFoundException: The specified log group does not exist."},
		{"DescribeLogGroups", `{"logGroupNamePrefix":"/ecs"}`, `{"logGroups":[{"logGroupName":"/ecs/api"}]}`},
	}.run(t, testAPI(t))
}

func TestLogGroupsRefuse(t *testing.T) {
	script{
		{"CreateLogGroup", `{}`, "InvalidParameterException: 1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null"},
		{"CreateLogGroup", `{"logGroupName":""}`, "InvalidParameterException: 1 validation error detected: Value '' at 'logGroupName' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"CreateLogGroup", `{"logGroupName":"a b"}`, `InvalidParameterException: 1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`},
		{"CreateLogGroup", `{"logGroupName":"` + strings.Repeat("a", 513) + `"}`, "InvalidParameterException: 1 validation error detected: Value 'aaa"},
		{"CreateLogGroup", `{"logGroupName":"aws/x"}`, "InvalidParameterException: Log groups starting with AWS/ are reserved for AWS."},
		{"CreateLogGroup", `{"logGroupName":"x","kmsKeyId":"k"}`, "InvalidParameterException: kmsKeyId is not supported"},
		{"CreateLogGroup", `{"logGroupName":"x","logGroupClass":"GOLD"}`, "InvalidParameterException: 1 validation error detected: Value 'GOLD' at 'logGroupClass'"},
		{"CreateLogGroup", `{"logGroupName":"x","logGroupClass":"DELIVERY"}`, "InvalidParameterException: logGroupClass DELIVERY is not supported"},
		{"CreateLogGroup", `{"logGroupName":"x","tags":{"aws:x":"y"}}`, `InvalidParameterException: The tag "aws:x" is invalid`},
		{"PutRetentionPolicy", `{"logGroupName":"x","retentionInDays":2}`, "InvalidParameterException: 1 validation error detected: Value '2' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [1, 3, 5,"},
		{"PutRetentionPolicy", `{"logGroupName":"x","retentionInDays":3}`, "ResourceNotFoundException: The specified log group does not exist."},
		{"DescribeLogGroups", `{"limit":51}`, "InvalidParameterException: 1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50"},
		{"DescribeLogGroups", `{"limit":0}`, "InvalidParameterException: 1 validation error detected: Value '0' at 'limit'"},
		{"DescribeLogGroups", `{"nextToken":"x"}`, "InvalidParameterException: The specified nextToken is invalid."},
		{"DescribeLogGroups", `{"logGroupNamePrefix":"x","logGroupNamePattern":"y"}`, "InvalidParameterException: LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."},
		{"DescribeLogGroups", `{"logGroupIdentifiers":["arn:aws:ecs:x"]}`, "InvalidParameterException: logGroupIdentifiers: arn:aws:ecs:x is neither"},
	}.run(t, testAPI(t))
}

func TestDeletionProtection(t *testing.T) {
	script{
		{"CreateLogGroup", `{"logGroupName":"g","deletionProtectionEnabled":true}`, `{}`},
		{"CreateLogStream", `{"logGroupName":"g","logStreamName":"s"}`, `{}`},
		{"DeleteLogGroup", `{"logGroupName":"g"}`, "ValidationException: The log group has deletion protection enabled"},
		{"DeleteLogStream", `{"logGroupName":"g","logStreamName":"s"}`, "ValidationException: The log group has deletion protection enabled"},
		{"DescribeLogGroups", `{}`, `{"logGroups":[{"deletionProtectionEnabled":true}]}`},
		{"PutLogGroupDeletionProtection", `{"logGroupIdentifier":"g"}`, "InvalidParameterException: 1 validation error detected: Value null at 'deletionProtectionEnabled'"},
		{"PutLogGroupDeletionProtection", `{"logGroupIdentifier":"` + groups + `g","deletionProtectionEnabled":false}`, `{}`},
		{"DeleteLogGroup", `{"logGroupName":"g"}`, `{}`},
	}.run(t, testAPI(t))
}

// A group made anew has nothing of the one of that name before.
func TestDeletedGroupIsForgotten(t *testing.T) {
	script{
		{"CreateLogGroup", `{"logGroupName":"g"}`, `{}`},
		{"CreateLogStream", `{"logGroupName":"g","logStreamName":"s"}`, `{}`},
		{"DeleteLogGroup", `{"logGroupName":"g"}`, `{}`},
		{"CreateLogGroup", `{"logGroupName":"g"}`, `{}`},
		{"DescribeLogStreams", `{"logGroupName":"g"}`, `{"logStreams":[]}`},
	}.run(t, testAPI(t))
}

func TestTags(t *testing.T) {
	script{
		{"CreateLogGroup", `{"logGroupName":"g","tags":{"team":"blue"}}`, `{}`},
		{"TagResource", `{"resourceArn":"` + groups + `g","tags":{"team":"red","cost":"1"}}`, `{}`},
		{"ListTagsForResource", `{"resourceArn":"` + groups + `g"}`, `{"tags":{"team":"red","cost":"1"}}`},
		{"UntagResource", `{"resourceArn":"` + groups + `g:*","tagKeys":["team","none"]}`, `{}`},
		{"ListTagsLogGroup", `{"logGroupName":"g"}`, `{"tags":{"team":null,"cost":"1"}}`},
		{"TagLogGroup", `{"logGroupName":"g","tags":{"a":"b"}}`, `{}`},
		{"UntagLogGroup", `{"logGroupName":"g","tags":["cost"]}`, `{}`},
		{"ListTagsLogGroup", `{"logGroupName":"g"}`, `{"tags":{"a":"b","cost":null}}`},
		{"TagResource", `{"resourceArn":"` + groups + `g","tags":{}}`, "InvalidParameterException: 1 validation error detected: Value '{}' at 'tags'"},
		{"TagResource", `{"resourceArn":"` + groups + `g","tags":{` + manyTags(50) + `}}`, "TooManyTagsException: A resource can have at most 50 tags; this one would have 51."},
		{"TagResource", `{"resourceArn":"` + groups + `none","tags":{"a":"b"}}`, "ResourceNotFoundException: The specified log group does not exist."},
		{"ListTagsForResource", `{"resourceArn":"arn:aws:ecs:us-east-1:123456789012:cluster/x"}`, "InvalidParameterException: The resource ARN"},
		{"TagLogGroup", `{"logGroupName":"g","tags":{"a":"!"}}`, `InvalidParameterException: The tag "a" may contain only`},
	}.run(t, testAPI(t))
}

func manyTags(n int) string {
	var tags []string
	for i := range n {
		tags = append(tags, `"t`+strings.Repeat("x", i)+`":""`)
	}
	return strings.Join(tags, ",")
}
