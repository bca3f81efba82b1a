// Package logdriver does with a container's output what its log configuration
// asks for: awslogs sends it to CloudWatch Logs, json-file keeps it in rotated
// files, none throws it away.
//
// [Parse] reads a configuration and says how the shim spools the output; for
// awslogs a [Shipper] then moves it from the spool to the API, in order, and goes
// on after a restart where it was. Other drivers and options are refused, never
// ignored. Used by agent/engine.
package logdriver

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"berth/agent/spool"
)

// The drivers there are, as docker and the agent's capabilities name them.
const (
	TypeAWSLogs  = "awslogs"
	TypeJSONFile = "json-file"
	TypeNone     = "none"
)

// Driver is a log configuration that was understood.
type Driver struct {
	Type    string
	Spool   spool.Config // how the output is spooled; its directory is the caller's choice
	AWSLogs AWSLogs      // where awslogs sends it
}

// AWSLogs is where and how the awslogs driver sends output.
type AWSLogs struct {
	Group, Stream string // no stream: Config names it
	Region        string
	Endpoint      string         // empty: the control plane's
	CreateGroup   bool           // make the group if it is not there
	NewEvent      *regexp.Regexp // a line that matches begins an event; nil: each does
}

// options are what each driver understands, as docker has them.
//
// https://docs.docker.com/engine/logging/drivers/awslogs/
// https://docs.docker.com/engine/logging/drivers/json-file/
var options = map[string][]string{
	TypeAWSLogs: {"awslogs-group", "awslogs-stream", "awslogs-region", "awslogs-endpoint", "awslogs-create-group",
		"awslogs-datetime-format", "awslogs-multiline-pattern", "awslogs-credentials-endpoint", "mode", "max-buffer-size"},
	TypeJSONFile: {"max-size", "max-file", "mode", "max-buffer-size"},
	TypeNone:     {"mode", "max-buffer-size"},
}

// Types lists the drivers there are.
func Types() []string { return slices.Sorted(maps.Keys(options)) }

// Parse reads a log configuration. The error is in docker's words where docker
// has some. Without a driver the newest 30 MiB are kept in files: nobody asked
// for a log that fills the disk.
func Parse(driver string, config map[string]string) (Driver, error) {
	if driver == "" {
		return Driver{Type: TypeJSONFile, Spool: spool.Config{Mode: spool.Rotate, MaxBytes: 10 << 20, MaxFiles: 3}}, nil
	}
	known, ok := options[driver]
	if !ok {
		return Driver{}, fmt.Errorf("logger: no log driver named '%s' is registered: want one of %s", driver, strings.Join(Types(), ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(config)) {
		if !slices.Contains(known, name) {
			return Driver{}, fmt.Errorf("unknown log opt '%s' for %s log driver", name, driver)
		}
	}
	d := Driver{Type: driver}
	mode, buffer, err := parseMode(config)
	if err != nil {
		return Driver{}, err
	}
	switch driver {
	case TypeNone:
		d.Spool.Mode = spool.Discard
	case TypeJSONFile:
		d.Spool, err = parseRotation(config)
	case TypeAWSLogs:
		d.Spool = spool.Config{Mode: mode, MaxBytes: buffer}
		d.AWSLogs, err = parseAWSLogs(config)
	}
	return d, err
}

// parseMode reads what applies to all drivers.
func parseMode(config map[string]string) (mode spool.Mode, buffer int64, err error) {
	switch mode = spool.Mode(config["mode"]); mode {
	case "":
		mode = spool.Blocking
	case spool.Blocking, spool.NonBlocking:
	default:
		return "", 0, fmt.Errorf("logger: logging mode not supported: %s", mode)
	}
	text, ok := config["max-buffer-size"]
	if !ok {
		return mode, 0, nil
	}
	if mode != spool.NonBlocking {
		return "", 0, fmt.Errorf("logger: max-buffer-size option is only supported with 'mode=%s'", spool.NonBlocking)
	}
	buffer, err = parseSize(text)
	if err != nil || buffer < 1<<10 {
		return "", 0, fmt.Errorf("invalid max-buffer-size %q: want at least 1k, such as 10m", text)
	}
	return mode, buffer, nil
}

func parseRotation(config map[string]string) (spool.Config, error) {
	c := spool.Config{Mode: spool.Rotate, MaxFiles: 1}
	if text, ok := config["max-size"]; ok && text != "-1" {
		var err error
		if c.MaxBytes, err = parseSize(text); err != nil || c.MaxBytes <= 0 {
			return c, fmt.Errorf("invalid max-size %q of the log driver json-file: want a size such as 10m, or -1 for no bound", text)
		}
	}
	if text, ok := config["max-file"]; ok {
		var err error
		if c.MaxFiles, err = strconv.Atoi(text); err != nil || c.MaxFiles < 1 {
			return c, fmt.Errorf("max-file cannot be less than 1")
		}
		if c.MaxFiles > 1 && c.MaxBytes == 0 {
			return c, fmt.Errorf("max-file cannot be %d without max-size", c.MaxFiles)
		}
	}
	return c, nil
}

func parseAWSLogs(config map[string]string) (AWSLogs, error) {
	a := AWSLogs{Group: config["awslogs-group"], Stream: config["awslogs-stream"],
		Region: config["awslogs-region"], Endpoint: config["awslogs-endpoint"]}
	for _, name := range []string{"awslogs-group", "awslogs-region"} {
		if config[name] == "" {
			return a, fmt.Errorf("must specify a value for log opt '%s'", name)
		}
	}
	var err error
	if text := config["awslogs-create-group"]; text != "" {
		if a.CreateGroup, err = strconv.ParseBool(text); err != nil {
			return a, fmt.Errorf("must specify valid value for log opt 'awslogs-create-group': %w", err)
		}
	}
	format, pattern := config["awslogs-datetime-format"], config["awslogs-multiline-pattern"]
	switch {
	case format != "" && pattern != "":
		return a, fmt.Errorf("you cannot configure log opt 'awslogs-datetime-format' and 'awslogs-multiline-pattern' at the same time")
	case format != "":
		a.NewEvent, err = datetimePattern(format)
	case pattern != "":
		if a.NewEvent, err = regexp.Compile(pattern); err != nil {
			err = fmt.Errorf("awslogs could not parse multiline pattern key %q: %w", pattern, err)
		}
	}
	return a, err
}

// sizes are 1024 to the next.
const sizes = "bkmgtp"

// parseSize reads a size as docker writes it: 512, 10k, 1.5m, 1gb, 2GiB.
func parseSize(text string) (int64, error) {
	number := strings.TrimRight(strings.ToLower(text), "ib")
	shift := 0
	if n := len(number); n > 0 {
		if unit := strings.IndexByte(sizes, number[n-1]); unit > 0 {
			number, shift = number[:n-1], 10*unit
		}
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || value < 0 || value*float64(int64(1)<<shift) > 1<<60 {
		return 0, fmt.Errorf("invalid size: '%s'", text)
	}
	return int64(value * float64(int64(1)<<shift)), nil
}
