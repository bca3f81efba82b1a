package explain

import "time"

// ServicePath is where a control plane explains a service, and PlanPath where it
// says what an update of one would do.
const (
	ServicePath = "/_berth/explain/service"
	PlanPath    = "/_berth/plan"
)

// ServiceQuestion asks what happens to a service, and why no more does.
type ServiceQuestion struct {
	Cluster string `json:"cluster,omitempty"` // name or ARN; default "default"
	Service string `json:"service"`           // name or ARN
}

// Service is what happens to a service.
type Service struct {
	Name        string       `json:"name"`
	Status      string       `json:"status"`
	Scheduling  string       `json:"scheduling"`
	Desired     int          `json:"desired"`
	Pending     int          `json:"pending"`
	Running     int          `json:"running"`
	Healthy     int          `json:"healthy"`
	Deployments []Deployment `json:"deployments"`
	Next        []string     `json:"next"`
	Notes       []string     `json:"notes"`
	Wake        *time.Time   `json:"wake,omitempty"`
	Where       []Answer     `json:"where"`  // one more task would run
	Events      []Event      `json:"events"` // the newest, newest first
}

// MostEvents is how many events an explanation has.
const MostEvents = 5

// Event is one of a service's.
type Event struct {
	At      time.Time `json:"at"`
	Message string    `json:"message"`
}

// Deployment is one of a service's.
type Deployment struct {
	ID             string `json:"id"`
	Status         string `json:"status"`
	TaskDefinition string `json:"taskDefinition"`
	State          string `json:"state"`
	Reason         string `json:"reason"`
	Desired        int    `json:"desired"`
	Pending        int    `json:"pending"`
	Running        int    `json:"running"`
	Failed         int    `json:"failed"`
}

// Forecast is what an update would do, if its tasks started at once and stayed healthy.
type Forecast struct {
	Steps        []Step `json:"steps"`
	LeastHealthy int    `json:"leastHealthy"`
	MostLive     int    `json:"mostLive"`
	Steady       bool   `json:"steady"`
}

// Step is what happens at one moment.
type Step struct {
	After   time.Duration `json:"after"` // since the update, in nanoseconds
	Actions []string      `json:"actions,omitempty"`
	Notes   []string      `json:"notes,omitempty"`
}
