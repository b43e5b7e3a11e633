package checkers

import (
	"context"
	"errors"
)

// Fixed asks nobody: the server is well, or it is not.
type Fixed struct {
	Well bool
}

// Validate returns nil: nothing can be wrong.
func (c Fixed) Validate() error { return nil }

// Check returns what is fixed.
func (c Fixed) Check(context.Context) error {
	if c.Well {
		return nil
	}
	return errors.New("it is configured to be off")
}
