package protocol

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"berth/aws/sigv4"
	"berth/iam"
)

// Credential is an access key as the server checks it.
type Credential struct {
	Secret    string
	Principal iam.Principal
}

// Config says what a server serves. Region, Services and Credentials are
// required.
type Config struct {
	Region   string
	Services []Service

	// Credentials finds an access key that belongs to a session token, which is
	// empty for long-lived keys. Its errors are iam.ErrUnknownKey and
	// iam.ErrExpired.
	Credentials func(ctx context.Context, accessKeyID, token string) (Credential, error)

	// Authorize decides about every call before its handler sees it; default
	// iam.RootOnly.
	Authorize func(p iam.Principal, action string, resources []string, keys iam.Keys) error

	// MaxBody bounds a request's body, packed and unpacked, in bytes. The
	// default of 8 MiB has room for the largest that AWS documents for these
	// services, a batch of 1 MiB (PutLogEvents, PutMetricData,
	// SendMessageBatch), even if each byte of it is escaped in JSON.
	MaxBody int64

	// Revision is the state's newest revision; answers carry it, so that a
	// server that passed a call on to the leader can wait for it with CaughtUp
	// and its client then reads what it wrote. Nil on a server that is alone.
	Revision func() int64
	CaughtUp func(ctx context.Context, revision int64) error

	Log     *slog.Logger // default slog.Default()
	Metrics *Metrics     // default none
}

// Server answers AWS requests for all services behind one endpoint. It is an
// http.Handler for HTTP/1.1 and expects its http.Server to bound how long a
// client may take to send its header and body.
type Server struct {
	Config
	forward *http.Client

	byTarget  map[string]*service
	byVersion map[string]*service
	bySigning map[string]*service
}

