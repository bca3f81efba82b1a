package ecs

import (
	"fmt"
	"strings"
	"testing"

	"berth/state"
)

func TestListServicesByNamespace(t *testing.T) {
	a := testAPI()
	const apps = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-2vxwgwosid3j4qle"
	const foreign = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-abcdefghijklmnop"
	script{{"ListServicesByNamespace", `{"namespace":"apps"}`, "NamespaceNotFoundException: The specified namespace was not found."}}.run(t, a)
	write(t, a, func(tx *state.Tx) {
		for i := range 11 {
			tx.Services.Put(tx, state.Service{ARN: fmt.Sprintf("s%02d", i), Namespace: apps, Status: "ACTIVE"})
		}
		tx.Services.Put(tx, state.Service{ARN: "deleted", Namespace: apps, Status: "INACTIVE"})
		tx.Services.Put(tx, state.Service{ARN: "other", Namespace: foreign, Status: "ACTIVE"})
	})
	script{
		{"ListServicesByNamespace", `{"namespace":"apps"}`, `{"serviceArns":["s00","s01","s02","s03","s04","s05","s06","s07","s08","s09"],"nextToken":"bmV4dDpzMTA"}`},
		{"ListServicesByNamespace", `{"namespace":"apps","nextToken":"bmV4dDpzMTA"}`, `{"serviceArns":["s10"],"nextToken":null}`},
		{"ListServicesByNamespace", `{"namespace":"` + apps + `","maxResults":100}`, `{"serviceArns":["s00","s01","s02","s03","s04","s05","s06","s07","s08","s09","s10"]}`},
		{"ListServicesByNamespace", `{"namespace":"` + foreign + `"}`, `{"serviceArns":["other"]}`},
		{"ListServicesByNamespace", `{"namespace":"apps","maxResults":0}`, "InvalidParameterException: maxResults"},
		{"ListServicesByNamespace", `{"namespace":"a>b"}`, "InvalidParameterException: The namespace name is invalid"},
		{"ListServicesByNamespace", `{"namespace":"` + strings.Repeat("x", 1025) + `"}`, "InvalidParameterException: The namespace name is invalid"},
		{"ListServicesByNamespace", `{}`, "InvalidParameterException: Namespace can not be blank."},
		{"ListServicesByNamespace", `{"namespace":"arn:aws:ecs:us-east-1:123456789012:cluster/x"}`, "InvalidParameterException: The namespace ARN"},
		{"CreateCluster", `{"serviceConnectDefaults":{"namespace":"unused"}}`, `{}`},
		{"ListServicesByNamespace", `{"namespace":"unused"}`, `{"serviceArns":[]}`},
	}.run(t, a)
}
