package shape

import (
	"math"
	"strconv"
	"time"
)

// Timestamps outside the years 1 to 9999 have no form that all clients read.
const (
	minSeconds = -62135596800
	maxSeconds = 253402300799
)

// timeOf returns the time that is seconds after the epoch, in whole milliseconds.
func timeOf(seconds float64) (time.Time, bool) {
	if !(minSeconds <= seconds && seconds <= maxSeconds) {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC(), true
}

// appendSeconds writes t in seconds after the epoch, with milliseconds as the
// fraction where there are any.
func appendSeconds(b []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		b = append(b, '-')
		ms = -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	if ms %= 1000; ms == 0 {
		return b
	}
	b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// appendFloat writes f with the fewest digits that read back as f; bits is the
// size of its Go type. The three values that are no numbers have names.
func appendFloat(b []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, f, format, -1, bits)
}

// namedFloat returns the value of a float that is written as a word.
func namedFloat(s string) (float64, bool) {
	switch s {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	return 0, false
}

// integral returns the integer that the text of a number with a fraction or an
// exponent means, such as 60.0 or 6e1.
func integral(text string) (int64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, false
	}
	return wholeFloat(f)
}

// wholeFloat returns f as an integer if it is one, and small enough to have
// been meant exactly.
func wholeFloat(f float64) (int64, bool) {
	if f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
		return 0, false
	}
	return int64(f), true
}
