package logdriver

import (
	"fmt"
	"regexp"
	"strings"
)

// datetimes are the conversions of awslogs-datetime-format.
//
// https://docs.docker.com/engine/logging/drivers/awslogs/#awslogs-datetime-format
var datetimes = map[byte]string{
	'a': `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)`,
	'A': `(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)`,
	'w': `[0-6]`,
	'd': `(?:0[1-9]|[12][0-9]|3[01])`,
	'b': `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`,
	'B': `(?:January|February|March|April|May|June|July|August|September|October|November|December)`,
	'm': `(?:0[1-9]|1[0-2])`,
	'Y': `\d{4}`,
	'y': `\d{2}`,
	'H': `(?:[01][0-9]|2[0-3])`,
	'I': `(?:0[0-9]|1[0-2])`,
	'p': `[AP]M`,
	'M': `[0-5][0-9]`,
	'S': `[0-5][0-9]`,
	'f': `\d{6}`,
	'z': `[+-]\d{4}`,
	'Z': `[A-Z]{1,4}T`,
	'j': `(?:0[0-9][1-9]|[12][0-9][0-9]|3[0-5][0-9]|36[0-6])`,
	'L': `\.\d{3}`,
	'%': `%`,
}

// datetimePattern is the pattern of the lines that have a date of this format.
func datetimePattern(format string) (*regexp.Regexp, error) {
	var pattern strings.Builder
	rest := format
	for {
		text, conversion, found := strings.Cut(rest, "%")
		pattern.WriteString(regexp.QuoteMeta(text))
		if !found {
			break
		}
		if conversion == "" || datetimes[conversion[0]] == "" {
			return nil, fmt.Errorf("awslogs could not parse datetime format %q: unknown conversion %%%.1s", format, conversion)
		}
		pattern.WriteString(datetimes[conversion[0]])
		rest = conversion[1:]
	}
	return regexp.Compile(pattern.String())
}
