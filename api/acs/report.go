package acs

import (
	"context"
	"errors"

	"berth/plan"
	"berth/state"
)

// Report is what a server's sockets have shown and the leader is to write down.
// It travels between servers as JSON.
type Report struct {
	Connected    *plan.ConnectAgent      `json:",omitempty"`
	Disconnected *plan.DisconnectAgent   `json:",omitempty"`
	Health       []plan.SetHealth        `json:",omitempty"`
	Instance     *plan.SetInstanceHealth `json:",omitempty"`
	Failed       *plan.FailTask          `json:",omitempty"`
	Stopping     *plan.StoppingTask      `json:",omitempty"`
	Server       *plan.SeeServer         `json:",omitempty"`
}

func (r Report) apply(tx *state.Tx) {
	var p plan.Plan
	if r.Connected != nil {
		p.Do(*r.Connected)
	}
	if r.Disconnected != nil {
		p.Do(*r.Disconnected)
	}
	for _, h := range r.Health {
		p.Do(h)
	}
	if r.Instance != nil {
		p.Do(*r.Instance)
	}
	if r.Failed != nil {
		p.Do(*r.Failed)
	}
	if r.Stopping != nil {
		p.Do(*r.Stopping)
	}
	if r.Server != nil {
		p.Do(*r.Server)
	}
	p.Apply(tx)
}

// Write makes r durable on this server, which must lead. Its errors are those
// of state.Store.Update.
func (a *API) Write(ctx context.Context, r Report) error {
	return a.Store.Update(ctx, func(tx *state.Tx) error {
		r.apply(tx)
		return nil
	})
}

// report makes r durable, here or on the server that leads.
func (a *API) report(ctx context.Context, r Report) error {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	err := a.Write(ctx, r)
	var elsewhere *state.NotLeader
	if errors.As(err, &elsewhere) && a.Pass != nil {
		return a.Pass(ctx, elsewhere.Leader(), r)
	}
	return err
}
