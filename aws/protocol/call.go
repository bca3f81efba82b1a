// Package protocol serves AWS APIs over HTTP: it routes a request to its service
// and operation, verifies and authorizes it, decodes, calls, and encodes.
package protocol

import (
	"context"

	"berth/aws/shape"
	"berth/iam"
)

// Call is one request as its handler sees it beside the input.
type Call struct {
	ID        string // request id, as in the x-amzn-RequestId header
	Service   string // signing name: ecs
	Operation string // CreateCluster
	Principal iam.Principal
	Keys      iam.Keys      // condition keys of the request, such as aws:sourceip
	Present   shape.Members // the input's members that the request carried
}

type callKey struct{}

// WithCall returns a context that carries c to a handler.
func WithCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallOf returns the call that ctx belongs to, or an empty one outside a call.
func CallOf(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c
	}
	return &Call{}
}

// Service is one AWS API behind the endpoint.
type Service struct {
	// Name is the SigV4 signing name, by which the catalog knows how the
	// service speaks on the wire.
	Name string

	// API is a value whose methods of the form
	// func(context.Context, *XInput) (*XOutput, error) are the operations built.
	// Other methods are ignored.
	API any

	// Operations are all that the service has at AWS; those that API lacks are
	// known and answered as not built. None: the names are not checked.
	Operations []string

	// Unions are the union variants among the service's types (see shape.Names).
	Unions []any

	// Resources returns the ARNs that an operation's input touches, which the
	// authorizer is asked about. Nil means "*".
	Resources func(operation string, input any) []string

	// Busy are operations that programs call all the time. Where they succeed,
	// only a log for debugging has their line.
	Busy []string
}
