package deploy

import (
	"fmt"
	"strings"

	"berth/plan"
	"berth/plan/place"
	"berth/state"
)

// Launch starts tasks of a service, which is one event.
type Launch struct {
	Service string // ARN
	Title   string // of the event: (service web)
	Starts  []place.Start
	Zone    string // of the tasks, if they are started to balance the zones
}

// launch starts a task at each of places.
func launch(service, title, zone string, start place.Start, places []place.Place) Launch {
	l := Launch{Service: service, Title: title, Zone: zone}
	for _, at := range places {
		start.Place = at
		l.Starts = append(l.Starts, start)
	}
	return l
}

// Apply makes the tasks.
func (a Launch) Apply(tx *state.Tx) {
	var tasks []string
	for _, s := range a.Starts {
		tasks = append(tasks, s.Do(tx).ARN)
	}
	in := ""
	if a.Zone != "" {
		in = " in " + a.Zone + " to AZ Rebalance"
	}
	message := fmt.Sprintf("%s has started %d tasks%s: %s.", a.Title, len(tasks), in, mention(tasks))
	plan.RecordEvent{Service: a.Service, Message: message}.Apply(tx)
}

func (a Launch) String() string {
	t := a.Starts[0].Task
	text := fmt.Sprintf("start %d tasks of %s for %s", len(a.Starts), idOf(t.Definition), t.StartedBy)
	if a.Zone != "" {
		text += " in " + a.Zone
	}
	return text
}

// mention names tasks as events do.
func mention(tasks []string) string {
	var all []string
	for _, arn := range tasks {
		all = append(all, "(task "+idOf(arn)+")")
	}
	return strings.Join(all, " ")
}

// start starts n tasks of a source, as far as there is room, and not before the
// pause after failures is over. A pause is short as long as no more tasks than
// are desired have failed.
func (l *look) start(from source, desired, n int) {
	if n <= 0 {
		return
	}
	if at := nextStart(from, desired); !at.IsZero() {
		l.warn(from.title+" is unable to consistently start tasks successfully."+troubleshooting, steady, finished)
		if l.now.Before(at) {
			l.p.Note("waits until %s to start %d more tasks: %d failed since one became healthy", clock(at), n, from.streak)
			l.p.WakeAt(at)
			return
		}
	}
	for _, share := range shares(l.v, l.s, from, min(n, mostAtOnce)) {
		r, start := l.request(l.v, l.s, from, share)
		r.Taken = l.taken
		places, refused := place.Tasks(l.v, r)
		l.taken = append(l.taken, places...)
		if len(places) > 0 {
			l.p.Do(launch(l.s.ARN, from.title, "", start, places))
		}
		if len(places) < share.count {
			l.unplaced += share.count - len(places)
			l.warn(unplaceable(from.title, share.launchType, refused), started, steady)
			l.p.Note("no room for %d tasks: %s", share.count-len(places), closest(refused))
		}
	}
}

// closest is what a note says of the container instances that refuse a task.
func closest(refused []place.Refusal) string {
	if len(refused) == 0 {
		return "there is no container instance"
	}
	return fmt.Sprintf("container instance %s, the closest, %s", idOf(refused[0].Instance), refused[0].Detail)
}
