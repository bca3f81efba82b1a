package spool

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

// appendRecord appends a line as docker's json-file driver writes it.
func appendRecord(b, line []byte, stream string, now time.Time) []byte {
	b = append(b, `{"log":"`...)
	b = appendEscaped(b, line)
	b = append(b, `","stream":"`...)
	b = append(b, stream...)
	b = append(b, `","time":"`...)
	b = now.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, "\"}\n"...)
}

// appendEscaped appends text as the inside of a JSON string. What is not UTF-8
// becomes U+FFFD: JSON has no other way.
func appendEscaped(b, text []byte) []byte {
	const hex = "0123456789abcdef"
	for len(text) > 0 {
		c := text[0]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, size := utf8.DecodeRune(text)
			b = utf8.AppendRune(b, r) // U+FFFD for what is none
			text = text[size:]
			continue
		}
		text = text[1:]
	}
	return b
}

func decode(line []byte) (Record, error) {
	var r Record
	err := json.Unmarshal(line, &r)
	return r, err
}
