// Package state is what the control plane knows: typed records in tables with
// indexes, and one transactional store over them.
//
// Records keep what users wrote as the SDK's types and what we decide on as
// plain fields; nothing that follows from other records is stored. [New] makes a
// store over a journal, [Store.Run] loads and serves it, [NewMemory] needs
// neither. The store answers a transaction when the journal has made it durable.
// It decides nothing: see plan. Used by api, plan, control and server.
package state
