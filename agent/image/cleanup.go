package image

import (
	"context"
	"errors"
)

// Run removes images that nobody uses, cycle after cycle, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	return errors.New("not built yet")
}

// Clean is one cycle of Run. It returns the references it removed.
func (s *Store) Clean(ctx context.Context) ([]string, error) {
	return nil, errors.New("not built yet")
}
