package logdriver

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/agent/spool"
)

func line(text string, at time.Time) spool.Record {
	return spool.Record{Log: text, Stream: "stdout", Time: at}
}

func TestBatches(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		name  string
		lines int
		size  int           // of each
		apart time.Duration // from line to line
		want  string        // events in each batch
	}{
		{"one", 3, 10, 0, "[3]"},
		{"too many events", 25_000, 1, 0, "[10000 10000 5000]"},
		{"too many bytes", 5, 300_000, 0, "[3 2]"},
		{"just one MiB", 4, 1<<18 - 26, 0, "[4]"},
		{"longer than a day", 5, 1, 10 * time.Hour, "[3 2]"},
		{"a clock that is set back", 5, 1, -10 * time.Hour, "[3 2]"},
	} {
		var q queue
		for i := range tc.lines {
			q.add(line(strings.Repeat("x", tc.size), start.Add(time.Duration(i)*tc.apart)))
		}
		var sizes []int
		for len(q.events) > 0 {
			batch := q.take()
			sizes = append(sizes, len(batch))
			events := inputs(batch)
			for i := range events {
				if i > 0 && *events[i].Timestamp < *events[i-1].Timestamp {
					t.Errorf("%s: not in the order of time", tc.name)
				}
			}
			q.forget(len(batch))
		}
		if got := fmt.Sprint(sizes); got != tc.want || q.bytes != 0 {
			t.Errorf("%s: batches of %s, want %s; %d bytes left", tc.name, got, tc.want, q.bytes)
		}
	}
}

// An event of many lines is cut where it would be longer than one may be.
func TestMultilineIsBounded(t *testing.T) {
	q := queue{newEvent: regexp.MustCompile("^new")}
	for range 5 {
		q.add(line(strings.Repeat("x", 100_000)+"\n", time.Now()))
	}
	q.flush()
	if len(q.events) != 3 {
		t.Errorf("%d events, want 3", len(q.events))
	}
}

func TestMultilineWaits(t *testing.T) {
	q := queue{newEvent: regexp.MustCompile("^new")}
	q.add(line("new\n", time.Now()))
	if q.flushOlder(q.since.Add(-1)); len(q.events) != 0 {
		t.Error("an event that was just begun is over")
	}
	if q.flushOlder(q.since); len(q.events) != 1 {
		t.Error("an event that is old enough goes on")
	}
}
