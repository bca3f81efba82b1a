package state

import (
	"fmt"
	"net/netip"
	"time"
)

// VPC is a network of tasks.
type VPC struct {
	ID   string // vpc-…
	CIDR string // 10.210.0.0/16
}

// Subnet is a part of a VPC, in one availability zone.
type Subnet struct {
	ID   string // subnet-…
	VPC  string // id
	Zone string
	CIDR string // 10.210.16.0/20
}

// SecurityGroup says who may reach a network interface.
type SecurityGroup struct {
	ID   string // sg-…
	VPC  string // id
	Name string
}

// NetworkInterface is the interface of one task in a subnet. It exists from when
// the task is placed until it has stopped.
type NetworkInterface struct {
	ID             string // eni-…
	Subnet         string // id
	Address        string // 10.210.16.7; no other interface of the subnet has it
	MAC            string // 0a:…
	SecurityGroups []string
	PublicIP       bool // may reach the world by its machine's address
	Task           string
	Attachment     string // id of the task's attachment
	CreatedAt      time.Time
}

const (
	interfacesByID = iota
	interfacesByTask
)

var networkInterfaces = kind[NetworkInterface]{
	name: "network-interfaces",
	key:  func(n *NetworkInterface) string { return InterfaceKey(n.Subnet, netip.MustParseAddr(n.Address)) },
	indexes: []func(*NetworkInterface) string{
		interfacesByID:   func(n *NetworkInterface) string { return n.ID },
		interfacesByTask: func(n *NetworkInterface) string { return n.Task },
	},
	tallies: []func(*NetworkInterface) string{func(n *NetworkInterface) string { return n.Subnet }},
}

// InterfaceKey is the key of the network interface that has an address: there
// can be one.
func InterfaceKey(subnet string, address netip.Addr) string {
	return fmt.Sprintf("%s/%x", subnet, address.AsSlice())
}

// Interface finds a network interface by its id.
func (v *View) Interface(id string) (NetworkInterface, bool) {
	return v.NetworkInterfaces.first(interfacesByID, id)
}

// InterfaceOf finds the network interface of a task, by the task's ARN.
func (v *View) InterfaceOf(task string) (NetworkInterface, bool) {
	return v.NetworkInterfaces.first(interfacesByTask, task)
}

// InterfacesIn returns how many network interfaces a subnet has, by its id.
func (v *View) InterfacesIn(subnet string) int {
	n, _ := v.NetworkInterfaces.tally.Get(subnet)
	return n
}
