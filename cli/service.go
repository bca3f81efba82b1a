package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"berth/cli/explain"
)

// ExplainService asks the control plane whose data is in dataDir what happens to
// a service next and why no more does, and writes it.
func ExplainService(ctx context.Context, out io.Writer, dataDir string, question explain.ServiceQuestion) error {
	var s explain.Service
	if err := ask(ctx, dataDir, explain.ServicePath, question, &s); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is %s (%s): %d desired, %d pending, %d running, of which %d healthy\n\n",
		s.Name, s.Status, s.Scheduling, s.Desired, s.Pending, s.Running, s.Healthy)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DEPLOYMENT\tSTATUS\tTASK DEFINITION\tDESIRED\tPENDING\tRUNNING\tFAILED\tSTATE")
	for _, d := range s.Deployments {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", d.ID, d.Status, lastPart(d.TaskDefinition), d.Desired, d.Pending, d.Running, d.Failed,
			strings.TrimSuffix(d.State+": "+d.Reason, ": "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	list(out, "Next", s.Next, "nothing")
	list(out, "Why no more", s.Notes, "it is as it should be")
	if s.Wake != nil {
		fmt.Fprintf(out, "Planned again at %s, or when something changes.\n", s.Wake.Format(time.TimeOnly))
	}
	fmt.Fprint(out, "\nOne more task of ")
	if err := writeAnswers(out, s.Where); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nNewest events")
	for _, e := range s.Events {
		fmt.Fprintf(out, "  %s  %s\n", e.At.Format(time.TimeOnly), e.Message)
	}
	return nil
}

// list writes a heading and lines below it.
func list(out io.Writer, heading string, lines []string, none string) {
	if len(lines) == 0 {
		lines = []string{none}
	}
	fmt.Fprintf(out, "\n%s\n", heading)
	for _, line := range lines {
		fmt.Fprintln(out, "  "+line)
	}
}

// Plan asks the control plane whose data is in dataDir what an UpdateService would
// do, by its input, and writes it.
func Plan(ctx context.Context, out io.Writer, dataDir string, update map[string]any) error {
	var f explain.Forecast
	if err := ask(ctx, dataDir, explain.PlanPath, update, &f); err != nil {
		return err
	}
	fmt.Fprintln(out, "Nothing is changed. If tasks start at once and stay healthy, the update would do this:")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	last := time.Duration(-1)
	for _, s := range f.Steps {
		for _, action := range s.Actions {
			after := ""
			if s.After != last {
				after, last = s.After.Round(time.Second).String(), s.After
			}
			fmt.Fprintf(w, "  %s\t%s\n", after, action)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	end := f.Steps[len(f.Steps)-1]
	if len(f.Steps) == 1 {
		fmt.Fprintln(out, "  nothing")
	}
	fmt.Fprintf(out, "On the way at most %d tasks are live and at least %d healthy.\n", f.MostLive, f.LeastHealthy)
	if f.Steady {
		fmt.Fprintf(out, "The service would be steady after %s.\n", end.After.Round(time.Second))
		return nil
	}
	fmt.Fprintf(out, "The service would NOT become steady; after %s nothing more happens:\n", end.After.Round(time.Second))
	for _, note := range end.Notes {
		fmt.Fprintln(out, "  "+note)
	}
	return nil
}

func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
