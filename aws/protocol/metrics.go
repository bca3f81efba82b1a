package protocol

import (
	"cmp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the operator's view of the API. Labels have few values: what is
// not among AWS's counts as "unknown". A nil *Metrics counts
// nothing.
type Metrics struct {
	Requests *prometheus.CounterVec   // service, operation, code ("OK" without an error)
	Seconds  *prometheus.HistogramVec // service, operation
	InFlight prometheus.Gauge
}

// NewMetrics registers the metrics of one server with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "berth_api_requests_total", Help: "API calls answered, by error code or OK.",
		}, []string{"service", "operation", "code"}),
		Seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "berth_api_request_seconds", Help: "Time from the end of an API call's header to its answer.",
			Buckets: prometheus.ExponentialBuckets(1e-4, 4, 9),
		}, []string{"service", "operation"}),
		InFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "berth_api_requests_in_flight", Help: "API calls not answered yet.",
		}),
	}
	reg.MustRegister(m.Requests, m.Seconds, m.InFlight)
	return m
}

func (m *Metrics) begin() {
	if m != nil {
		m.InFlight.Inc()
	}
}

func (m *Metrics) end(x *exchange, a answer) {
	if m == nil {
		return
	}
	service, operation := cmp.Or(x.service.Name, "unknown"), "unknown"
	if _, built := x.service.operations[x.operation]; built || x.service.known[x.operation] {
		operation = x.operation
	}
	m.InFlight.Dec()
	m.Requests.WithLabelValues(service, operation, cmp.Or(a.code, "OK")).Inc()
	m.Seconds.WithLabelValues(service, operation).Observe(time.Since(x.start).Seconds())
}
