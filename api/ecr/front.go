package ecr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"berth/aws/protocol"
	"berth/iam"
	"berth/plan/access"
)

// registryPath is a path of the OCI distribution protocol.
//
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints
var registryPath = regexp.MustCompile(`^/v2/(.+)/(manifests|blobs|tags)/(.*)$`)

// Front serves the registry, below /v2/, to those who may: docker, containerd,
// skopeo, crane and the like, with a password of GetAuthorizationToken.
func (a *API) Front() http.Handler { return http.HandlerFunc(a.front) }

func (a *API) front(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if a.elsewhere(w, r) {
		return
	}
	path := registryPath.FindStringSubmatch(r.URL.Path)
	p, err := a.identify(r, path)
	if err != nil {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Basic realm="%s/",service="ecr.amazonaws.com"`, a.cfg.Endpoint))
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "Your authorization token is missing, unknown or has expired. Reauthenticate and try again: aws ecr get-login-password")
		return
	}
	if path == nil {
		if r.URL.Path == "/v2/" {
			a.cfg.Registry.ServeHTTP(w, r)
			return
		}
		refuse(w, http.StatusNotFound, "UNSUPPORTED", "This registry has no "+r.URL.Path)
		return
	}
	if a.admit(w, r, p, path[1], path[2], path[3]) {
		w, r.Body = patiently(w, r)
		a.cfg.Registry.ServeHTTP(w, r)
	}
}

// elsewhere passes a request on to the leader, if that is another server: it has
// the images. It reports whether it did.
func (a *API) elsewhere(w http.ResponseWriter, r *http.Request) bool {
	err := a.here(r.Context())
	var other interface{ Leader() string }
	switch {
	case err == nil:
		return false
	case !errors.As(err, &other) || r.Header.Get(passedOn) != "":
		refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "No server has the images at the moment. Try again.")
		return true
	}
	leader, err := url.Parse(other.Leader())
	if err != nil || leader.Host == "" {
		refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "There is no leader at the moment. Try again.")
		return true
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(leader)
		p.Out.Host = p.In.Host
		p.Out.Header.Set(passedOn, "1")
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
		refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "The server that has the images does not answer: "+err.Error())
	}}
	out, body := patiently(w, r)
	r.Body = body
	proxy.ServeHTTP(out, r)
	return true
}

// passedOn marks a request that another server sent on, which happens once.
const passedOn = "X-Berth-Passed-On"

// identify finds out who asks: by password, or by a ticket for one repository.
func (a *API) identify(r *http.Request, path []string) (iam.Principal, error) {
	if user, password, ok := r.BasicAuth(); ok {
		return a.login(user, password)
	}
	q := r.URL.Query()
	p, err := a.holder(q.Get("key"), q.Get("ticket"))
	if err == nil && (path == nil || path[2] != "blobs" || r.Method != http.MethodGet || p.Policy != ticketFor+path[1]) {
		err = iam.ErrUnknownKey
	}
	p.Policy, p.PolicyARNs = "", nil // they were asked when the ticket was made
	return p, err
}

// ticketFor stands in place of the policy of a ticket's session; the repository's
// name follows.
const ticketFor = "layers of "

// ticket is the query of a URL by which a layer of a repository can be fetched.
func (a *API) ticket(ctx context.Context, repository string) (string, error) {
	p := protocol.CallOf(ctx).Principal
	p.Policy = ticketFor + repository
	now := time.Now()
	key, err := access.Issue(a.cfg.Store.View(), p, now, now.Add(time.Hour))
	return url.Values{"key": {key.AccessKeyID}, "ticket": {key.Token}}.Encode(), err
}

// admit answers a request that may not reach the registry, and reports whether
// it may.
func (a *API) admit(w http.ResponseWriter, r *http.Request, p iam.Principal, name, kind, rest string) bool {
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	for _, action := range actions(kind, read) {
		if err := a.authorize(p, action, name); err != nil {
			refuse(w, http.StatusForbidden, "DENIED", err.Error())
			return false
		}
	}
	repository, ok := a.cfg.Store.View().Repositories.Get(name)
	switch {
	case !ok:
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", a.missing(name))
		return false
	case r.Method == http.MethodDelete && kind != "blobs":
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "Images are deleted with the operation BatchDeleteImage of the ECR API")
		return false
	case kind == "manifests" && r.Method == http.MethodPut && !strings.Contains(rest, ":"):
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
		if err != nil {
			refuse(w, http.StatusBadRequest, "MANIFEST_INVALID", "The manifest cannot be read: "+err.Error())
			return false
		}
		var moved *types.ImageTagAlreadyExistsException
		if err := a.checkTag(r.Context(), repository, rest, digestOf(body)); errors.As(err, &moved) {
			refuse(w, http.StatusBadRequest, "TAG_INVALID", moved.ErrorMessage())
			return false
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	case kind == "blobs" && read:
		a.cfg.Registry.Touch(rest)
	case kind == "blobs" && r.URL.Query().Get("from") != "":
		from := r.URL.Query().Get("from")
		if a.authorize(p, "ecr:GetDownloadUrlForLayer", from) != nil {
			q := r.URL.Query() // as if the blob were not there: the client sends it
			q.Del("from")
			q.Del("mount")
			r.URL.RawQuery = q.Encode()
		} else {
			a.cfg.Registry.Touch(r.URL.Query().Get("mount"))
		}
	}
	return true
}

func (a *API) authorize(p iam.Principal, action, repository string) error {
	return access.Authorize(a.cfg.Store.View(), time.Now(), p, action, []string{a.arn(repository)}, nil)
}

// actions are what a request needs to be allowed.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
func actions(kind string, read bool) []string {
	switch {
	case kind == "tags":
		return []string{"ecr:ListImages"}
	case kind == "manifests" && read:
		return []string{"ecr:BatchGetImage"}
	case kind == "manifests":
		return []string{"ecr:PutImage"}
	case read:
		return []string{"ecr:GetDownloadUrlForLayer"}
	}
	return []string{"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"}
}

// refuse answers in the distribution protocol's form of errors.
func refuse(w http.ResponseWriter, status int, code, message string) {
	type problem struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string][]problem{"errors": {{code, message}}})
}

// patience is how long a client may take for the next bytes of a layer.
const patience = time.Minute

// patiently replaces the limits on the time of a whole request, which a large
// layer exceeds, by one on each read and write.
func patiently(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, io.ReadCloser) {
	c := http.NewResponseController(w)
	return &slowWriter{w, c}, &slowBody{r.Body, c}
}

type slowBody struct {
	io.ReadCloser
	c *http.ResponseController
}

func (b *slowBody) Read(p []byte) (int, error) {
	b.c.SetReadDeadline(time.Now().Add(patience)) // what cannot be set stays as it was
	return b.ReadCloser.Read(p)
}

type slowWriter struct {
	http.ResponseWriter
	c *http.ResponseController
}

func (w *slowWriter) Write(p []byte) (int, error) {
	w.c.SetWriteDeadline(time.Now().Add(patience))
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *slowWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
