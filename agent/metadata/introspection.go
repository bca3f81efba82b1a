package metadata

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// introspected is a task as the introspection endpoint shows it.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-introspection.html
type introspected struct {
	Arn           string
	DesiredStatus string `json:",omitempty"`
	KnownStatus   string
	Family        string
	Version       string
	Containers    []introspectedContainer
}

type introspectedContainer struct {
	DockerID     string `json:"DockerId"`
	DockerName   string
	Name         string
	Image        string
	ImageID      string
	CreatedAt    *time.Time `json:",omitempty"`
	StartedAt    *time.Time `json:",omitempty"`
	Ports        []Port     `json:",omitempty"`
	Networks     []Network  `json:",omitempty"`
	Volumes      []Volume   `json:",omitempty"`
	RestartCount *int       `json:",omitempty"`
}

// Introspection serves what an agent is and runs, for people and programs on
// the machine. It asks nobody who they are: do not let containers reach it.
func Introspection(agent Agent) http.Handler {
	mux := http.NewServeMux()
	write := func(w http.ResponseWriter, status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("/v1/metadata", func(w http.ResponseWriter, r *http.Request) {
		instance, _ := agent.Tasks()
		write(w, http.StatusOK, instance)
	})
	mux.HandleFunc("/v1/tasks", func(w http.ResponseWriter, r *http.Request) {
		_, tasks := agent.Tasks()
		query := r.URL.Query()
		if !query.Has("dockerid") && !query.Has("taskarn") {
			all := []introspected{}
			for _, t := range tasks {
				all = append(all, introspect(t))
			}
			write(w, http.StatusOK, map[string]any{"Tasks": all})
			return
		}
		status, found := pick(tasks, query.Get("dockerid"), query.Get("taskarn"))
		write(w, status, found)
	})
	return mux
}

// pick finds one task by a container's id, or the first 12 characters of it, or by ARN.
func pick(tasks []Task, dockerID, arn string) (status int, found introspected) {
	if dockerID != "" && arn != "" {
		return http.StatusBadRequest, introspected{}
	}
	const short = 12
	status = http.StatusNotFound
	for _, t := range tasks {
		match := arn != "" && t.TaskARN == arn
		for _, c := range t.Containers {
			match = match || dockerID != "" && (c.DockerID == dockerID || len(dockerID) <= short && strings.HasPrefix(c.DockerID, dockerID))
		}
		if !match {
			continue
		}
		if status == http.StatusOK { // the short id is that of several
			return http.StatusBadRequest, introspected{}
		}
		status, found = http.StatusOK, introspect(t)
	}
	return status, found
}

func introspect(t Task) introspected {
	shown := introspected{Arn: t.TaskARN, DesiredStatus: t.DesiredStatus, KnownStatus: t.KnownStatus, Family: t.Family, Version: t.Revision, Containers: []introspectedContainer{}}
	for _, c := range t.Containers {
		count := c.RestartCount
		c = v3.showContainer(c)
		shown.Containers = append(shown.Containers, introspectedContainer{c.DockerID, c.DockerName, c.Name, c.Image, c.ImageID,
			c.CreatedAt, c.StartedAt, c.Ports, c.Networks, c.Volumes, count})
	}
	return shown
}
