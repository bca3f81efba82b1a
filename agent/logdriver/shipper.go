package logdriver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"

	"berth/agent/spool"
)

const (
	// interval is the pause between two batches of a container, as docker has it.
	interval = 5 * time.Second
	// gather is how long the first batch after a pause waits for company: who
	// looks at the log of a task that has just started should not wait longer.
	gather = 200 * time.Millisecond
	// timeout bounds one call of the API.
	timeout = 30 * time.Second

	// An idle spool is looked at less and less often: hundreds of them must
	// cost next to nothing.
	firstPoll, lastPoll = 5 * time.Millisecond, time.Second

	firstBackoff, lastBackoff = 250 * time.Millisecond, 30 * time.Second
)

// Config says what a shipper ships, and where to.
type Config struct {
	Dir         string // of the spool
	AWSLogs     AWSLogs
	Stream      string                  // where AWSLogs names none: docker takes the container's id
	Endpoint    string                  // of the control plane
	Credentials aws.CredentialsProvider // of the task's execution role, or the agent's own
	Log         *slog.Logger            // default slog.Default()
}

// Shipper sends the output of one container to CloudWatch Logs.
type Shipper struct {
	cfg    Config
	client *cloudwatchlogs.Client
	log    *slog.Logger

	finished, drained     chan struct{}
	finish, reportDrained func() // close them, once
}

// NewShipper checks cfg. It starts nothing; Run does.
func NewShipper(cfg Config) (*Shipper, error) {
	cfg.AWSLogs.Stream = cmp.Or(cfg.AWSLogs.Stream, cfg.Stream)
	if cfg.Dir == "" || cfg.Credentials == nil || cfg.AWSLogs.Group == "" || cfg.AWSLogs.Stream == "" {
		return nil, errors.New("logdriver: Dir, Credentials, and the group and stream of AWSLogs are required")
	}
	endpoint := cmp.Or(cfg.AWSLogs.Endpoint, cfg.Endpoint)
	if endpoint == "" {
		return nil, errors.New("logdriver: Endpoint is required")
	}
	s := &Shipper{cfg: cfg, finished: make(chan struct{}), drained: make(chan struct{})}
	s.finish = sync.OnceFunc(func() { close(s.finished) })
	s.reportDrained = sync.OnceFunc(func() { close(s.drained) })
	s.log = cmp.Or(cfg.Log, slog.Default()).With("group", cfg.AWSLogs.Group, "stream", cfg.AWSLogs.Stream)
	s.client = cloudwatchlogs.New(cloudwatchlogs.Options{
		HTTPClient: http.DefaultClient, // one for all: each of its own would leave connections open
		Region:     cfg.AWSLogs.Region, BaseEndpoint: &endpoint, Credentials: cfg.Credentials,
		Retryer: aws.NopRetryer{}, // we try again ourselves, for as long as it takes
	})
	return s, nil
}

// Prepare makes sure that the log stream is there: before the container starts,
// since ECS does not start one whose log has nowhere to go. The error is what
// ECS says after ResourceInitializationError.
func (s *Shipper) Prepare(ctx context.Context) error {
	var err error
	backoff := firstBackoff
	for tries := 1; ; tries++ {
		if err = s.createStream(ctx); err == nil {
			return nil
		}
		if tries == 3 || !transient(err) || pause(ctx, backoff) != nil {
			return fmt.Errorf("failed to validate logger args: create stream has been retried %d times: failed to create Cloudwatch log stream: %w", tries, plain(err))
		}
		backoff *= 2
	}
}

// plain takes the SDK's own words off an error of the API.
func plain(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		return fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	return err
}

func (s *Shipper) createStream(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	a := s.cfg.AWSLogs
	in := &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &a.Group, LogStreamName: &a.Stream}
	_, err := s.client.CreateLogStream(ctx, in)
	if is[*types.ResourceNotFoundException](err) && a.CreateGroup {
		_, err = s.client.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &a.Group})
		if err != nil && !is[*types.ResourceAlreadyExistsException](err) {
			return err
		}
		_, err = s.client.CreateLogStream(ctx, in)
	}
	if is[*types.ResourceAlreadyExistsException](err) {
		return nil
	}
	return err
}

// Finish says that the container will not run again: Run sends what is left.
func (s *Shipper) Finish() { s.finish() }

// Drained is closed when everything was sent after Finish.
func (s *Shipper) Drained() <-chan struct{} { return s.drained }

