package oci

import (
	"errors"
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const mebibyte = 1 << 20

// minimumMemory is docker's.
const minimumMemory = 6 * mebibyte

// resourcesOf are the limits of the container's cgroup, except for devices.
func resourcesOf(c Container, m Machine) (*specs.LinuxResources, error) {
	memory, err := memoryOf(c, m)
	if err != nil {
		return nil, err
	}
	shares := max(uint64(c.CPU), 2) // the least that the kernel knows
	r := &specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: &shares}, Memory: memory}
	if limit := c.Docker.HostConfig.PidsLimit; limit != nil && *limit > 0 {
		r.Pids = &specs.LinuxPids{Limit: limit}
	}
	return r, nil
}

func memoryOf(c Container, m Machine) (*specs.LinuxMemory, error) {
	h := c.Docker.HostConfig
	limit, swap := int64(c.Memory)*mebibyte, h.MemorySwap
	switch {
	case limit != 0 && limit < minimumMemory:
		return nil, errors.New("Minimum memory limit allowed is 6MB")
	case limit != 0 && h.MemoryReservation > limit:
		return nil, errors.New("Minimum memory limit can not be less than memory reservation limit, see usage")
	case swap != nil && limit == 0:
		return nil, errors.New("linuxParameters.maxSwap: needs the container's memory to be set")
	case swap != nil && *swap >= 0 && *swap < limit:
		return nil, errors.New("Minimum memoryswap limit should be larger than memory limit, see usage")
	case swap != nil && !m.SwapLimit:
		return nil, errors.New("linuxParameters.maxSwap: this machine's kernel does not limit swap")
	case h.MemorySwappiness != nil && (*h.MemorySwappiness < 0 || *h.MemorySwappiness > 100):
		return nil, fmt.Errorf("linuxParameters.swappiness: %d is not from 0 to 100", *h.MemorySwappiness)
	case h.MemorySwappiness != nil && m.CgroupV2:
		return nil, errors.New("linuxParameters.swappiness: cgroup v2 has no such setting")
	}
	if limit == 0 && h.MemoryReservation == 0 && h.MemorySwappiness == nil {
		return nil, nil
	}
	out := &specs.LinuxMemory{}
	if limit > 0 {
		out.Limit = &limit
		if twice := 2 * limit; swap == nil && m.SwapLimit { // as docker does where nothing is said
			swap = &twice
		}
		out.Swap = swap
	}
	if h.MemoryReservation > 0 {
		out.Reservation = &h.MemoryReservation
	}
	if h.MemorySwappiness != nil {
		swappiness := uint64(*h.MemorySwappiness)
		out.Swappiness = &swappiness
	}
	return out, nil
}
