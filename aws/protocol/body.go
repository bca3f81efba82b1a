package protocol

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// readBody reads what came over the network. The signature covers this.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.MaxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, s.bodyTooLarge()
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
		return nil, s.bodyTooLarge()
	}
	return body, nil
}

func (s *Server) bodyTooLarge() error {
	return &problem{tooLarge, fmt.Sprintf("HTTP content length exceeded %d bytes.", s.MaxBody)}
}
