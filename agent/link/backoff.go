package link

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff grows the pauses between attempts, by half and with up to a fifth
// more by chance, as Amazon's agent does.
type backoff struct {
	first, last time.Duration
	factor      float64 // default 1.5
	now         time.Duration
}

// pause waits, longer than the last time; the error is ctx's.
func (b *backoff) pause(ctx context.Context) error {
	factor := b.factor
	if factor == 0 {
		factor = 1.5
	}
	b.now = min(max(b.first, time.Duration(float64(b.now)*factor)), b.last)
	timer := time.NewTimer(b.now + rand.N(b.now/5+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (b *backoff) reset() { b.now = 0 }
