package protocol

import (
	"bytes"
	"encoding/json"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// model is what botocore knows of a service that the catalog says too.
type model struct {
	Signing, Target, Version, Namespace string
	Protocols                           []string
	Statuses                            map[string]int // of errors that are neither 400 nor the server's fault
	ServerErrors                        []string
}

const readModels = `
import json, sys, botocore.loaders
loader, out = botocore.loaders.Loader(), {}
for name in json.load(sys.stdin):
    m = loader.load_service_model(name, 'service-2')
    meta, shapes = m['metadata'], m['shapes']
    errors = [(s.get('error', {}).get('code', n), s.get('error', {}).get('httpStatusCode', 400), s.get('fault', False))
              for n, s in shapes.items() if s.get('exception')]
    out[name] = dict(
        Signing=meta.get('signingName', meta['endpointPrefix']), Target=meta.get('targetPrefix', ''), Version=meta['apiVersion'],
        Namespace=meta.get('xmlNamespace', ''), Protocols=meta.get('protocols', [meta['protocol']]),
        Statuses={c: s for c, s, f in errors if s not in (400, 500) and not f},
        ServerErrors=[c for c, s, f in errors if s == 500 or f or c.startswith('Internal')])
json.dump(out, sys.stdout)
`

// isRecent fails where botocore is missing, or older than the protocols that
// the catalog is held against.
const isRecent = `
import botocore.loaders
botocore.loaders.Loader().load_service_model('ecs', 'service-2')['operations']['CreateDaemon']
`

// botocoreNames are the services that botocore calls by another name than we do.
var botocoreNames = map[string]string{
	"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2", "classic-elasticloadbalancing": "elb",
}

var botocoreProtocols = map[Wire]string{
	JSON10: "json", JSON11: "json", CBOR: "smithy-rpc-v2-cbor", Query: "query", EC2Query: "ec2", RestJSON: "rest-json", RestXML: "rest-xml",
}

// The catalog agrees with the models that AWS's own clients are made from.
func TestCatalogAgainstBotocore(t *testing.T) {
	models := loadModels(t)
	for _, facts := range catalog {
		t.Run(facts.Name, func(t *testing.T) {
			m := models[botocoreName(facts)]
			if got := facts.signingName(); got != m.Signing {
				t.Errorf("signing name %q, want %q", got, m.Signing)
			}
			if facts.Target != m.Target {
				t.Errorf("target %q, want %q", facts.Target, m.Target)
			}
			if facts.Version != "" && facts.Version != m.Version {
				t.Errorf("version %q, want %q", facts.Version, m.Version)
			}
			if m.Namespace != "" && strings.TrimSuffix(facts.Namespace, "/") != strings.TrimSuffix(m.Namespace, "/") {
				t.Errorf("namespace %q, want %q", facts.Namespace, m.Namespace)
			}
			for _, wire := range facts.Wires {
				if !slices.Contains(m.Protocols, botocoreProtocols[wire]) {
					t.Errorf("speaks %s, but the model only %s", wire, m.Protocols)
				}
			}
			if facts.Wires[0] == RestXML || facts.Name == "lambda" {
				return // no errors of these are answered yet
			}
			if !maps.Equal(facts.Statuses, m.Statuses) {
				t.Errorf("statuses\n%v, want\n%v", facts.Statuses, m.Statuses)
			}
			if facts.ServerError != "" && !slices.Contains(m.ServerErrors, facts.queryCode(facts.ServerError)) && facts.Name != "ec2" {
				t.Errorf("server error %s is none of %s", facts.ServerError, m.ServerErrors)
			}
		})
	}
}

func loadModels(t *testing.T) map[string]model {
	t.Helper()
	if exec.Command("python3", "-c", isRecent).Run() != nil {
		t.Skip("needs python3 with a botocore that has the models of 2026 (1.43)")
	}
	var names []string
	for _, facts := range catalog {
		names = append(names, botocoreName(facts))
	}
	asked, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", readModels)
	cmd.Stdin = bytes.NewReader(asked)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	models := map[string]model{}
	if err := json.Unmarshal(out, &models); err != nil {
		t.Fatal(err)
	}
	return models
}

func botocoreName(facts Facts) string {
	if name, ok := botocoreNames[facts.Name]; ok {
		return name
	}
	return facts.Name
}
