package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"
)

const (
	chunk = 16 << 10              // first size of the buffers
	retry = 50 * time.Millisecond // between looks for room
)

// Writer writes the streams of one container. Copy may run for each at once.
type Writer struct {
	cfg    Config
	lock   *os.File
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	file    *os.File // the newest segment; nil before its first record
	number  uint64   // of the newest segment
	size    int64    // of file: only whole records
	records int      // in file
	old     []segment
	out     []byte // records that are encoded and not written
	pending int    // how many lines out stands for
	dropped int    // lines lost of which no record tells yet
}

// segment is one that is complete.
type segment struct {
	number  uint64
	size    int64
	records int // 0 if an earlier writer ended it
}

// Create opens the spool of cfg.Dir for writing. Where there is one already it
// is continued, in a new segment.
func Create(cfg Config) (*Writer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	w := &Writer{cfg: cfg, closed: make(chan struct{})}
	if cfg.Mode == Discard {
		return w, nil
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create spool: %w", err)
	}
	if w.lock, err = hold(cfg.Dir); err != nil {
		return nil, fmt.Errorf("create spool: %w", err)
	}
	if err := w.resume(); err != nil {
		w.lock.Close()
		return nil, fmt.Errorf("create spool: %w", err)
	}
	return w, nil
}

// resume finds the segments there are, and continues the newest after its last
// whole record: an earlier writer may have died in the middle of one.
func (w *Writer) resume() error {
	numbers, err := segmentsIn(w.cfg.Dir)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		info, err := os.Stat(segmentName(w.cfg.Dir, number))
		if err != nil {
			continue // the reader has consumed it
		}
		w.old = append(w.old, segment{number: number, size: info.Size()})
		w.number = number
	}
	if len(w.old) == 0 {
		return w.begin()
	}
	w.old = w.old[:len(w.old)-1]
	name := segmentName(w.cfg.Dir, w.number)
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	if w.file, err = os.OpenFile(name, os.O_WRONLY, 0); err != nil {
		return err
	}
	w.size, w.records = int64(len(whole)), bytes.Count(whole, []byte("\n"))
	return w.file.Truncate(w.size)
}

// Close ends the writer, and a Copy that waits for room. A reader then finds
// the end of the output.
func (w *Writer) Close() error {
	w.once.Do(func() { close(w.closed) })
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lock == nil {
		return nil
	}
	if w.dropped > 0 {
		w.out = w.appendNote(w.out[:0])
		w.write()
	}
	var err error
	if w.file != nil {
		err = w.file.Close()
	}
	err = errors.Join(err, w.lock.Close())
	w.lock, w.file = nil, nil
	return err
}

// Copy writes the lines that come from r until it ends, and returns nil then.
// No trouble with the disk ends it: it waits (Blocking) or drops lines, and says
// in a line of the log how many.
func (w *Writer) Copy(stream string, r io.Reader) error {
	if w.cfg.Mode == Discard {
		_, err := io.Copy(io.Discard, r)
		return ended(err)
	}
	buf := make([]byte, 0, chunk)
	for {
		n, readErr := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		rest, err := w.writeLines(stream, buf, readErr != nil)
		if err != nil {
			return err
		}
		if readErr != nil {
			return ended(readErr)
		}
		switch {
		case len(rest) == cap(buf): // one long line
			buf = append(make([]byte, 0, min(4*cap(buf), MaxLine+1)), rest...)
		case len(rest) < chunk && cap(buf) > chunk: // its memory goes again
			buf = append(make([]byte, 0, chunk), rest...)
		default:
			buf = append(buf[:0], rest...)
		}
	}
}

// ended is nil for what ends a stream orderly: EOF, or EIO from a terminal
// whose other side is closed.
func ended(err error) error {
	if err == io.EOF || errors.Is(err, syscall.EIO) {
		return nil
	}
	return err
}

// writeLines writes the lines that text holds, and returns what is not a whole
// line yet; at the end of the stream that is one too.
func (w *Writer) writeLines(stream string, text []byte, last bool) (rest []byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n') + 1
		switch {
		case end > 0 && end <= MaxLine+1:
		case len(text) > MaxLine:
			end = cut(text)
		case !last:
			return text, w.flush()
		default:
			end = len(text)
		}
		if err := w.add(stream, text[:end]); err != nil {
			return nil, err
		}
		text = text[end:]
	}
	return nil, w.flush()
}

// cut is where a line that is too long is divided: not inside a character.
func cut(text []byte) int {
	for end := MaxLine; end > MaxLine-utf8.UTFMax; end-- {
		if utf8.RuneStart(text[end]) {
			return end
		}
	}
	return MaxLine
}

