package wiretest

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
)

// sources returns a file of each SDK module's types package, by our name of the
// service. What no value of a client leads to can only be found there.
func sources(t *testing.T, file string) map[string]string {
	t.Helper()
	list := []string{"list", "-f", "{{.Dir}}"}
	for _, s := range sdks() {
		list = append(list, reflect.TypeOf(s.client(clientConfig("http://localhost"))).Elem().PkgPath())
	}
	dirs, err := exec.Command("go", list...).Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for i, dir := range strings.Fields(string(dirs)) {
		text, err := os.ReadFile(filepath.Join(dir, "types", file))
		if err != nil {
			t.Fatal(err)
		}
		found[sdks()[i].name] = string(text)
	}
	return found
}

// TestUnions looks for variants of unions that are not registered, as there may
// be after an upgrade of the SDK.
func TestUnions(t *testing.T) {
	variant := regexp.MustCompile(`(?m)^func \(\*(\w+Member\w+)\) is(\w+)\(\)`)
	found := sources(t, "types.go")
	for _, s := range sdks() {
		var registered []string
		for _, u := range s.unions {
			if t := reflect.TypeOf(u); t.Kind() == reflect.Pointer {
				registered = append(registered, t.Elem().Name())
			}
		}
		for _, match := range variant.FindAllStringSubmatch(found[s.name], -1) {
			name, union := match[1], match[2]
			if !strings.HasSuffix(union, "ResponseStream") && !slices.Contains(registered, name) {
				t.Errorf("%s: %s is not among the unions", s.name, name)
			}
		}
	}
}

// exceptions returns the exceptions of a service by the names of their types.
func exceptions(source string) map[string]*smithy.GenericAPIError {
	code := regexp.MustCompile(`func \(e \*(\w+)\) ErrorCode\(\) string \{\s+if [^{]+\{\s+return "([^"]+)"`)
	fault := regexp.MustCompile(`func \(e \*(\w+)\) ErrorFault\(\) smithy.ErrorFault \{\s+return smithy.FaultServer`)
	found := map[string]*smithy.GenericAPIError{}
	for _, match := range code.FindAllStringSubmatch(source, -1) {
		found[match[1]] = &smithy.GenericAPIError{Code: match[2], Message: "because <of & that>", Fault: smithy.FaultClient}
	}
	for _, match := range fault.FindAllStringSubmatch(source, -1) {
		found[match[1]].Fault = smithy.FaultServer
	}
	return found
}
