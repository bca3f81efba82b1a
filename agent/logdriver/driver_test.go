package logdriver

import (
	"fmt"
	"strings"
	"testing"
)

// parse reads a configuration written as "type name=value; name=value".
func parse(text string) (Driver, error) {
	driver, rest, _ := strings.Cut(text, " ")
	var config map[string]string
	for option := range strings.SplitSeq(rest, "; ") {
		if name, value, ok := strings.Cut(option, "="); ok {
			if config == nil {
				config = map[string]string{}
			}
			config[name] = value
		}
	}
	return Parse(driver, config)
}

func TestParse(t *testing.T) {
	const aws = "awslogs awslogs-group=g; awslogs-region=r; awslogs-stream=s"
	for _, tc := range []struct{ config, want string }{
		{"", "json-file rotate 10485760 3"},
		{"none", "none discard 0 0"},
		{"none mode=non-blocking", "none discard 0 0"},
		{"json-file", "json-file rotate 0 1"},
		{"json-file max-size=-1", "json-file rotate 0 1"},
		{"json-file max-size=10m", "json-file rotate 10485760 1"},
		{"json-file max-size=1.5kb; max-file=4", "json-file rotate 1536 4"},
		{"json-file mode=non-blocking; max-buffer-size=4m; max-size=1g", "json-file rotate 1073741824 1"},
		{aws, "awslogs blocking 0 0 r/g/s"},
		{"awslogs awslogs-group=g; awslogs-region=r", "awslogs blocking 0 0 r/g/"},
		{aws + "; mode=blocking", "awslogs blocking 0 0 r/g/s"},
		{aws + "; mode=non-blocking", "awslogs non-blocking 0 0 r/g/s"},
		{aws + "; mode=non-blocking; max-buffer-size=25m", "awslogs non-blocking 26214400 0 r/g/s"},
		{aws + "; awslogs-create-group=true; awslogs-endpoint=http://x", "awslogs blocking 0 0 r/g/s create http://x"},
		{aws + "; awslogs-multiline-pattern=^INFO", "awslogs blocking 0 0 r/g/s ^INFO"},
		{aws + `; awslogs-datetime-format=[%b %d, %Y %H:%M:%S]`, `awslogs blocking 0 0 r/g/s \[(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?:0[1-9]|[12][0-9]|3[01]), \d{4} (?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\]`},

		{"splunk splunk-url=x", "error: logger: no log driver named 'splunk' is registered: want one of awslogs, json-file, none"},
		{"json-file compress=true", "error: unknown log opt 'compress' for json-file log driver"},
		{"json-file max-size=lots", `error: invalid max-size "lots"`},
		{"json-file max-size=0", `error: invalid max-size "0"`},
		{"json-file max-size=1m; max-file=0", "error: max-file cannot be less than 1"},
		{"json-file max-file=2", "error: max-file cannot be 2 without max-size"},
		{"none mode=maybe", "error: logger: logging mode not supported: maybe"},
		{aws + "; max-buffer-size=1m", "error: logger: max-buffer-size option is only supported with 'mode=non-blocking'"},
		{aws + "; mode=non-blocking; max-buffer-size=-1m", `error: invalid max-buffer-size "-1m"`},
		{"awslogs awslogs-region=r; awslogs-stream=s", "error: must specify a value for log opt 'awslogs-group'"},
		{"awslogs awslogs-group=g; awslogs-stream=s", "error: must specify a value for log opt 'awslogs-region'"},
		{aws + "; awslogs-create-group=perhaps", "error: must specify valid value for log opt 'awslogs-create-group'"},
		{aws + "; awslogs-multiline-pattern=(", `error: awslogs could not parse multiline pattern key "("`},
		{aws + "; awslogs-multiline-pattern=a; awslogs-datetime-format=%d", "error: you cannot configure log opt"},
		{aws + "; awslogs-datetime-format=%d %q", `error: awslogs could not parse datetime format "%d %q": unknown conversion %q`},
		{aws + "; awslogs-datetime-format=%", `error: awslogs could not parse datetime format "%"`},
		{aws + "; tag=x", "error: unknown log opt 'tag' for awslogs log driver"},
	} {
		d, err := parse(tc.config)
		got := strings.TrimSpace(fmt.Sprintf("%s %s %d %d %s", d.Type, d.Spool.Mode, d.Spool.MaxBytes, d.Spool.MaxFiles, d.AWSLogs))
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != tc.want && (err == nil || !strings.HasPrefix(got, tc.want)) {
			t.Errorf("%s\n got %s\nwant %s", tc.config, got, tc.want)
		}
	}
}

// String is for tables of tests.
func (a AWSLogs) String() string {
	if a.Group == "" {
		return ""
	}
	words := []string{a.Region + "/" + a.Group + "/" + a.Stream}
	if a.CreateGroup {
		words = append(words, "create")
	}
	if a.Endpoint != "" {
		words = append(words, a.Endpoint)
	}
	if a.NewEvent != nil {
		words = append(words, a.NewEvent.String())
	}
	return strings.Join(words, " ")
}

func TestDatetimePattern(t *testing.T) {
	for _, tc := range []struct{ format, matches, others string }{
		{"%Y-%m-%d", "x 2026-11-22 y", "2026-13-22"},
		{"%H:%M:%S%L", "23:59:59.123", "24:59:59.123"},
		{"%a %A %I%p", "Mon Sunday 12PM", "Mon Mon 12PM"},
		{"100%% %z %Z %f", "100% +0100 CET 123456", "100 +0100 CET 123456"},
	} {
		p, err := datetimePattern(tc.format)
		if err != nil || !p.MatchString(tc.matches) || p.MatchString(tc.others) {
			t.Errorf("%s: %v, %v", tc.format, p, err)
		}
	}
}

func TestTypes(t *testing.T) {
	if got := fmt.Sprint(Types()); got != "[awslogs json-file none]" {
		t.Error(got)
	}
}
