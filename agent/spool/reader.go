package spool

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// A reader that has read everything looks for more after 5 ms, and then less
// and less often, up to these: hundreds of idle spools must cost next to
// nothing, and nobody who consumes one is in a hurry. Who is, asks TryNext.
const (
	maxPoll     = time.Second
	maxPollTail = 100 * time.Millisecond // a person looks on
)

// Reader reads the records of a spool in order. It is for one goroutine.
type Reader struct {
	dir     string
	consume bool
	ack     *os.File // holds the position; nil if records stay
	acked   position

	lock *os.File // the writer's; nil before it is found
	at   position // after the last record that was returned
	file *os.File // segment at.segment; nil before it is found
	buf  []byte   // read from file, from at.offset on
	last bool     // nothing more will come into file: read it once more
	torn position // where a record was damaged, and is read once more
}

// Open opens the spool in dir, at the record after the last one acknowledged.
// The spool need not be there yet.
func Open(dir string) (*Reader, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, ackName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	r := &Reader{dir: dir, consume: true, ack: f}
	text, err := io.ReadAll(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open spool: %w", err)
	}
	// What does not parse was never written whole: then all is unread.
	if _, err := fmt.Sscanf(string(text), "%d %d\n", &r.at.segment, &r.at.offset); err != nil {
		r.at = position{}
	}
	r.acked = r.at
	return r, nil
}

// Tail reads a spool without consuming it, from n records before its end; from
// the first one that is there if n is negative.
func Tail(dir string, n int) (*Reader, error) {
	r := &Reader{dir: dir}
	numbers, err := segmentsIn(dir)
	if err != nil || n < 0 {
		return r, err
	}
	for i := len(numbers) - 1; i >= 0; i-- {
		text, err := os.ReadFile(segmentName(dir, numbers[i]))
		if errors.Is(err, os.ErrNotExist) { // rotated away
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read spool: %w", err)
		}
		text = text[:bytes.LastIndexByte(text, '\n')+1]
		r.at = position{segment: numbers[i]}
		if count := bytes.Count(text, []byte("\n")); count < n {
			n -= count
			continue
		}
		r.at.offset = lastLines(text, n)
		break
	}
	return r, nil
}

// lastLines is where the last n lines of text begin.
func lastLines(text []byte, n int) int64 {
	end := len(text)
	for ; n > 0; n-- {
		end = bytes.LastIndexByte(text[:end-1], '\n') + 1
	}
	return int64(end)
}

// Close gives the reader's files back. What is not acknowledged stays unread.
func (r *Reader) Close() error {
	var err error
	for _, f := range []*os.File{r.file, r.lock, r.ack} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}

// Next returns the next record, and waits for it until ctx ends. It returns
// io.EOF when all is read and the writer has gone; when another writer
// continues the spool, so does Next.
func (r *Reader) Next(ctx context.Context) (Record, error) {
	longest := maxPoll
	if !r.consume {
		longest = maxPollTail
	}
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, longest) {
		record, err := r.TryNext()
		if err != ErrNone {
			return record, err
		}
		select {
		case <-ctx.Done():
			return Record{}, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// ErrNone is what [Reader.TryNext] answers when there is no record yet.
var ErrNone = errors.New("no record yet")

// TryNext is [Reader.Next] that does not wait: there may be [ErrNone].
func (r *Reader) TryNext() (Record, error) {
	for {
		if end := bytes.IndexByte(r.buf, '\n') + 1; end > 0 {
			record, err := decode(r.buf[:end])
			if err != nil && r.torn != r.at { // half of it was written anew meanwhile
				r.torn, r.buf = r.at, nil
				continue
			}
			r.buf = r.buf[end:]
			r.at.offset += int64(end)
			if err != nil {
				continue // a crash of the machine damaged it
			}
			record.end = r.at
			return record, nil
		}
		n, err := r.fill()
		if err != nil {
			return Record{}, fmt.Errorf("read spool: %w", err)
		}
		if n > 0 {
			r.last = false
			continue
		}
		next, err := r.following()
		if err != nil {
			return Record{}, fmt.Errorf("read spool: %w", err)
		}
		gone := next == 0 && r.writerGone()
		switch {
		case next == 0 && !gone:
			r.buf, r.last = nil, false // a torn record is read again
			return Record{}, ErrNone
		case !r.last:
			r.last = true // records may have come between the two looks
		case gone:
			r.buf, r.last = nil, false
			return Record{}, io.EOF
		default:
			if err := r.open(next); err != nil {
				return Record{}, fmt.Errorf("read spool: %w", err)
			}
		}
	}
}

// fill reads on in the segment; 0 at its end.
func (r *Reader) fill() (int, error) {
	if r.file == nil {
		f, err := os.Open(segmentName(r.dir, r.at.segment))
		if errors.Is(err, os.ErrNotExist) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		r.file = f
	}
	at := r.at.offset + int64(len(r.buf))
	info, err := r.file.Stat()
	if err != nil || info.Size() <= at {
		return 0, err
	}
	grown := make([]byte, len(r.buf)+int(min(info.Size()-at, 64<<10)))
	n, err := r.file.ReadAt(grown[copy(grown, r.buf):], at)
	r.buf = grown[:len(r.buf)+n]
	if err == io.EOF { // cut short since
		err = nil
	}
	return n, err
}

// following is the number of the segment after this one; 0 if there is none yet.
func (r *Reader) following() (uint64, error) {
	next := r.at.segment + 1
	if _, err := os.Stat(segmentName(r.dir, next)); err == nil {
		return next, nil
	}
	if r.file != nil && !unlinked(r.file) {
		return 0, nil // segments go in order: none newer is missing
	}
	numbers, err := segmentsIn(r.dir)
	for _, number := range numbers {
		if number > r.at.segment {
			return number, err
		}
	}
	return 0, err
}

// unlinked reports whether the writer has dropped the file.
func unlinked(f *os.File) bool {
	info, err := f.Stat()
	return err != nil || info.Sys().(*syscall.Stat_t).Nlink == 0
}

// writerGone reports whether the spool had a writer and has none now.
func (r *Reader) writerGone() bool {
	if r.lock == nil {
		f, err := os.Open(filepath.Join(r.dir, lockName))
		if err != nil {
			return false
		}
		r.lock = f
	}
	return wasHeld(r.lock) && !isHeld(r.lock)
}

// open goes on to the beginning of a segment.
func (r *Reader) open(number uint64) error {
	f, err := os.Open(segmentName(r.dir, number))
	if errors.Is(err, os.ErrNotExist) { // dropped since it was seen
		f, err = nil, nil
	}
	if r.file != nil {
		r.file.Close()
	}
	r.file, r.buf, r.last = f, nil, false
	r.at = position{segment: number}
	return err
}

// Ack says that record and all before it are done with: a reader opened later
// begins after it, and segments before it are deleted. A full disk can make it
// fail; then such a reader repeats some records.
func (r *Reader) Ack(record Record) error {
	if !r.consume {
		return nil
	}
	to := record.end
	if to.segment < r.acked.segment || to == r.acked {
		return nil
	}
	var errs error
	if to.segment > r.acked.segment {
		numbers, err := segmentsIn(r.dir)
		errs = err
		for _, number := range numbers {
			if number < to.segment {
				errs = cmp.Or(errs, os.Remove(segmentName(r.dir, number)))
			}
		}
	}
	r.acked = to
	_, err := fmt.Fprintf(io.NewOffsetWriter(r.ack, 0), "%016d %016d\n", to.segment, to.offset)
	return cmp.Or(err, errs)
}