// Run ships until everything is sent after Finish, and returns nil; or until
// ctx ends, and returns its error. What was not sent stays in the spool for
// another Run. While the API is away it keeps trying, and the spool's mode
// decides what that means for the container.
func (s *Shipper) Run(ctx context.Context) error {
	for backoff := firstBackoff; ; backoff = min(2*backoff, lastBackoff) {
		err := s.ship(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		s.log.Warn("cannot read the spool of a log; trying again", "err", err)
		if err := pause(ctx, backoff); err != nil {
			return err
		}
	}
}

// ship is Run that ends with what it cannot read.
func (s *Shipper) ship(ctx context.Context) error {
	reader, err := spool.Open(s.cfg.Dir)
	if err != nil {
		return err
	}
	defer reader.Close()
	q := queue{newEvent: s.cfg.AWSLogs.NewEvent}
	var last time.Time // when the last batch went
	for {
		end := s.collect(ctx, reader, &q, last)
		if end != nil && end != io.EOF {
			return end
		}
		for len(q.events) > 0 {
			batch := q.take()
			if err := s.send(ctx, batch); err != nil {
				return err
			}
			last = time.Now()
			if err := reader.Ack(batch[len(batch)-1].end); err != nil {
				s.log.Warn("cannot remember what was shipped; after a restart some lines will come twice", "err", err)
			}
			q.forget(len(batch))
		}
		if end == io.EOF {
			s.reportDrained()
			return nil
		}
	}
}

// collect reads from the spool until there is a batch to send. It returns
// io.EOF when there will be no other.
func (s *Shipper) collect(ctx context.Context, reader *spool.Reader, q *queue, last time.Time) error {
	var due time.Time // when to send what there is
	for !q.full() {
		record, err := s.next(ctx, reader, due)
		switch {
		case err == errDue:
			q.flushOlder(time.Now().Add(-interval))
			return nil
		case err == io.EOF:
			q.flush()
			return err
		case err != nil:
			return err
		}
		q.add(record)
		if due.IsZero() {
			due = later(time.Now().Add(q.patience()), last.Add(interval))
		}
	}
	return nil
}

var errDue = errors.New("the batch is due")

// next waits for a record: until due, unless that is zero, and until the end of
// the output, which is the end only after Finish: the container may run again.
func (s *Shipper) next(ctx context.Context, reader *spool.Reader, due time.Time) (spool.Record, error) {
	finished := s.finished
	for wait := firstPoll; ; wait = min(2*wait, lastPoll) {
		record, err := reader.TryNext()
		if err != spool.ErrNone && (err != io.EOF || finished == nil) {
			return record, err
		}
		if !due.IsZero() {
			left := time.Until(due)
			if left <= 0 {
				return record, errDue
			}
			wait = min(wait, left)
		}
		select {
		case <-ctx.Done():
			return record, ctx.Err()
		case <-finished:
			finished, wait = nil, firstPoll // the shim is about to end the spool
		case <-time.After(wait):
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// send puts a batch, however long that takes. What the API refuses for good is
// dropped: to try it again would hold up all that follows.
func (s *Shipper) send(ctx context.Context, batch []event) error {
	backoff, tries := firstBackoff, 0
	for {
		err := s.put(ctx, batch)
		if is[*types.ResourceNotFoundException](err) { // somebody has deleted the stream
			if err = s.createStream(ctx); err == nil {
				err = s.put(ctx, batch)
			}
		}
		switch {
		case err == nil:
			if tries > 0 {
				s.log.Info("shipping the log again")
			}
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !transient(err):
			s.log.Warn("log events are refused and dropped", "events", len(batch), "err", plain(err))
			return nil
		}
		if tries == 0 {
			s.log.Warn("cannot ship the log; trying again", "err", plain(err))
		}
		if err := pause(ctx, backoff); err != nil {
			return err
		}
		tries++
		backoff = min(2*backoff, lastBackoff)
	}
}

func (s *Shipper) put(ctx context.Context, batch []event) error {
	events := inputs(batch)
	if len(events) == 0 { // only empty lines
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := s.client.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: &s.cfg.AWSLogs.Group, LogStreamName: &s.cfg.AWSLogs.Stream, LogEvents: events,
	})
	if err == nil && out.RejectedLogEventsInfo != nil {
		s.log.Warn("log events are too old or too new, and dropped", "of", len(batch))
	}
	return err
}

// transient reports whether trying again may help: the API is away, busy or
// denies us, and says nothing against the call itself.
func transient(err error) bool {
	switch {
	case is[*types.InvalidParameterException](err), is[*types.ResourceNotFoundException](err),
		is[*types.DataAlreadyAcceptedException](err), is[*types.LimitExceededException](err):
		return false
	}
	return true
}

// is reports whether an error of type E is in err's chain.
func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// pause waits, or returns ctx's error when that ends before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
