package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"berth/cli/explain"
)

// Explain asks the control plane whose data is in dataDir how a task is, and where
// one more would run, and writes what it says.
func Explain(ctx context.Context, out io.Writer, dataDir string, question explain.Question) error {
	var e explain.Explanation
	if err := ask(ctx, dataDir, explain.Path, question, &e); err != nil {
		return err
	}
	for _, line := range e.Story {
		fmt.Fprintln(out, line)
	}
	if len(e.Story) > 0 && len(e.Where) > 0 {
		fmt.Fprint(out, "\nOne more task of ")
	}
	return writeAnswers(out, e.Where)
}

func writeAnswers(out io.Writer, answers []explain.Answer) error {
	for _, a := range answers {
		where := a.LaunchType
		if a.CapacityProvider != "" {
			where = "capacity provider " + a.CapacityProvider
		}
		fmt.Fprintf(out, "%s on %s\n", lastPart(a.TaskDefinition), where)
		if len(a.Instances) == 0 {
			fmt.Fprintln(out, "There is no container instance.")
			continue
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "INSTANCE\tRUNS IT\tWHY NOT")
		for _, i := range a.Instances {
			runs, why := "yes", ""
			if i.Reason != "" {
				runs, why = "no", strings.TrimSuffix(i.Reason, ".")+": "+i.Detail
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", lastPart(i.ARN), runs, why)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}
