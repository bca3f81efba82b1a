package state

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"berth/state/journal"
)

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	s, err := New(Config{Journal: journal.NewMemory().Server("a"), Metrics: NewMetrics(reg)})
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, s)
	if err := s.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "a", "b")
	mustPut(t, s, "c")
	check := func(want map[string]float64) {
		t.Helper()
		got := gather(t, reg)
		for name, value := range want {
			if v, ok := got["berth_state_"+name]; !ok || v != value {
				t.Errorf("%s is %v (there: %v), want %v", name, v, ok, value)
			}
		}
	}
	check(map[string]float64{
		"leader": 1, "revision": 5, "transactions_total": 2, "commit_failures_total": 0,
		"commit_seconds": 2, "commit_records": 2, // how many were observed
	})
	stop()
	check(map[string]float64{"leader": 0, "transactions_total": 2})
}

// gather returns the values of all metrics, of histograms the counts.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		switch {
		case m.GetGauge() != nil:
			out[f.GetName()] = m.GetGauge().GetValue()
		case m.GetCounter() != nil:
			out[f.GetName()] = m.GetCounter().GetValue()
		default:
			out[f.GetName()] = float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}
