// Package logs serves the Amazon CloudWatch Logs API.
//
// Log groups are records of the state; streams and events are in a logstore, on
// the server that leads: any other answers with the leader's name, as for a
// write, and the call is passed on. Each operation is a method of [API], as in
// api/ecs. What a filter pattern means is in api/logs/pattern.
package logs

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"berth/aws/arn"
	"berth/logstore"
	"berth/state"
)

// Config says what an API serves. All fields but Log are required.
type Config struct {
	Store   *state.Store
	Logs    *logstore.Store
	Region  string
	Account string
	Log     *slog.Logger // default slog.Default()
}

// API has a method for each operation that is built.
type API struct {
	store   *state.Store
	logs    *logstore.Store
	region  string
	account string
	log     *slog.Logger
}

// New returns the API of one region and account.
func New(cfg Config) *API {
	return &API{store: cfg.Store, logs: cfg.Logs, region: cfg.Region, account: cfg.Account, log: cmp.Or(cfg.Log, slog.Default())}
}

// now is the time of events, in milliseconds.
func now() int64 { return time.Now().UnixMilli() }

func (a *API) groupARN(name string) string {
	return arn.ARN{Partition: "aws", Service: "logs", Region: a.region, Account: a.account, Resource: "log-group:" + name}.String()
}

func (a *API) streamARN(group, stream string) string {
	return a.groupARN(group) + ":log-stream:" + stream
}

// nameOf reads a group's name from its ARN, with or without :* at the end; ""
// if it is none of a group here.
func (a *API) nameOf(groupARN string) string {
	name, ok := strings.CutPrefix(strings.TrimSuffix(groupARN, ":*"), a.groupARN(""))
	if !ok || !groupName.MatchString(name) {
		return ""
	}
	return name
}

// group finds the group that a name or an identifier means.
func (a *API) group(v *state.View, name, identifier *string) (state.LogGroup, error) {
	wanted := aws.ToString(name)
	switch {
	case (name == nil) == (identifier == nil):
		return state.LogGroup{}, invalid("You must include either logGroupIdentifier or logGroupName, but not both.")
	case identifier != nil && arn.Is(*identifier):
		if wanted = a.nameOf(*identifier); wanted == "" {
			return state.LogGroup{}, invalid("The specified log group ARN " + *identifier + " is not of this account and Region.")
		}
	case identifier != nil:
		wanted = *identifier
	}
	return a.groupNamed(v, &wanted)
}

func (a *API) groupNamed(v *state.View, name *string) (state.LogGroup, error) {
	if err := checkGroupName("logGroupName", name); err != nil {
		return state.LogGroup{}, err
	}
	g, ok := v.LogGroups.Get(*name)
	if !ok {
		return g, noGroup()
	}
	return g, nil
}

// expiry is the time before which events of g have expired; 0 if none do.
func expiry(g state.LogGroup, now int64) int64 {
	if g.RetentionDays == 0 {
		return 0
	}
	return now - int64(g.RetentionDays)*24*time.Hour.Milliseconds()
}

var (
	groupName  = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)
	streamName = regexp.MustCompile(`^[^:*]*$`)
)

func checkGroupName(member string, name *string) error {
	if err := checkLength(member, name, 512); err != nil {
		return err
	}
	if !groupName.MatchString(*name) {
		return constraint(*name, member, `Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`)
	}
	return nil
}

func checkStreamName(member string, name *string) error {
	if err := checkLength(member, name, 512); err != nil {
		return err
	}
	if !streamName.MatchString(*name) {
		return constraint(*name, member, "Member must satisfy regular expression pattern: [^:*]*")
	}
	return nil
}

func checkLength(member string, value *string, most int) error {
	switch {
	case value == nil:
		return invalid("1 validation error detected: Value null at '" + member + "' failed to satisfy constraint: Member must not be null")
	case *value == "":
		return constraint("", member, "Member must have length greater than or equal to 1")
	case utf8.RuneCountInString(*value) > most:
		return constraint(*value, member, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
	return nil
}

// checkLimit reads a limit; nil means most.
func checkLimit(limit *int32, most int) (int, error) {
	switch n := int(aws.ToInt32(limit)); {
	case limit == nil:
		return most, nil
	case n < 1:
		return 0, constraint(fmt.Sprint(n), "limit", "Member must have value greater than or equal to 1")
	case n > most:
		return 0, constraint(fmt.Sprint(n), "limit", fmt.Sprintf("Member must have value less than or equal to %d", most))
	default:
		return n, nil
	}
}

// constraint is AWS's message for a member that its model does not allow.
func constraint(value, member, rule string) error {
	if len(value) > 600 {
		value = value[:600] + "…"
	}
	return invalid(fmt.Sprintf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, member, rule))
}

func invalid(message string) error { return &types.InvalidParameterException{Message: &message} }

func noGroup() error {
	return &types.ResourceNotFoundException{Message: aws.String("The specified log group does not exist.")}
}

// explain turns an error of the log store into what the API says of it.
func explain(err error) error {
	switch {
	case errors.Is(err, logstore.ErrNotFound):
		return &types.ResourceNotFoundException{Message: aws.String("The specified log stream does not exist.")}
	case errors.Is(err, logstore.ErrExists):
		return &types.ResourceAlreadyExistsException{Message: aws.String("The specified log stream already exists")}
	case errors.Is(err, logstore.ErrFull):
		return &types.ServiceUnavailableException{Message: aws.String("Logs cannot be written: " + err.Error() + ".")}
	}
	return err
}
