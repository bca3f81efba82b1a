package logs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"berth/logstore"
	"berth/state"
)

// CreateLogStream creates a log stream in a log group.
func (a *API) CreateLogStream(_ context.Context, in *cloudwatchlogs.CreateLogStreamInput) (*cloudwatchlogs.CreateLogStreamOutput, error) {
	g, err := a.streamOf(in.LogGroupName, nil, in.LogStreamName)
	if err != nil {
		return nil, err
	}
	return &cloudwatchlogs.CreateLogStreamOutput{}, explain(a.logs.CreateStream(g.ID, *in.LogStreamName, now()))
}

// DeleteLogStream deletes a log stream with its events.
func (a *API) DeleteLogStream(_ context.Context, in *cloudwatchlogs.DeleteLogStreamInput) (*cloudwatchlogs.DeleteLogStreamOutput, error) {
	g, err := a.streamOf(in.LogGroupName, nil, in.LogStreamName)
	if err != nil {
		return nil, err
	}
	if g.DeletionProtection {
		return nil, &types.ValidationException{Message: aws.String("The log group has deletion protection enabled: disable it before a log stream is deleted.")}
	}
	return &cloudwatchlogs.DeleteLogStreamOutput{}, explain(a.logs.DeleteStream(g.ID, *in.LogStreamName))
}

// streamOf checks what every operation on a stream begins with: that it is for
// this server, the stream's name, and the group.
func (a *API) streamOf(group, identifier, stream *string) (state.LogGroup, error) {
	if err := a.store.Elsewhere(); err != nil {
		return state.LogGroup{}, err
	}
	if err := checkStreamName("logStreamName", stream); err != nil {
		return state.LogGroup{}, err
	}
	if identifier == nil {
		return a.groupNamed(a.store.View(), group)
	}
	return a.group(a.store.View(), group, identifier)
}

// DescribeLogStreams describes the streams of a group, by name or by the time
// of their latest events.
func (a *API) DescribeLogStreams(_ context.Context, in *cloudwatchlogs.DescribeLogStreamsInput) (*cloudwatchlogs.DescribeLogStreamsOutput, error) {
	if err := a.store.Elsewhere(); err != nil {
		return nil, err
	}
	limit, err := checkLimit(in.Limit, 50)
	if err != nil {
		return nil, err
	}
	order := cmp.Or(in.OrderBy, types.OrderByLogStreamName)
	switch {
	case !slices.Contains(order.Values(), order):
		return nil, constraint(string(order), "orderBy", "Member must satisfy enum value set: [LogStreamName, LastEventTime]")
	case order == types.OrderByLastEventTime && in.LogStreamNamePrefix != nil:
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	case in.LogStreamNamePrefix != nil:
		if err := checkStreamName("logStreamNamePrefix", in.LogStreamNamePrefix); err != nil {
			return nil, err
		}
	}
	from, err := nameIn(in.NextToken)
	if err != nil {
		return nil, err
	}
	g, err := a.group(a.store.View(), in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	streams, err := a.page(g, in, order, from, limit+1)
	if err != nil {
		return nil, err
	}
	out := &cloudwatchlogs.DescribeLogStreamsOutput{LogStreams: []types.LogStream{}}
	for i, s := range streams {
		if i == limit {
			out.NextToken = tokenFor(rank(s, order))
			break
		}
		out.LogStreams = append(out.LogStreams, a.describeStream(g, s))
	}
	return out, nil
}

// rank is a text by which streams are in an order.
func rank(s logstore.Stream, order types.OrderBy) string {
	if order == types.OrderByLastEventTime {
		return fmt.Sprintf("%016d %s", s.Last, s.Name)
	}
	return s.Name
}

// page returns the first n streams that in asks for, from a rank on.
func (a *API) page(g state.LogGroup, in *cloudwatchlogs.DescribeLogStreamsInput, order types.OrderBy, from string, n int) ([]logstore.Stream, error) {
	prefix, descending := aws.ToString(in.LogStreamNamePrefix), aws.ToBool(in.Descending)
	inOrder := order == types.OrderByLogStreamName && !descending // as the store has them
	start := ""
	if inOrder {
		start = from
	}
	var streams []logstore.Stream
	for s, err := range a.logs.StreamsFrom(g.ID, prefix, start) {
		if err != nil {
			return nil, err
		}
		r := rank(s, order)
		if from == "" || r == from || (r < from) == descending {
			streams = append(streams, s)
		}
		if inOrder && len(streams) == n {
			break
		}
	}
	if !inOrder {
		slices.SortFunc(streams, func(a, b logstore.Stream) int {
			if descending {
				a, b = b, a
			}
			return strings.Compare(rank(a, order), rank(b, order))
		})
	}
	return streams[:min(n, len(streams))], nil
}

func (a *API) describeStream(g state.LogGroup, s logstore.Stream) types.LogStream {
	described := types.LogStream{
		Arn:           aws.String(a.streamARN(g.Name, s.Name)),
		LogStreamName: &s.Name,
		CreationTime:  &s.Created,
		StoredBytes:   aws.Int64(0), // always, since 2019: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogStream.html
	}
	if oldest := expiry(g, now()); s.Seq > 0 && s.Last >= oldest {
		described.FirstEventTimestamp = aws.Int64(max(s.First, oldest))
		described.LastEventTimestamp = &s.Last
	}
	if s.Seq > 0 {
		described.LastIngestionTime = &s.Ingested
		described.UploadSequenceToken = sequenceToken(s.Seq)
	}
	return described
}

// sequenceToken is what old clients still ask for. Nothing reads it.
func sequenceToken(seq uint64) *string { return aws.String(fmt.Sprintf("%056d", seq)) }
