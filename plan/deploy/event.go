package deploy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"berth/plan"
	"berth/plan/place"
)

// sixHours is for how long an event of a cause that stays is not repeated.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages.html
const sixHours = 6 * time.Hour

// The last words of events that say that a cause is resolved.
const (
	started  = " has started "
	steady   = " has reached a steady state."
	finished = " deployment completed."
)

const troubleshooting = " For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."

// warn records an event, unless the same was said in the last six hours and
// none with the words that say that its cause is resolved came after it. Then
// it is due when the six hours are over. Of what is the same, the first sentence
// counts.
func (l *look) warn(message string, resolved ...string) {
	l.unsteady = l.unsteady || slices.Contains(resolved, steady)
	cause, _, _ := strings.Cut(message, ". ")
	for e := range l.v.LatestEventsOf(l.s.ARN) {
		again := e.At.Add(sixHours)
		if !l.now.Before(again) || contains(e.Message, resolved) {
			break
		}
		if strings.HasPrefix(e.Message, cause) {
			l.p.WakeAt(again)
			return
		}
	}
	l.p.Do(plan.RecordEvent{Service: l.s.ARN, Message: message})
	l.p.WakeAt(l.now) // an event changes nothing that wakes anybody
}

func contains(message string, any []string) bool {
	for _, words := range any {
		if strings.Contains(message, words) {
			return true
		}
	}
	return false
}

// unplaceable is the event that says why tasks found no place. The instance that
// is closest to running one is the first that refused.
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
func unplaceable(title, launchType string, refused []place.Refusal) string {
	unable := title + " was unable to place a task"
	if launchType == "FARGATE" {
		return unable + ". Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone." + troubleshooting
	}
	unable += " because no container instance met all of its requirements."
	if len(refused) == 0 {
		return unable + " Reason: No Container Instances were found in your cluster." + troubleshooting
	}
	closest := refused[0]
	return fmt.Sprintf("%s The closest matching (container-instance %s) %s.%s", unable, idOf(closest.Instance), refusal(closest.Reason), troubleshooting)
}

// refusal is a reason of place as events put it.
func refusal(reason string) string {
	switch reason {
	case "RESOURCE:CPU":
		return "has insufficient CPU units available"
	case "RESOURCE:MEMORY":
		return "has insufficient memory available"
	case "RESOURCE:PORTS":
		return "is already using a port required by your task"
	case "ATTRIBUTE":
		return "is missing an attribute required by your task"
	}
	return fmt.Sprintf("encountered error %q", strings.TrimSuffix(reason, "."))
}

// idOf is the last part of an ARN.
func idOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
