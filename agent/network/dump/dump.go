// Package dump asks the kernel for lists of what changes all the time: links,
// addresses, routes. A list that was changed while it was read is asked for again.
//
// Used by package network and by tests that compare what there is.
package dump

import (
	"errors"

	"github.com/vishvananda/netlink"
)

// tries is how often a list may change under us: others start and stop tasks.
const tries = 20

// Whole returns what list does, once it has not been interrupted.
func Whole[T any](list func() ([]T, error)) (all []T, err error) {
	for range tries {
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
	return nil, err
}
