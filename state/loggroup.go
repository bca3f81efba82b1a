package state

import "time"

// LogGroup is a group of CloudWatch Logs. It is a record, so that it outlives
// its events: what somebody has set up must not vanish with a disk of history.
type LogGroup struct {
	Name               string
	ID                 string // names its events in the log store; another group of the same name has another
	CreatedAt          time.Time
	RetentionDays      int32 // 0: events stay for ever
	Class              string
	DeletionProtection bool
	Tags               map[string]string
}

var logGroups = kind[LogGroup]{name: "log-groups", key: func(g *LogGroup) string { return g.Name }}
