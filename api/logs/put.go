package logs

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"berth/logstore"
)

// Limits of PutLogEvents.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
const (
	mostEvents   = 10_000
	mostBytes    = 1 << 20
	overhead     = 26 // bytes that an event counts beside its message
	longestSpan  = 24 * time.Hour
	oldestEvent  = 14 * 24 * time.Hour
	newestEvent  = 2 * time.Hour
	longestEvent = 1 << 20
)

// PutLogEvents adds events to a log stream. Those that are too old, too new or
// expired are left out, and named in the answer.
func (a *API) PutLogEvents(_ context.Context, in *cloudwatchlogs.PutLogEventsInput) (*cloudwatchlogs.PutLogEventsOutput, error) {
	g, err := a.streamOf(in.LogGroupName, nil, in.LogStreamName)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.LogEvents); err != nil {
		return nil, err
	}
	at := now()
	valid, rejected := window(in.LogEvents, at, expiry(g, at))
	if n := len(valid); n > 0 && *valid[n-1].Timestamp-*valid[0].Timestamp > longestSpan.Milliseconds() {
		return nil, invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	events := make([]logstore.Event, len(valid))
	for i, e := range valid {
		events[i] = logstore.Event{Position: logstore.Position{Time: *e.Timestamp}, Message: *e.Message}
	}
	if err := a.logs.Append(g.ID, *in.LogStreamName, events, at); err != nil {
		return nil, explain(err)
	}
	out := &cloudwatchlogs.PutLogEventsOutput{NextSequenceToken: sequenceToken(uint64(at)), RejectedLogEventsInfo: rejected}
	if in.Entity != nil { // we keep no entities; the events are taken all the same
		out.RejectedEntityInfo = &types.RejectedEntityInfo{ErrorType: types.EntityRejectionErrorTypeUnsupportedLogGroupType}
	}
	return out, nil
}

// checkBatch checks what makes a whole batch invalid.
func checkBatch(events []types.InputLogEvent) error {
	switch n := len(events); {
	case n == 0:
		return constraint("[]", "logEvents", "Member must have length greater than or equal to 1")
	case n > mostEvents:
		return constraint("["+fmt.Sprint(n)+" events]", "logEvents", fmt.Sprintf("Member must have length less than or equal to %d", mostEvents))
	}
	bytes := 0
	for i, e := range events {
		member := fmt.Sprintf("logEvents.%d.member.", i+1)
		if e.Timestamp == nil {
			return invalid("1 validation error detected: Value null at '" + member + "timestamp' failed to satisfy constraint: Member must not be null")
		}
		if *e.Timestamp < 0 {
			return constraint(fmt.Sprint(*e.Timestamp), member+"timestamp", "Member must have value greater than or equal to 0")
		}
		if err := checkLength(member+"message", e.Message, longestEvent); err != nil {
			return err
		}
		bytes += len(*e.Message) + overhead
		if n := len(*e.Message) + overhead; n > longestEvent {
			return invalid(fmt.Sprintf("Log event too large: %d bytes exceeds limit of %d", n, longestEvent))
		}
		if i > 0 && *e.Timestamp < *events[i-1].Timestamp {
			return invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if bytes > mostBytes {
		return invalid(fmt.Sprintf("Upload too large: %d bytes exceeds limit of %d", bytes, mostBytes))
	}
	return nil
}

// window divides events, which are in order, into those that are taken and
// those that are not; nil if all are.
func window(events []types.InputLogEvent, now, expiry int64) (valid []types.InputLogEvent, rejected *types.RejectedLogEventsInfo) {
	tooOld, expired, tooNew := 0, 0, len(events)
	for i, e := range events {
		switch at := *e.Timestamp; {
		case at < now-oldestEvent.Milliseconds():
			tooOld = i + 1
		case at < expiry:
			expired = i + 1
		case at > now+newestEvent.Milliseconds():
			tooNew = min(tooNew, i)
		}
	}
	info := types.RejectedLogEventsInfo{}
	if tooOld > 0 {
		info.TooOldLogEventEndIndex, rejected = aws.Int32(int32(tooOld)), &info
	}
	if expired > 0 {
		info.ExpiredLogEventEndIndex, rejected = aws.Int32(int32(expired)), &info
	}
	if tooNew < len(events) {
		info.TooNewLogEventStartIndex, rejected = aws.Int32(int32(tooNew)), &info
	}
	return events[max(tooOld, expired):tooNew], rejected
}