// add encodes a line, and first the count of those dropped before it. A record
// that no longer fits into its segment begins the next.
func (w *Writer) add(stream string, line []byte) error {
	before := len(w.out)
	lines := 1 + w.dropped
	if w.dropped > 0 {
		w.out = w.appendNote(w.out)
		w.dropped = 0
	}
	w.out = appendRecord(w.out, line, stream, time.Now())
	w.pending += lines
	if w.size+int64(before) == 0 || w.size+int64(len(w.out)) <= w.cfg.segmentBytes() {
		return nil
	}
	record := bytes.Clone(w.out[before:])
	w.out, w.pending = w.out[:before], w.pending-lines
	if err := w.flush(); err != nil {
		return err
	}
	w.out, w.pending = append(w.out, record...), lines
	return w.rotate()
}

// appendNote appends a record that says how many lines were dropped.
func (w *Writer) appendNote(b []byte) []byte {
	note := fmt.Sprintf("[%d lines dropped: the log buffer or the disk was full]\n", w.dropped)
	return appendRecord(b, []byte(note), "stderr", time.Now())
}

// flush writes what is encoded. Blocking, it tries until it can.
func (w *Writer) flush() error {
	for len(w.out) > 0 {
		err := w.write()
		if errors.Is(err, ErrClosed) {
			return err
		}
		if err == nil || w.cfg.Mode != Blocking {
			break
		}
		if err := w.pause(); err != nil {
			return err
		}
	}
	w.dropped += w.pending // none if all was written
	w.out, w.pending = w.out[:0], 0
	if cap(w.out) > 4*chunk {
		w.out = nil
	}
	return nil
}

// write writes out to the newest segment: all of it, or as many whole records
// as there was room for, and the error.
func (w *Writer) write() error {
	if w.lock == nil {
		return ErrClosed
	}
	if w.file == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	n, err := w.file.WriteAt(w.out, w.size)
	if err == nil {
		w.size, w.records = w.size+int64(n), w.records+w.pending
		w.out, w.pending = w.out[:0], 0
		return nil
	}
	whole := bytes.LastIndexByte(w.out[:n], '\n') + 1
	lines := bytes.Count(w.out[:whole], []byte("\n"))
	w.size, w.records = w.size+int64(whole), w.records+lines
	w.out, w.pending = append(w.out[:0], w.out[whole:]...), max(0, w.pending-lines)
	w.file.Truncate(w.size) // if it fails: the next write covers the torn record
	return err
}

// begin makes the next segment, and removes what it pushes out.
func (w *Writer) begin() error {
	f, err := os.OpenFile(segmentName(w.cfg.Dir, w.number+1), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w.file, w.size, w.records, w.number = f, 0, 0, w.number+1
	w.dropOld()
	return nil
}

// rotate ends the newest segment, and in mode Blocking waits until the reader
// has made room for another. Its last record may be all the reader has left, and
// the reader keeps a segment until there is a next: so one is always allowed.
func (w *Writer) rotate() error {
	if w.file != nil {
		w.file.Close()
		w.file = nil
		w.old = append(w.old, segment{w.number, w.size, w.records})
		w.size = 0
	}
	for w.cfg.Mode == Blocking && len(w.old) > 1 && w.full() {
		if err := w.pause(); err != nil {
			return err
		}
	}
	return nil
}

// full reports whether one more segment would go beyond what may be unread.
func (w *Writer) full() bool {
	for len(w.old) > 0 {
		if _, err := os.Stat(segmentName(w.cfg.Dir, w.old[0].number)); err == nil {
			break
		}
		w.old = w.old[1:] // consumed
	}
	total := w.cfg.segmentBytes()
	for _, s := range w.old {
		total += s.size
	}
	return total > w.cfg.MaxBytes
}

// dropOld removes the oldest segments that the mode has no room for.
func (w *Writer) dropOld() {
	for len(w.old) > 0 {
		switch {
		case w.cfg.Mode == NonBlocking && len(w.old) > 1 && w.full():
			w.dropped += w.old[0].records
		case w.cfg.Mode == Rotate && w.cfg.MaxBytes > 0 && len(w.old) >= w.cfg.MaxFiles:
		default:
			return
		}
		os.Remove(segmentName(w.cfg.Dir, w.old[0].number))
		w.old = w.old[1:]
	}
}

// pause waits a moment for room; ErrClosed if the writer is closed meanwhile.
func (w *Writer) pause() error {
	select {
	case <-w.closed:
		return ErrClosed
	case <-time.After(retry):
		return nil
	}
}
