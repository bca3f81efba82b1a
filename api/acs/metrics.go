package acs

import (
	"github.com/prometheus/client_golang/prometheus"

	"berth/api/acs/message"
)

// Metrics are the operator's view of the agents' sockets.
type Metrics struct {
	sockets  *prometheus.GaugeVec   // socket
	messages *prometheus.CounterVec // direction, type
}

// NewMetrics returns metrics registered with reg, or with nobody if it is nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		sockets: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "berth_agent_sockets", Help: "Sockets of container agents that this server has."}, []string{"socket"}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "berth_agent_messages_total", Help: "Messages to and from container agents."}, []string{"direction", "type"}),
	}
	if reg != nil {
		reg.MustRegister(m.sockets, m.messages)
	}
	return m
}

func (m *Metrics) open(kind string, n float64) { m.sockets.WithLabelValues(kind).Add(n) }

func (m *Metrics) sent(kind string) { m.messages.WithLabelValues("to agent", kind).Inc() }

func (m *Metrics) received(got message.Message) {
	kind := got.Type()
	if _, ok := got.(*message.Unknown); ok {
		kind = "unknown" // what a stranger calls it is no label
	}
	m.messages.WithLabelValues("from agent", kind).Inc()
}
