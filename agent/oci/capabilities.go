package oci

import (
	"fmt"
	"slices"
	"strings"
)

// defaultCapabilities are docker's.
func defaultCapabilities() []string {
	return []string{"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
		"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"}
}

// capabilities are docker's defaults with some added and some dropped, of those
// that are available here. ALL is allowed in both lists.
func capabilities(h HostConfig, available []string) ([]string, error) {
	if h.Privileged {
		return available, nil
	}
	add, err := named("linuxParameters.capabilities.add", h.CapAdd, available)
	if err != nil {
		return nil, err
	}
	drop, err := named("linuxParameters.capabilities.drop", h.CapDrop, nil)
	if err != nil {
		return nil, err
	}
	base := slices.DeleteFunc(defaultCapabilities(), func(c string) bool { return !slices.Contains(available, c) })
	dropped := func(c string) bool { return slices.Contains(drop, c) }
	switch {
	case slices.Contains(add, everything):
		base = slices.DeleteFunc(slices.Clone(available), dropped)
	case slices.Contains(drop, everything):
		base = add
	default:
		base = slices.DeleteFunc(append(base, add...), dropped)
	}
	slices.Sort(base)
	return slices.Compact(base), nil
}

const everything = "CAP_ALL"

// named writes capabilities in the kernel's way, and checks that they are
// available; nil is any.
func named(member string, names, available []string) ([]string, error) {
	full := make([]string, len(names))
	for i, name := range names {
		name = strings.ToUpper(name)
		full[i] = "CAP_" + strings.TrimPrefix(name, "CAP_")
		if full[i] != everything && available != nil && !slices.Contains(available, full[i]) {
			return nil, fmt.Errorf("%s: %s is not known to this machine's kernel, or its agent may not give it", member, full[i])
		}
	}
	return full, nil
}
