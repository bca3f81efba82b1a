package deploy

import "time"

// shortest and longest are the pauses between the starts of a source whose tasks
// fail: each is twice as long as the one before.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html
const (
	shortest = 10 * time.Second
	longest  = 27 * time.Minute
)

// nextStart is when tasks of a source may start again; zero while there is no
// pause: as many failures as tasks are desired are one round of starts, and only
// from the second round on there are pauses.
func nextStart(from source, desired int) time.Time {
	rounds := (from.streak - 1) / max(desired, 1)
	if from.streak == 0 || rounds == 0 {
		return time.Time{}
	}
	pause := longest
	if rounds < 9 {
		pause = min(longest, shortest<<(rounds-1))
	}
	return from.failedAt.Add(pause)
}

// clock is a time of the day as notes have it.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }
