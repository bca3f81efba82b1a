package protocol

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// passedHeader marks a request that another server has passed on, with the
// address of its client. It is not passed on twice.
const passedHeader = "Berth-Passed-From"

// catchUp is how long an answered call waits for this server to see its effect.
const catchUp = 5 * time.Second

// forwarder returns the client for calls to the leader, which must not change
// anything that is signed.
func forwarder() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true
	transport.Proxy = nil
	transport.MaxIdleConnsPerHost = 100 // all go to one host
	return &http.Client{
		Transport:     transport,
		Timeout:       30 * time.Second, // no call takes that long
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// pass sends the request on to the leader, as its client signed it, and returns
// the leader's answer once this server has seen what the call has changed.
func (s *Server) pass(x *exchange, leader string) (answer, error) {
	if leader == "" {
		return answer{}, unavailable("No server leads at the moment. Try again.")
	}
	if x.r.Header.Get(passedHeader) != "" {
		return answer{}, unavailable("The leader is changing. Try again.")
	}
	request, err := http.NewRequestWithContext(x.r.Context(), x.r.Method, leader, bytes.NewReader(x.body))
	if err != nil {
		return answer{}, fmt.Errorf("pass to leader %s: %w", leader, err)
	}
	// Of the request's URL only path and query: the rest could lead elsewhere.
	request.URL.Path, request.URL.RawPath, request.URL.RawQuery = x.r.URL.Path, x.r.URL.RawPath, x.r.URL.RawQuery
	request.Host, request.Header = x.r.Host, endToEnd(x.r.Header)
	request.Header.Set(passedHeader, x.r.RemoteAddr)
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "") // keeps Go from adding its own
	}
	response, err := s.forward.Do(request)
	if err != nil {
		return answer{}, unavailable("The leader cannot be reached: " + err.Error())
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, unavailable("The leader's answer ended early: " + err.Error())
	}
	s.awaitRevision(x, response.Header.Get(revisionHeader))
	x.passedTo = leader
	if id := response.Header.Get("X-Amzn-RequestId"); id != "" {
		x.call.ID = id
	}
	return answer{
		status: response.StatusCode, header: endToEnd(response.Header), body: body,
		code: response.Header.Get("X-Amzn-ErrorType"),
	}, nil
}

// awaitRevision returns when this server knows what the leader knew when it
// answered. The call has had its effect by then, so failing to see it is no
// error of the call.
func (s *Server) awaitRevision(x *exchange, header string) {
	revision, err := strconv.ParseInt(header, 10, 64)
	if err != nil || s.CaughtUp == nil {
		return
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), catchUp)
	defer cancel()
	if err := s.CaughtUp(ctx, revision); err != nil {
		s.Log.WarnContext(ctx, "behind the leader", "request_id", x.call.ID, "revision", revision, "err", err)
	}
}

// endToEnd copies a header without what belongs to one connection only.
//
// https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
func endToEnd(h http.Header) http.Header {
	h = h.Clone()
	for name := range strings.SplitSeq(strings.Join(h.Values("Connection"), ","), ",") {
		h.Del(strings.TrimSpace(name))
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect", "Content-Length"} {
		h.Del(name)
	}
	return h
}

// unavailable is a failure of ours that the client should know about.
type unavailable string

func (u unavailable) Error() string  { return string(u) }
func (u unavailable) Public() string { return string(u) }