// New checks cfg and compiles its services.
func New(cfg Config) (*Server, error) {
	if cfg.Region == "" || cfg.Credentials == nil || len(cfg.Services) == 0 {
		return nil, errors.New("protocol: Region, Services and Credentials are required")
	}
	if cfg.Authorize == nil {
		cfg.Authorize = iam.RootOnly
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.MaxBody = cmp.Or(cfg.MaxBody, 8<<20)
	for _, want := range cfg.Services {
		if _, ok := Lookup(want.Name); !ok {
			return nil, fmt.Errorf("protocol: the catalog has no service %q", want.Name)
		}
	}
	s := &Server{
		Config: cfg, forward: forwarder(),
		byTarget: map[string]*service{}, byVersion: map[string]*service{}, bySigning: map[string]*service{},
	}
	for _, facts := range catalog {
		i := slices.IndexFunc(cfg.Services, func(s Service) bool { return s.Name == facts.Name })
		var served *Service
		if i >= 0 {
			served = &cfg.Services[i]
		}
		c, err := compile(facts, served)
		if err != nil {
			return nil, err
		}
		s.add(c)
	}
	return s, nil
}

func (s *Server) add(c *service) {
	if c.Target != "" {
		s.byTarget[c.Target] = c
	}
	if c.Version != "" {
		s.byVersion[c.Version] = c
	}
	if s.bySigning[c.signingName()] == nil { // the newer of two generations comes first
		s.bySigning[c.signingName()] = c
	}
}

// exchange is one request on its way through the server.
type exchange struct {
	target
	call  *Call
	r     *http.Request
	key   string // access key id, once read
	body  []byte // as it came over the network
	start time.Time

	err      error  // why it failed, for the log
	passedTo string // the leader's URL, if that has answered
}

// handle takes a request through all steps up to its answer, or to the error
// that answers it.
func (s *Server) handle(w http.ResponseWriter, x *exchange) (any, error) {
	var err error
	if x.body, err = s.readBody(w, x.r); err != nil {
		x.target, _ = s.route(x.r, nil) // to answer in the right protocol
		return nil, err
	}
	body, unpackErr := s.unpack(x.r, x.body)
	if x.target, err = s.route(x.r, body); err != nil {
		return nil, err
	}
	x.call.Service, x.call.Operation = x.service.Name, x.operation
	if err = s.authenticate(x); err != nil {
		return nil, err
	}
	if unpackErr != nil {
		return nil, unpackErr
	}
	operation, err := x.find()
	if err != nil {
		return nil, err
	}
	input := reflect.New(operation.input)
	if x.call.Present, err = x.decode(body, input.Interface()); err != nil {
		return nil, err
	}
	if err = s.authorize(x, input.Interface()); err != nil {
		return nil, err
	}
	return operation.call(WithCall(x.r.Context(), x.call), input)
}

// authenticate finds out who makes the call.
func (s *Server) authenticate(x *exchange) (err error) {
	if slices.Contains(x.service.Unsigned, x.operation) && !sigv4.Signed(x.r) {
		return nil
	}
	x.key, x.call.Principal, err = s.verify(x.r, x.body, x.service)
	return err
}

// Authenticate returns who signed r, with its body as it came over the network,
// for the service of that signing name. It is for what is no call of an
// operation, such as a websocket. Its errors say what clients may know.
func (s *Server) Authenticate(r *http.Request, body []byte, signingName string) (iam.Principal, error) {
	called, ok := s.bySigning[signingName]
	if !ok {
		called = &service{Facts: Facts{Name: signingName}}
	}
	_, principal, err := s.verify(r, body, called)
	return principal, err
}

// verify checks the signature of r for a service, and returns the access key id
// that it names, as soon as that is read, and the principal behind it.
func (s *Server) verify(r *http.Request, body []byte, service *service) (key string, p iam.Principal, err error) {
	signature, err := sigv4.Parse(r)
	if err != nil {
		return "", p, err
	}
	key = signature.AccessKeyID
	credential, err := s.Credentials(r.Context(), key, signature.Token)
	switch {
	case errors.Is(err, iam.ErrExpired):
		return key, p, &problem{expiredToken, err.Error()}
	case errors.Is(err, iam.ErrUnknownKey):
		return key, p, &problem{unknownKey, err.Error()}
	case err != nil:
		return key, p, err
	}
	regions := []string{s.Region}
	if service.Global {
		regions = append(regions, "us-east-1")
	}
	err = signature.Verify(r, body, sigv4.Expect{
		Secret: credential.Secret, Service: service.signingName(), Regions: regions, Now: time.Now(),
	})
	if err != nil {
		return key, p, err
	}
	return key, credential.Principal, nil
}

// find returns the operation that x names, if it is built.
func (x *exchange) find() (operation, error) {
	o, ok := x.service.operations[x.operation]
	switch {
	case ok:
		return o, nil
	case x.service.known[x.operation]:
		return o, &problem{notBuilt, x.operation + " is not built yet in this version of Berth. docs/compat.md lists what is."}
	case !x.service.served:
		return o, &problem{notBuilt, x.service.Name + " is not built yet in this version of Berth. docs/compat.md lists what is."}
	case x.service.Version != "":
		return o, unknown("Could not find operation %s for version %s", x.operation, x.service.Version)
	}
	return o, unknown("%s has no operation %q", x.service.Name, x.operation)
}

func (s *Server) authorize(x *exchange, input any) error {
	x.call.Keys = s.Keys(x.r)
	if slices.Contains(x.service.Free, x.operation) {
		return nil
	}
	resources := []string{"*"}
	if x.service.resources != nil {
		if touched := x.service.resources(x.operation, input); len(touched) > 0 {
			resources = touched
		}
	}
	return s.Authorize(x.call.Principal, cmp.Or(x.service.Actions, x.service.Name)+":"+x.operation, resources, x.call.Keys)
}

// Keys are the condition keys that follow from r itself.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func (s *Server) Keys(r *http.Request) iam.Keys {
	keys := iam.Keys{
		"aws:requestedregion": {s.Region},
		"aws:securetransport": {strconv.FormatBool(r.TLS != nil)},
	}
	if agent := r.UserAgent(); agent != "" {
		keys["aws:useragent"] = []string{agent}
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		keys["aws:sourceip"] = []string{host}
	}
	return keys
}
