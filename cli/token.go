package cli

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"berth/cli/join"
)

// CreateToken makes a token with which machines join the control plane whose
// data is in dataDir, and writes it to out: alone, for scripts.
func CreateToken(ctx context.Context, out io.Writer, dataDir string, life time.Duration) error {
	var token join.Token
	err := ask(ctx, dataDir, join.TokensPath, join.CreateToken{Seconds: int64(life / time.Second)}, &token)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, token.Secret)
	return err
}

// ListTokens writes the tokens that are good now.
func ListTokens(ctx context.Context, out io.Writer, dataDir string) error {
	var tokens []join.Token
	if err := ask(ctx, dataDir, join.TokensPath, nil, &tokens); err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tCREATED\tEXPIRES")
	for _, t := range tokens {
		fmt.Fprintf(w, "%s\t%s\t%s\n", t.ID, t.Created.Format(time.RFC3339), t.Expires.Format(time.RFC3339))
	}
	return w.Flush()
}

// RevokeToken ends a token, and, with agents, the credentials that machines got
// for it: their agents are shut out from then on.
func RevokeToken(ctx context.Context, out io.Writer, dataDir, id string, agents bool) error {
	var revoked join.Revoked
	if err := ask(ctx, dataDir, join.RevokePath, join.RevokeToken{ID: id, Agents: agents}, &revoked); err != nil {
		return err
	}
	if agents {
		_, err := fmt.Fprintf(out, "agents shut out: %d\n", revoked.Agents)
		return err
	}
	return nil
}
