package logs

import (
	"context"
	"iter"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"berth/logstore"
)

// forEver is after all events.
const forEver = int64(1) << 50

// GetLogEvents returns a page of the events of one stream: the next or the ones
// before those that a token points at, the first, or the latest.
func (a *API) GetLogEvents(_ context.Context, in *cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, error) {
	if in.LogGroupName == nil && in.LogGroupIdentifier == nil {
		return nil, invalid("You must include either logGroupIdentifier or logGroupName, but not both.")
	}
	g, err := a.streamOf(in.LogGroupName, in.LogGroupIdentifier, in.LogStreamName)
	if err != nil {
		return nil, err
	}
	limit, err := checkLimit(in.Limit, mostEvents)
	if err != nil {
		return nil, err
	}
	r, err := timeRange(in.StartTime, in.EndTime)
	if err != nil {
		return nil, err
	}
	r.Start = max(r.Start, expiry(g, now()))
	direction, from := byte('b'), logstore.Position{Time: forEver}
	if aws.ToBool(in.StartFromHead) {
		direction, from = 'f', logstore.Position{}
	}
	if in.NextToken != nil {
		if direction, from, err = parseEventToken(*in.NextToken); err != nil {
			return nil, err
		}
	}
	stream, err := a.logs.Stream(g.ID, *in.LogStreamName)
	if err != nil {
		return nil, explain(err)
	}
	var events []logstore.Event
	if direction == 'f' {
		events, err = firstOf(a.logs.Scan(g.ID, []logstore.Stream{stream}, r, from), limit)
	} else {
		events, err = firstOf(a.logs.Backward(g.ID, stream, r, from), limit)
		slices.Reverse(events)
	}
	if err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.GetLogEventsOutput{Events: []types.OutputLogEvent{}}
	for _, e := range events {
		out.Events = append(out.Events, types.OutputLogEvent{Timestamp: &e.Time, IngestionTime: &e.Ingested, Message: &e.Message})
	}
	before, after := around(events, direction, from, r)
	before.Stream, after.Stream = stream.ID, stream.ID
	out.NextBackwardToken, out.NextForwardToken = eventToken('b', before), eventToken('f', after)
	return out, nil
}

// around returns the positions at which the pages before and after events
// begin. Without events those are at from, in whose direction nothing was.
func around(events []logstore.Event, direction byte, from logstore.Position, r logstore.Range) (before, after logstore.Position) {
	if n := len(events); n > 0 {
		return events[0].Position, events[n-1].Position
	}
	switch {
	case direction == 'b' && from.Time == forEver: // there is nothing in r yet; what comes will be after its start
		from = logstore.Position{Time: r.Start}
		return from, from
	case direction == 'b':
		after = from
		after.Seq = max(1, after.Seq) - 1
		return from, after
	}
	before = from
	before.Seq++
	return before, from
}

// firstOf takes events up to a number, and up to what one answer holds.
func firstOf(events iter.Seq2[logstore.Event, error], limit int) (page []logstore.Event, err error) {
	bytes := 0
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		bytes += len(e.Message) + overhead
		if len(page) == limit || bytes > mostBytes && len(page) > 0 {
			break
		}
		page = append(page, e)
	}
	return page, nil
}

// timeRange is from start to before end, in milliseconds.
func timeRange(start, end *int64) (logstore.Range, error) {
	r := logstore.Range{Start: aws.ToInt64(start), End: forEver}
	if end != nil {
		r.End = min(*end, forEver)
	}
	switch {
	case r.Start < 0:
		return r, constraint("-1", "startTime", "Member must have value greater than or equal to 0")
	case r.End < 0:
		return r, constraint("-1", "endTime", "Member must have value greater than or equal to 0")
	case start != nil && end != nil && *start > *end:
		return r, invalid("endTime must be greater than or equal to startTime.")
	}
	return r, nil
}
