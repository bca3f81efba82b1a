package logstore

import (
	"bytes"
	"encoding/binary"
)

// Keys. A group is its id and "/", which no id contains; numbers are big endian.
//
//	s group name                    a stream, as JSON
//	e group day stream time seq     an event: its ingestion, and the message
//
// Within a group the day comes first, so that retention deletes whole days with
// one tombstone each; within a day each stream has its events in one place.
const (
	streamKind = 's'
	eventKind  = 'e'
)

const dayMillis = 24 * 60 * 60 * 1000

func dayOf(millis int64) int64 { return millis / dayMillis }

func groupPrefix(kind byte, group string) []byte {
	return append(append([]byte{kind}, group...), '/')
}

func streamKey(group, name string) []byte { return append(groupPrefix(streamKind, group), name...) }

func dayPrefix(group string, day int64) []byte {
	return binary.BigEndian.AppendUint16(groupPrefix(eventKind, group), uint16(day))
}

func streamDayPrefix(group string, day int64, stream uint64) []byte {
	return binary.BigEndian.AppendUint64(dayPrefix(group, day), stream)
}

// eventKey is where an event is, or the first that is not before it.
func eventKey(group string, p Position) []byte {
	key := streamDayPrefix(group, dayOf(p.Time), p.Stream)
	key = binary.BigEndian.AppendUint32(key, uint32(p.Time%dayMillis))
	return binary.BigEndian.AppendUint64(key, p.Seq)
}

const positionBytes = 2 + 8 + 4 + 8

// positionOf reads the end of an event's key.
func positionOf(key []byte) Position {
	p := key[len(key)-positionBytes:]
	day := int64(binary.BigEndian.Uint16(p))
	return Position{
		Time:   day*dayMillis + int64(binary.BigEndian.Uint32(p[10:])),
		Stream: binary.BigEndian.Uint64(p[2:]),
		Seq:    binary.BigEndian.Uint64(p[14:]),
	}
}

// groupOf reads the group's id out of any key.
func groupOf(key []byte) string {
	group, _, _ := bytes.Cut(key[1:], []byte("/"))
	return string(group)
}

// after is the smallest key that is greater than all with a prefix.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
