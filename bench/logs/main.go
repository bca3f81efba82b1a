// Command logs measures CloudWatch Logs on this machine: how many events a
// second the log store takes and makes durable, what an event takes on disk, how
// fast a filter looks through them, and how long the store takes to open.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"berth/api/logs"
	"berth/logstore"
	"berth/state"
)

func main() {
	events := flag.Int("events", 500_000, "how many events to put in each run")
	flag.Parse()
	if err := measure(*events); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(events int) error {
	for _, run := range []struct{ streams, batch int }{{1, 100}, {8, 100}, {8, 1000}, {50, 10}} {
		if err := one(events, run.streams, run.batch); err != nil {
			return err
		}
	}
	return nil
}

// one puts events, in batches, to streams at the same time, and reads them.
func one(events, streams, batch int) (err error) {
	dir, err := os.MkdirTemp("", "berth-bench-logs-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := logstore.Open(logstore.Config{Dir: dir})
	if err != nil {
		return err
	}
	api := logs.New(logs.Config{Store: state.NewMemory(), Logs: store, Region: "us-east-1", Account: "123456789012"})
	ctx := context.Background()
	if _, err := api.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("g")}); err != nil {
		return err
	}

	start := time.Now()
	bytes, err := put(ctx, api, events, streams, batch)
	if err != nil {
		return err
	}
	took := time.Since(start)
	fmt.Printf("%2d streams, batches of %4d: %7.0f events/s, %5.1f MB/s put and durable", streams, batch,
		float64(events)/took.Seconds(), float64(bytes)/1e6/took.Seconds())

	for _, pattern := range []string{"ERROR", `{ $.status = 500 }`} {
		start = time.Now()
		found, err := filter(ctx, api, pattern)
		if err != nil {
			return err
		}
		fmt.Printf("; filter %s: %d found, %.0f MB/s", pattern, found, float64(bytes)/1e6/time.Since(start).Seconds())
	}

	if err := store.Close(); err != nil {
		return err
	}
	start = time.Now()
	if store, err = logstore.Open(logstore.Config{Dir: dir}); err != nil {
		return err
	}
	opened := time.Since(start)
	if err := store.Close(); err != nil {
		return err
	}
	size, err := sizeOf(dir)
	fmt.Printf("; %d bytes an event, %d on disk; opens in %v\n", bytes/events, size/events, opened.Round(time.Millisecond))
	return err
}

// put puts events and returns how many bytes their messages have.
func put(ctx context.Context, api *logs.API, events, streams, batch int) (int, error) {
	var wait sync.WaitGroup
	bytes, errs := make([]int, streams), make([]error, streams)
	for s := range streams {
		wait.Go(func() { bytes[s], errs[s] = putStream(ctx, api, fmt.Sprint("web/", s), events/streams, batch) })
	}
	wait.Wait()
	total := 0
	for _, b := range bytes {
		total += b
	}
	return total, errors.Join(errs...)
}

func putStream(ctx context.Context, api *logs.API, name string, events, batch int) (bytes int, err error) {
	in := &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: &name}
	if _, err := api.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: in.LogGroupName, LogStreamName: &name}); err != nil {
		return 0, err
	}
	for i := range events {
		status := 200
		if i%1000 == 0 {
			status = 500
		}
		message := fmt.Sprintf(`{"time":"%s","status":%d,"method":"GET","path":"/orders/%d","user":"u-%d","duration_ms":%d,"agent":"curl/8.5"}`,
			time.Now().Format(time.RFC3339Nano), status, i*7919%100_000, i*104_729%5000, i*31%900)
		bytes += len(message)
		in.LogEvents = append(in.LogEvents, types.InputLogEvent{Timestamp: aws.Int64(time.Now().UnixMilli()), Message: &message})
		if len(in.LogEvents) == batch || i == events-1 {
			if _, err := api.PutLogEvents(ctx, in); err != nil {
				return 0, err
			}
			in.LogEvents = in.LogEvents[:0]
		}
	}
	return bytes, nil
}

// filter looks through all events, page by page.
func filter(ctx context.Context, api *logs.API, pattern string) (found int, err error) {
	var token *string
	for {
		out, err := api.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("g"), FilterPattern: &pattern, NextToken: token})
		if err != nil {
			return found, err
		}
		found += len(out.Events)
		if token = out.NextToken; token == nil {
			return found, nil
		}
	}
}

func sizeOf(dir string) (total int, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += int(info.Size())
		}
		return err
	})
	return total, err
}
