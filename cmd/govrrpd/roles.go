package main

import (
	"context"
	"encoding/json"
	"maps"
	"sync"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A roleBoard has the newest role of each virtual router, for directors that are told of each change. The goroutines of virtual routers write
// to it, which takes no longer than a map does.
type roleBoard struct {
	mu    sync.Mutex
	roles map[string]vrrp.Role   // guarded by mu; of those that had a transition
	pokes map[chan struct{}]bool // guarded by mu; one slot each
}

func newRoleBoard() *roleBoard {
	return &roleBoard{roles: map[string]vrrp.Role{}, pokes: map[chan struct{}]bool{}}
}

// note is the transition hook of all virtual routers.
func (b *roleBoard) note(t vrrp.Transition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roles[t.Router] = t.To
	for poke := range b.pokes {
		select {
		case poke <- struct{}{}:
		default:
		}
	}
}

// follow calls tell with the roles that changed since it was called before, all of them at first, until ctx ends or tell fails. What changes
// meanwhile is told at once thereafter; of a role that changed twice the newest counts.
func (b *roleBoard) follow(ctx context.Context, tell func(map[string]vrrp.Role) error) {
	poke := make(chan struct{}, 1)
	poke <- struct{}{}
	b.mu.Lock()
	b.pokes[poke] = true
	b.mu.Unlock()
	defer b.leave(poke)
	told := map[string]vrrp.Role{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-poke:
		}
		news := b.since(told)
		if len(news) > 0 && tell(news) != nil {
			return
		}
		maps.Copy(told, news)
	}
}

func (b *roleBoard) leave(poke chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pokes, poke)
}

// since returns the roles that are not as told.
func (b *roleBoard) since(told map[string]vrrp.Role) map[string]vrrp.Role {
	b.mu.Lock()
	defer b.mu.Unlock()
	news := map[string]vrrp.Role{}
	for name, role := range b.roles {
		if was, known := told[name]; !known || was != role {
			news[name] = role
		}
	}
	return news
}

// asksForRoles reports whether a request is one for roles, which is answered again and again.
func asksForRoles(raw []byte) bool {
	var request struct {
		Roles bool `json:"roles"`
	}
	return json.Unmarshal(raw, &request) == nil && request.Roles
}
