package network

import (
	"bytes"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// What one table of nftables accepts, another still drops. Docker gives
// iptables' chain FORWARD the policy DROP, and ufw INPUT too: then tasks reach
// nothing, and no metadata. As is the custom there, we put rules of our own
// before the others, in forms that iptables shows:
//
//	iptables -I FORWARD -i berth-x -j ACCEPT
//	iptables -I FORWARD -o berth-x -j ACCEPT
//	iptables -I INPUT -i berth-x -d <bridge> -p tcp -j ACCEPT
//
// Our own table still keeps others' new connections away from the bridge.

// passOthers puts those rules where they are needed and missing. It looks at
// most every ten seconds, for Docker may start after us.
func (f *firewall) passOthers() error {
	const often = 10 * time.Second
	if time.Since(f.passed) < often {
		return nil
	}
	f.passed = time.Now()
	for _, wanted := range f.rulesForOthers() {
		chain, rules, err := f.iptables(wanted.Chain.Name)
		if err != nil {
			return err
		}
		if chain == nil || chain.Policy == nil || *chain.Policy != nftables.ChainPolicyDrop || slices.ContainsFunc(rules, wanted.is) {
			continue
		}
		f.conn.InsertRule(&wanted.Rule)
		if err := f.flush(); err != nil {
			return err
		}
		f.log.Info("the machine's own firewall drops what tasks send: added a rule to it", "chain", chain.Name, "bridge", f.bridge)
	}
	return nil
}

// withdraw removes the rules that passOthers added.
func (f *firewall) withdraw() error {
	for _, wanted := range f.rulesForOthers() {
		_, rules, err := f.iptables(wanted.Chain.Name)
		if err != nil {
			return err
		}
		for _, rule := range rules {
			if wanted.is(rule) {
				if err := f.conn.DelRule(rule); err != nil {
					return err
				}
			}
		}
	}
	return f.flush()
}

// foreign is a rule of ours in a chain of iptables, known by its comment.
type foreign struct{ nftables.Rule }

func (r foreign) is(rule *nftables.Rule) bool { return bytes.Equal(rule.UserData, r.UserData) }

func (f *firewall) rulesForOthers() []foreign {
	rule := func(chain, comment string, match ...[]expr.Any) foreign {
		table := &nftables.Table{Name: "filter", Family: nftables.TableFamilyIPv4}
		accept := append(slices.Concat(match...), &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictAccept})
		return foreign{nftables.Rule{Table: table, Chain: &nftables.Chain{Name: chain, Table: table}, Exprs: accept,
			UserData: userdata.AppendString(nil, userdata.TypeComment, f.bridge+" "+comment)}}
	}
	tcp := []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg0}, &expr.Cmp{Op: expr.CmpOpEq, Register: reg0, Data: []byte{unix.IPPROTO_TCP}}}
	return []foreign{
		rule("FORWARD", "in", iif(expr.CmpOpEq, f.bridge)),
		rule("FORWARD", "out", oif(expr.CmpOpEq, f.bridge)),
		rule("INPUT", "metadata", iif(expr.CmpOpEq, f.bridge), daddr(), compare(expr.CmpOpEq, f.address.AsSlice()), tcp),
	}
}

// iptables finds a base chain of iptables' table filter, and its rules; nil if there is none.
func (f *firewall) iptables(name string) (*nftables.Chain, []*nftables.Rule, error) {
	chains, err := f.conn.ListChainsOfTableFamily(nftables.TableFamilyIPv4)
	if err != nil {
		return nil, nil, err
	}
	for _, chain := range chains {
		if chain.Table.Name == "filter" && chain.Name == name && chain.Hooknum != nil {
			rules, err := f.conn.GetRules(chain.Table, chain)
			return chain, rules, err
		}
	}
	return nil, nil, nil
}
