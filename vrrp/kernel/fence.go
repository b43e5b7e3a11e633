package kernel

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"

	"github.com/google/nftables"

	"github.com/govrrpd/govrrpd/nft"
	"github.com/govrrpd/govrrpd/vrrp"
)

// A fence keeps packets from virtual addresses that a router holds without accepting what is sent to them, RFC 9568 section 6.4.3: a table
// of nftables that is ours alone. It stands from before an address comes until after it has gone. Its lock is held while the kernel
// works; nothing on the advert path takes it.
type fence struct {
	log *slog.Logger

	mu sync.Mutex
	// guarded by mu:
	refused  []netip.Addr    // sorted
	built    bool            // the table is, as far as we know, there
	watching context.Context // of the goroutine that hears of changes; nil for none
}

// refusedBy returns the addresses that c holds without accepting what is sent to them. The owner accepts whatever it is told.
func refusedBy(c *vrrp.Config) []netip.Addr {
	if !c.NoAccept || c.Priority == vrrp.PriorityOwner {
		return nil
	}
	var out []netip.Addr
	for _, a := range c.Addresses {
		out = append(out, a.Prefix.Addr())
	}
	return out
}

// refused returns what all attached routers refuse.
func (h *Host) refused() []netip.Addr {
	var out []netip.Addr
	for _, r := range h.attached() {
		out = append(out, refusedBy(r.config)...)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// enclose brings the fence in line with the routers. The error is one of those that refuse something. The caller holds admin.
func (h *Host) enclose() error {
	err := h.fence.set(h.refused())
	if err != nil {
		h.unbound = true // it is tried again soon
		return fmt.Errorf("accept = false: %w", err)
	}
	if ctx := h.started; ctx != nil && h.fence.startWatching(ctx) {
		h.workers.Go(func() { h.watchFence(ctx) })
	}
	return nil
}

// fenced returns err if it concerns r.
func fenced(r *router, err error) error {
	if len(refusedBy(r.config)) == 0 {
		return nil
	}
	return err
}

// set makes the table hold these addresses, and removes it when there are none. The same again costs nothing.
func (f *fence) set(refused []netip.Addr) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Equal(refused, f.refused) && f.built == (len(refused) > 0) {
		return nil
	}
	f.refused = refused
	return f.build()
}

// build makes or removes the table. The caller holds mu.
func (f *fence) build() error {
	conn, err := nft.Dial()
	if err != nil {
		return err
	}
	if len(f.refused) > 0 {
		err = replaceTable(conn, f.refused)
		f.built = err == nil
	} else if err = removeTable(conn); err == nil {
		f.built = false
	}
	if err != nil {
		return fmt.Errorf("nftables table %s: %w", tableName, nft.Refusal(err))
	}
	return nil
}

// check looks whether the table is as it shall be, and if not makes it so.
func (f *fence) check() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.built {
		return nil
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	if intact(conn, f.refused) {
		return nil
	}
	if err := f.build(); err != nil {
		return err
	}
	f.log.Warn("packet filter for addresses with accept = false was changed and is put back", "table", tableName)
	return nil
}

// sweep removes the table that a dead process left if no router refuses anything. A kernel without nftables has none.
func (f *fence) sweep() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.refused) > 0 {
		return nil
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	if found, err := tableExists(conn); err != nil || !found {
		return nil //nolint:nilerr // what cannot be listed was not made by us
	}
	return f.build()
}

// count returns how many packets were dropped since the table was made last.
func (f *fence) count() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.built {
		return 0
	}
	conn, err := nftables.New()
	if err != nil {
		return 0
	}
	return refusals(conn)
}

// startWatching reports whether a goroutine is to be started that hears of changes, once for each ctx.
func (f *fence) startWatching(ctx context.Context) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.refused) == 0 || f.watching == ctx {
		return false
	}
	f.watching = ctx
	return true
}

// watchFence checks the table whenever somebody changes something about nftables, until ctx ends. Where that cannot be heard it is checked
// from time to time all the same, with everything else.
func (h *Host) watchFence(ctx context.Context) {
	changes, err := nft.Listen()
	if err != nil {
		h.log.Warn("changes of nftables are not heard", "error", err)
		return
	}
	defer changes.Close()
	defer context.AfterFunc(ctx, changes.Stop)()
	for ctx.Err() == nil {
		if err := changes.Wait(); err != nil {
			return
		}
		rest(ctx, comparePause) // who changes much is looked at a few times a second
		changes.Forget()        // before the look, so that no later change goes unseen
		if err := h.fence.check(); err != nil {
			h.log.Error("packet filter for addresses with accept = false is not there", "error", err)
		}
	}
}
