package acs

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"berth/aws/arn"
	"berth/aws/sigv4"
	"berth/iam"
	"berth/state"
)

const (
	writeTimeout  = 10 * time.Second // for one frame
	reportTimeout = 10 * time.Second
)

// socket is what an upgrade needs to know of a kind of socket.
type socket struct {
	kind      string
	action    string
	cluster   string // the query parameters
	instance  string
	readLimit int64 // bytes of a frame
}

var (
	acsSocket = socket{"acs", "ecs:Poll", "clusterArn", "containerInstanceArn", 1 << 20}
	tcsSocket = socket{"tcs", "ecs:StartTelemetrySession", "cluster", "containerInstance", 2 << 20} // agents send up to 1 MiB
)

// serve upgrades a request to a websocket and works on that until it ends, or
// says in the agent's words why not.
func (a *API) serve(w http.ResponseWriter, r *http.Request, kind socket, work func(*http.Request, *websocket.Conn, state.ContainerInstance)) {
	i, err := a.admit(r, kind)
	if err != nil {
		a.refuse(w, r, kind, err)
		return
	}
	if !a.begin() {
		a.refuse(w, r, kind, &refusal{http.StatusServiceUnavailable, "ServerException", "This server is stopping."})
		return
	}
	defer a.open.Done()
	conn, err := a.upgrader.Upgrade(w, r, nil) // answers by itself when it fails
	if err != nil {
		a.Log.Info("no upgrade to a websocket", "socket", kind.kind, "instance", i.ARN, "remote", r.RemoteAddr, "err", err)
		return
	}
	defer conn.Close()
	conn.SetReadLimit(kind.readLimit)
	a.Metrics.open(kind.kind, 1)
	defer a.Metrics.open(kind.kind, -1)
	work(r, conn, i)
}

// refusal is why a socket is not opened.
type refusal struct {
	status  int
	code    string
	message string
}

func (e *refusal) Error() string { return e.code + ": " + e.message }

// admit decides who may open a socket, and for which container instance.
func (a *API) admit(r *http.Request, kind socket) (state.ContainerInstance, error) {
	var i state.ContainerInstance
	who, err := a.Authenticate(r)
	if err != nil {
		return i, err
	}
	query := r.URL.Query()
	cluster, ok := a.Store.View().Clusters.Get(a.clusterARN(query.Get(kind.cluster)))
	if pool := a.clusterARN(state.FargateCluster); a.clusterARN(query.Get(kind.cluster)) == pool {
		cluster, ok = state.Cluster{ARN: pool}, true
	}
	if !ok || cluster.Status == "INACTIVE" {
		return i, &refusal{http.StatusBadRequest, "InvalidClusterException", "The referenced cluster does not exist."}
	}
	instance := query.Get(kind.instance)
	if err := a.Authorize(r, who, kind.action, instance); err != nil {
		return i, err
	}
	i, ok = a.Store.View().ContainerInstances.Get(instance)
	switch {
	case !ok, i.Cluster != cluster.ARN:
		return i, &refusal{http.StatusBadRequest, "InvalidInstanceException", "The container instance " + instance + " is not one of the cluster."}
	case who.IsAgent() && i.Agent != who.ARN:
		return i, &iam.Denied{Principal: who, Action: kind.action, Resource: instance}
	case i.Status == "INACTIVE":
		return i, &refusal{http.StatusBadRequest, "InactiveInstanceException", "The container instance is inactive. You must register a new container instance."}
	}
	return i, nil
}

// clusterARN turns a cluster's name or ARN into its ARN.
func (a *API) clusterARN(nameOrARN string) string {
	switch {
	case arn.Is(nameOrARN):
		return nameOrARN
	case nameOrARN == "":
		nameOrARN = "default"
	}
	return arn.ARN{Partition: "aws", Service: "ecs", Region: a.Region, Account: a.Account, Resource: "cluster/" + nameOrARN}.String()
}

// refuse answers a request that is not upgraded. Agents read the first key of
// the body as the kind of error.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, kind socket, err error) {
	var known *refusal
	var signature *sigv4.Error
	var denied *iam.Denied
	switch {
	case errors.As(err, &known):
	case errors.As(err, &denied):
		known = &refusal{http.StatusForbidden, "AccessDeniedException", err.Error()}
	case errors.As(err, &signature):
		known = &refusal{http.StatusForbidden, "InvalidSignatureException", err.Error()}
	default:
		known = &refusal{http.StatusForbidden, "UnrecognizedClientException", err.Error()}
	}
	a.Log.Info("socket refused", "socket", kind.kind, "code", known.code, "remote", r.RemoteAddr, "because", known.message)
	body, _ := json.Marshal(map[string]string{known.code: known.message}) // strings always marshal
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(known.status)
	w.Write(body)
}
