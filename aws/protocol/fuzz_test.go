package protocol

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Whatever a request holds, it is answered, and by no fault of the server's.
// Half of the requests are signed, so that they get past the door.
func FuzzServe(f *testing.F) {
	server, err := New(echoConfig())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("POST", "/", "AmazonEC2ContainerServiceV20141113.Echo", "", "application/x-amz-json-1.1", "", `{"name":"web"}`, "ecs")
	f.Add("POST", "/", "", "", "application/x-www-form-urlencoded", "", "Action=Echo&Version=2010-05-08&TagKeys.member.1=a", "iam")
	f.Add("POST", "/", "", "", "application/x-www-form-urlencoded", "", "Action=Echo&Version=2016-11-15&TagKeys.1=a", "ec2")
	f.Add("POST", cborPath, "", "rpc-v2-cbor", "application/cbor", "", "\xbf\x64Name\x63web\xff", "monitoring")
	f.Add("DELETE", "/tags/a%2Fb?TagKeys=x", "", "", "", "", "", "scheduler")
	f.Add("GET", "/?Action=Echo&Version=2010-05-08&X-Amz-Algorithm=AWS4-HMAC-SHA256", "", "", "", "", "", "")
	f.Add("POST", "/", "AmazonSQS.Echo", "", "", "gzip", packed("{}"), "sqs")
	f.Fuzz(func(t *testing.T, method, path, target, smithyProtocol, contentType, encoding, body, service string) {
		r := requestOf(method, path, body)
		if r == nil {
			return
		}
		for name, value := range map[string]string{"X-Amz-Target": target, "Smithy-Protocol": smithyProtocol, "Content-Type": contentType, "Content-Encoding": encoding} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if service != "" {
			hash := sha256.Sum256([]byte(body))
			credentials := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}
			if v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(hash[:]), service, "us-east-1", time.Now()) != nil {
				return
			}
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != 501 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if isVisit(r) {
			return
		}
		kind := w.Header().Get("Content-Type")
		if strings.Contains(kind, "xml") && !wellFormed(w.Body.String()) {
			t.Errorf("not well-formed: %s", w.Body)
		}
		if strings.Contains(kind, "json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("not JSON: %s", w.Body)
		}
	})
}

// requestOf is the request as net/http reads it from the network, or nil.
func requestOf(method, path, body string) *http.Request {
	wire := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", method, path, len(body), body)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
	if err != nil {
		return nil
	}
	return r
}

func wellFormed(s string) bool {
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		if _, err := d.Token(); err != nil {
			return err == io.EOF
		}
	}
}
