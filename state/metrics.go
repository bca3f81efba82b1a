package state

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the operator's view of a store.
type Metrics struct {
	transactions  prometheus.Counter
	commits       prometheus.Histogram // seconds
	batch         prometheus.Histogram // records
	failures      prometheus.Counter
	leader        prometheus.Gauge
	revision      prometheus.Gauge
	journalBytes  prometheus.Gauge
	loadedSeconds prometheus.Gauge
}

// NewMetrics returns metrics registered with reg, or with nobody if it is nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &Metrics{
		transactions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "berth_state_transactions_total", Help: "Transactions that this server ran."}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "berth_state_commit_seconds", Help: "Time the journal took to make a batch of transactions durable.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "berth_state_commit_records", Help: "Records written by one commit.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 8)}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "berth_state_commit_failures_total", Help: "Commits that failed, each ending this server's leadership."}),
		leader:        gauge("berth_state_leader", "Whether this server leads: 1 or 0."),
		revision:      gauge("berth_state_revision", "Revision of the journal that this server shows."),
		journalBytes:  gauge("berth_state_journal_bytes", "Size of the journal on disk, as the leader saw it last."),
		loadedSeconds: gauge("berth_state_load_seconds", "Time the last load of the journal took."),
	}
	if reg != nil {
		reg.MustRegister(m.transactions, m.commits, m.batch, m.failures, m.leader, m.revision, m.journalBytes, m.loadedSeconds)
	}
	return m
}
