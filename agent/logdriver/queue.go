package logdriver

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"berth/agent/spool"
)

// Limits of PutLogEvents.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
const (
	maxEvents = 10_000
	maxBytes  = 1 << 20
	overhead  = 26             // bytes an event counts beside its message
	maxSpan   = 24 * time.Hour // between the first and the last event of a batch
)

// event is one log event, and the record after which it is done with.
type event struct {
	message string
	at      time.Time
	end     spool.Record
}

// queue makes events of lines, and batches of events.
type queue struct {
	newEvent *regexp.Regexp // nil: each line is an event
	events   []event
	bytes    int    // of events
	open     *event // lines that more may follow
	text     strings.Builder
	since    time.Time // when open was begun, by our own clock
}

// add takes the next line.
func (q *queue) add(r spool.Record) {
	if q.newEvent == nil {
		q.push(event{strings.TrimSuffix(r.Log, "\n"), r.Time, r})
		return
	}
	if q.open != nil && (q.newEvent.MatchString(r.Log) || q.text.Len()+len(r.Log) > spool.MaxLine) {
		q.flush()
	}
	if q.open == nil {
		q.open, q.since = &event{at: r.Time}, time.Now()
	}
	q.text.WriteString(r.Log)
	q.open.end = r
}

// flush ends the event that is open.
func (q *queue) flush() {
	if q.open == nil {
		return
	}
	q.open.message = q.text.String()
	q.push(*q.open)
	q.open = nil
	q.text.Reset()
}

// flushOlder ends the event that is open if it was begun before a time.
func (q *queue) flushOlder(than time.Time) {
	if q.open != nil && !q.since.After(than) {
		q.flush()
	}
}

// push appends an event. An empty line is none to the API, and only moves on
// what is done with; a record of the spool never has more than fits an event.
func (q *queue) push(e event) {
	if e.message == "" && len(q.events) > 0 {
		q.events[len(q.events)-1].end = e.end
		return
	}
	q.events = append(q.events, e)
	q.bytes += size(e)
}

func size(e event) int { return len(e.message) + overhead }

// full reports whether there is at least one whole batch.
func (q *queue) full() bool { return len(q.events) >= maxEvents || q.bytes >= maxBytes }

// patience is how long a first line waits for others.
func (q *queue) patience() time.Duration {
	if q.newEvent != nil {
		return interval // the rest of its event may take a while
	}
	return gather
}

// take returns the longest batch that the API takes.
func (q *queue) take() []event {
	bytes, first, last := 0, q.events[0].at, q.events[0].at
	for i, e := range q.events {
		bytes += size(e)
		if e.at.Before(first) {
			first = e.at
		}
		last = later(last, e.at)
		if i > 0 && (i == maxEvents || bytes > maxBytes || last.Sub(first) >= maxSpan) {
			return q.events[:i]
		}
	}
	return q.events
}

// forget drops the first n events: they are sent.
func (q *queue) forget(n int) {
	for _, e := range q.events[:n] {
		q.bytes -= size(e)
	}
	if q.events = slices.Delete(q.events, 0, n); len(q.events) == 0 {
		q.events = nil // an idle shipper holds no batch
	}
}

// inputs are events as the API takes them: in the order of their times, as the
// clock may have been set back.
func inputs(batch []event) []types.InputLogEvent {
	var events []types.InputLogEvent
	for _, e := range batch {
		if e.message != "" {
			events = append(events, types.InputLogEvent{
				Message: aws.String(e.message), Timestamp: aws.Int64(e.at.UnixMilli()),
			})
		}
	}
	slices.SortStableFunc(events, func(a, b types.InputLogEvent) int { return cmp.Compare(*a.Timestamp, *b.Timestamp) })
	return events
}
