package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPages(t *testing.T) {
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v4/x/task" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, `{"Cluster":"demo","TaskARN":"arn:t","Family":"web","Revision":"3","Containers":[]}`)
	}))
	defer metadata.Close()
	for _, tc := range []struct{ metadata, path, want string }{
		{"", "/", "Hello from "},
		{metadata.URL + "/v4/x", "/", "definition web:3"},
		{metadata.URL + "/v4/y", "/", "task metadata: 404 Not Found"},
		{"", "/env", "PATH="},
		{"", "/health", "ok"},
		{"", "/exit?code=no", "code is a number"},
		{"", "/nothing", "404"},
	} {
		w := httptest.NewRecorder()
		pages(tc.metadata).ServeHTTP(w, httptest.NewRequest("GET", tc.path, nil))
		if !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s: got %q, want %q", tc.path, w.Body, tc.want)
		}
	}
}
