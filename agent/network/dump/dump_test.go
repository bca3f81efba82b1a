package dump

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestWhole(t *testing.T) {
	other := errors.New("other")
	for _, tc := range []struct {
		interrupted int // answers before the last
		last, want  error
	}{
		{0, nil, nil},
		{3, nil, nil},
		{1, other, other},
		{tries, nil, netlink.ErrDumpInterrupted},
	} {
		left := tc.interrupted
		_, err := Whole(func() ([]int, error) {
			if left--; left >= 0 {
				return nil, netlink.ErrDumpInterrupted
			}
			return []int{1}, tc.last
		})
		if !errors.Is(err, tc.want) {
			t.Errorf("%d interrupted, then %v: got %v", tc.interrupted, tc.last, err)
		}
	}
}
