package server

import (
	_ "embed"
	"strings"
)

// allOperations has a line for each operation of the services that we serve, as
// AWS's SDK knows them. The SDK's clients could be asked, but would then all be
// in the program, with everything they can do: 9 MB.
//
//go:embed operations.txt
var allOperations string

// operationsOf are the operations that a service has at AWS, built or not.
func operationsOf(service string) (names []string) {
	for line := range strings.Lines(allOperations) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), service+" "); ok {
			names = append(names, name)
		}
	}
	return names
}
