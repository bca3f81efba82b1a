package state

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"berth/state/journal"
)

// A snapshot file has a header line, one line per record, and a trailer line
// without which it is not whole. Every line is JSON.
type (
	snapshotHeader struct {
		Format   string    `json:"format"`
		Schema   int       `json:"schema"`
		Revision int64     `json:"revision"`
		Time     time.Time `json:"time"`
	}
	snapshotRecord struct {
		Key   string          `json:"key"` // as in the journal
		Value json.RawMessage `json:"value"`
	}
	snapshotTrailer struct {
		Records int    `json:"records"`
		SHA256  string `json:"sha256"` // of all bytes before this line
	}
)

const snapshotFormat = "berth snapshot 1"

// Save writes all that the store knows, as of one revision, to w.
func (s *Store) Save(w io.Writer) error { return s.View().save(w, time.Now().UTC()) }

func (v *View) save(to io.Writer, now time.Time) error {
	sum, buffered := sha256.New(), bufio.NewWriter(to)
	w := json.NewEncoder(io.MultiWriter(buffered, sum))
	w.SetEscapeHTML(false)
	if err := w.Encode(snapshotHeader{snapshotFormat, schema(migrations), v.revision, now}); err != nil {
		return err
	}
	count := 0
	for _, t := range v.tables() {
		err := t.each(func(key string, record any) error {
			value, err := t.encode(record)
			if err != nil {
				return fmt.Errorf("encode %s/%s: %w", t.Name(), key, err)
			}
			count++
			return w.Encode(snapshotRecord{Key{t.Name(), key}.journalled(), value})
		})
		if err != nil {
			return err
		}
	}
	if err := w.Encode(snapshotTrailer{count, hex.EncodeToString(sum.Sum(nil))}); err != nil {
		return err
	}
	return buffered.Flush()
}

// readSnapshot reads a whole snapshot file and checks that it is one.
func readSnapshot(from io.Reader) (snapshotHeader, []journal.Change, error) {
	var header snapshotHeader
	var changes []journal.Change
	damaged := func(format string, args ...any) (snapshotHeader, []journal.Change, error) {
		return header, nil, fmt.Errorf("the snapshot is damaged: "+format, args...)
	}
	sum, r := sha256.New(), bufio.NewReader(from)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			return damaged("it ends early, in line %d", n)
		}
		if err != nil {
			return header, nil, err
		}
		switch {
		case n == 1:
			if json.Unmarshal(line, &header) != nil || header.Format != snapshotFormat {
				return header, nil, errors.New("this is not a snapshot file of berth")
			}
		case bytes.HasPrefix(line, []byte(`{"records":`)):
			var trailer snapshotTrailer
			if err := json.Unmarshal(line, &trailer); err != nil {
				return damaged("line %d: %w", n, err)
			}
			if trailer.Records != len(changes) || trailer.SHA256 != hex.EncodeToString(sum.Sum(nil)) {
				return damaged("its contents do not match its checksum")
			}
			return header, changes, nil
		default:
			var record snapshotRecord
			if err := json.Unmarshal(line, &record); err != nil {
				return damaged("line %d: %w", n, err)
			}
			changes = append(changes, journal.Change{Key: record.Key, Value: record.Value})
		}
		sum.Write(line)
	}
}

// Restore writes a snapshot file that Save wrote into a journal on which no
// server runs. The journal must be empty, or force must be true: then it is
// replaced. A damaged file is refused before anything is written. A restore
// that is interrupted leaves a journal that no server accepts, until one has
// come to its end.
func Restore(ctx context.Context, j journal.Journal, from io.Reader, force bool) error {
	header, changes, err := readSnapshot(from)
	if err != nil {
		return err
	}
	if header.Schema > schema(migrations) {
		return &SchemaError{header.Schema, schema(migrations)}
	}
	if header.Schema == schema(migrations) { // of an older one we cannot know
		if err := newView().apply(changes...); err != nil {
			return fmt.Errorf("the snapshot does not fit: %w", err)
		}
	}
	term, err := j.Campaign(ctx, "")
	if errors.Is(err, journal.ErrLed) {
		return errors.New("a server runs on this data; stop it before you restore")
	}
	if err != nil {
		return err
	}
	defer term.Resign(context.WithoutCancel(ctx)) // if it fails, the lease expires by itself
	stale, interrupted, err := present(ctx, j)
	if err != nil {
		return err
	}
	if len(stale) > 0 && !force && !interrupted {
		return fmt.Errorf("there are already %d records; restoring replaces them: say so with --force", len(stale))
	}
	return replace(ctx, &writer{term: term, limits: j.Limits()}, header, stale, changes)
}

// present returns the keys of all records, and whether they are what an
// interrupted restore left.
func present(ctx context.Context, j journal.Journal) (keys map[string]bool, interrupted bool, err error) {
	keys = map[string]bool{}
	_, err = j.Load(ctx, func(c journal.Change) error {
		if _, ok := keyOf(c.Key); ok {
			keys[c.Key] = true
		}
		interrupted = interrupted || c.Key == restoringKey
		return nil
	})
	return keys, interrupted, err
}

func replace(ctx context.Context, w *writer, header snapshotHeader, stale map[string]bool, changes []journal.Change) error {
	mark := journal.Change{Key: restoringKey, Value: []byte(header.Time.Format(time.RFC3339))}
	if err := w.put(ctx, mark); err != nil {
		return err
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	for _, c := range changes {
		delete(stale, c.Key)
	}
	for key := range stale {
		changes = append(changes, journal.Change{Key: key})
	}
	if err := w.put(ctx, changes...); err != nil {
		return err
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	done := []journal.Change{{Key: schemaKey, Value: []byte(strconv.Itoa(header.Schema))}, {Key: restoringKey}}
	if err := w.put(ctx, done...); err != nil {
		return err
	}
	return w.flush(ctx)
}
