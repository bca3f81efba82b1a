package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/cli/profile"
)

func TestSaveSnapshot(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		want   string // part of the error
		saved  string
	}{
		{"whole", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "state") }, "", "state"},
		{"broken off", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "sta")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "the snapshot broke off", "old"},
		{"refused", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "not root", http.StatusForbidden) }, "403 Forbidden: not root", "old"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if scope := r.Header.Get("Authorization"); r.URL.Path != "/_berth/snapshot" || !strings.Contains(scope, "/us-east-1/berth/aws4_request") {
					t.Errorf("GET %s signed as %q", r.URL, scope)
				}
				tc.answer(w, r)
			}))
			defer server.Close()
			dir := t.TempDir()
			p := profile.Profile{AccessKeyID: "AKIAEXAMPLE", SecretKey: "secret", Region: "us-east-1", Endpoint: server.URL}
			if err := profile.Write(dir, p); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "state")
			if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}

			err := SaveSnapshot(t.Context(), dir, file)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if saved, _ := os.ReadFile(file); string(saved) != tc.saved {
				t.Errorf("the file holds %q, want %q", saved, tc.saved)
			}
			if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 1 {
				t.Errorf("left behind %v", left)
			}
		})
	}
}

func TestSaveSnapshotFindsNobody(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	dir := t.TempDir()
	if err := profile.Write(dir, profile.Profile{AccessKeyID: "a", SecretKey: "b", Region: "us-east-1", Endpoint: gone.URL}); err != nil {
		t.Fatal(err)
	}
	err := SaveSnapshot(t.Context(), dir, filepath.Join(dir, "state"))
	if err == nil || !strings.Contains(err.Error(), "no Berth answers at "+gone.URL) {
		t.Errorf("got %v", err)
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"/a/plain-1.x": "/a/plain-1.x", "": "''", "two words": "'two words'", "it's $HOME": `'it'\''s $HOME'`} {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%s) is %s, want %s", in, got, want)
		}
	}
}
