package logs

import (
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Resources returns the ARNs that an operation's input touches, in the form
// that policies are written for: log-group:NAME:*, or log-group:NAME:log-stream:STREAM.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
func (a *API) Resources(operation string, input any) []string {
	text := func(member string) string {
		p, _ := reflect.Indirect(reflect.ValueOf(input)).FieldByName(member).Interface().(*string)
		return aws.ToString(p)
	}
	has := func(member string) bool {
		return reflect.Indirect(reflect.ValueOf(input)).FieldByName(member).IsValid()
	}
	group := ""
	switch {
	case has("ResourceArn"):
		return []string{text("ResourceArn")}
	case has("LogGroupName"):
		group = text("LogGroupName")
	}
	if group == "" && has("LogGroupIdentifier") {
		if group = text("LogGroupIdentifier"); a.nameOf(group) != "" {
			group = a.nameOf(group)
		}
	}
	switch {
	case group == "":
		return nil
	case operation != "CreateLogStream" && has("LogStreamName"):
		return []string{a.streamARN(group, text("LogStreamName"))}
	}
	return []string{a.groupARN(group) + ":*"}
}
