package logs

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"berth/api/logs/pattern"
	"berth/logstore"
	"berth/state"
)

// One call looks through this much and no more: the rest is for the next page.
const (
	mostScanned = 64 << 20 // bytes
	longestScan = 2 * time.Second
)

// FilterLogEvents returns a page of the events of a group, or of some of its
// streams, that match a pattern, in the order of their times. A page can have
// few events, or none, and a token all the same.
func (a *API) FilterLogEvents(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	if err := a.store.Elsewhere(); err != nil {
		return nil, err
	}
	limit, err := checkLimit(in.Limit, mostEvents)
	if err != nil {
		return nil, err
	}
	if len(aws.ToString(in.FilterPattern)) > 1024 {
		return nil, constraint(*in.FilterPattern, "filterPattern", "Member must have length less than or equal to 1024")
	}
	matches, err := pattern.Parse(aws.ToString(in.FilterPattern))
	if err != nil {
		return nil, invalid("Invalid filter pattern: " + err.Error())
	}
	r, err := timeRange(in.StartTime, in.EndTime)
	if err != nil {
		return nil, err
	}
	if in.EndTime != nil {
		r.End++ // unlike that of GetLogEvents, it is inclusive
	}
	g, err := a.group(a.store.View(), in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	r.Start = max(r.Start, expiry(g, now()))
	var after logstore.Position
	if in.NextToken != nil {
		if _, after, err = parseEventToken(*in.NextToken); err != nil {
			return nil, err
		}
	}
	streams, err := a.selectStreams(g, in, r)
	if err != nil {
		return nil, err
	}
	return a.filter(ctx, g, streams, r, after, matches, limit)
}

// selectStreams finds the streams to look through.
func (a *API) selectStreams(g state.LogGroup, in *cloudwatchlogs.FilterLogEventsInput, r logstore.Range) (streams []logstore.Stream, err error) {
	switch {
	case in.LogStreamNamePrefix != nil && len(in.LogStreamNames) > 0:
		return nil, invalid("You can specify either logStreamNames or logStreamNamePrefix, but not both.")
	case len(in.LogStreamNames) > 100:
		return nil, constraint("[…]", "logStreamNames", "Member must have length less than or equal to 100")
	case in.LogStreamNamePrefix != nil:
		if err := checkStreamName("logStreamNamePrefix", in.LogStreamNamePrefix); err != nil {
			return nil, err
		}
	}
	names := slices.Clone(in.LogStreamNames)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		s, err := a.logs.Stream(g.ID, name)
		if err != nil {
			return nil, explain(err)
		}
		streams = append(streams, s)
	}
	if names != nil {
		return streams, nil
	}
	for s, err := range a.logs.Streams(g.ID, aws.ToString(in.LogStreamNamePrefix)) {
		if err != nil {
			return nil, err
		}
		if s.Seq > 0 && s.Last >= r.Start && s.First < r.End {
			streams = append(streams, s)
		}
	}
	return streams, nil
}

// filter looks through streams until a page is full.
func (a *API) filter(ctx context.Context, g state.LogGroup, streams []logstore.Stream, r logstore.Range, after logstore.Position,
	matches pattern.Pattern, limit int) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	out := &cloudwatchlogs.FilterLogEventsOutput{Events: []types.FilteredLogEvent{}, SearchedLogStreams: []types.SearchedLogStream{}}
	names := map[uint64]*string{}
	for _, s := range streams {
		names[s.ID] = aws.String(s.Name)
	}
	start, scanned, bytes := time.Now(), 0, 0
	for e, err := range a.logs.Scan(g.ID, streams, r, after) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		full := scanned > mostScanned || time.Since(start) > longestScan
		matched := !full && matches.Match(e.Message)
		if matched {
			bytes += len(e.Message) + overhead
			full = len(out.Events) == limit || bytes > mostBytes && len(out.Events) > 0
		}
		if full {
			out.NextToken = eventToken('f', after)
			break
		}
		if matched {
			out.Events = append(out.Events, types.FilteredLogEvent{EventId: eventID(e.Position), LogStreamName: names[e.Stream],
				Timestamp: &e.Time, IngestionTime: &e.Ingested, Message: &e.Message})
		}
		scanned += len(e.Message) + overhead
		after = e.Position
	}
	return out, nil
}
