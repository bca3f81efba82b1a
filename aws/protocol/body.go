package protocol

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"berth/aws/sigv4"
)

// maxStranger bounds the body of a request that names no access key of ours, in
// bytes: strangers must not fill the memory. It has room for the tokens of the
// largest call that needs no key (AssumeRoleWithSAML).
const maxStranger = 128 << 10

// readBody reads what came over the network. The signature covers this.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limit := s.MaxBody
	if !s.known(r) {
		limit = min(limit, maxStranger)
	}
	if r.ContentLength > limit {
		return nil, tooLong(limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLong(limit)
	case err != nil:
		return nil, &problem{malformed, "The request body ended early: " + err.Error()}
	}
	return body, nil
}

// unpack undoes the body's Content-Encoding, to no more than MaxBody.
func (s *Server) unpack(r *http.Request, body []byte) ([]byte, error) {
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		return body, nil
	case "gzip":
	default:
		return nil, &problem{malformed, fmt.Sprintf("Content-Encoding %q is not supported; use gzip or none", encoding)}
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(z, s.MaxBody+1))
	}
	if err != nil {
		return nil, &problem{malformed, "The request body is not valid gzip: " + err.Error()}
	}
	if int64(len(body)) > s.MaxBody {
		return nil, tooLong(s.MaxBody)
	}
	return body, nil
}

func tooLong(limit int64) error {
	return &problem{tooLarge, fmt.Sprintf("HTTP content length exceeded %d bytes.", limit)}
}

// known reports whether r names an access key of ours. Nothing is verified yet.
func (s *Server) known(r *http.Request) bool {
	signature, err := sigv4.Parse(r)
	if err != nil {
		return false
	}
	_, err = s.Credentials(r.Context(), signature.AccessKeyID, signature.Token)
	return err == nil
}
