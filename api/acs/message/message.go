// Package message has the messages that a container agent and its control plane
// exchange on the agent's two websockets: ACS, which brings tasks, and TCS,
// which brings back metrics and health.
//
// Names and meaning are those of Amazon's own agent; a member that it does not
// know is marked as ours, and it ignores such members. Used by api/acs and agent.
package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Frame is one text frame: a message and the name of its type.
type Frame struct {
	Type    string          `json:"type"`
	Message json.RawMessage `json:"message"`
}

// Encode writes m, which is a pointer to one of the structs here, as a frame.
func Encode(m Message) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return json.Marshal(Frame{m.Type(), body})
}

// Message is anything that travels in a frame.
type Message interface {
	// Type is the name of the message's type on the wire.
	Type() string
}

// Decode reads a frame. TCS frames of Amazon's agent start with a block of
// signed headers, which ends with an empty line and is skipped. A type that is
// not known comes back as an *Unknown.
func Decode(text []byte) (Message, error) {
	if _, body, headed := bytes.Cut(text, []byte("\r\n\r\n")); headed && !bytes.HasPrefix(text, []byte("{")) {
		text = body
	}
	var f Frame
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("not a frame: %w", err)
	}
	m := blank(f.Type)
	if m == nil {
		return &Unknown{Name: f.Type, Body: f.Message}, nil
	}
	if err := json.Unmarshal(f.Message, m); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Type, err)
	}
	return m, nil
}

// Unknown is a message of a type that is not known here.
type Unknown struct {
	Name string
	Body json.RawMessage
}

// Type is the name that came with it.
func (u *Unknown) Type() string { return u.Name }

// Time is a moment in epoch seconds with a fraction, as TCS writes it.
type Time struct{ time.Time }

// MarshalJSON writes seconds, to the millisecond.
func (t Time) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", float64(t.UnixMilli())/1000), nil
}

// UnmarshalJSON reads seconds.
func (t *Time) UnmarshalJSON(text []byte) error {
	var seconds float64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return err
	}
	t.Time = time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	return nil
}
