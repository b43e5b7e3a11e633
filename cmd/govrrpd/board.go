package main

import (
	"context"
	"encoding/json"
	"maps"
	"sync"

	"github.com/govrrpd/govrrpd/vrrp"
)

// A board has the newest that is known of each of many, by name, for directors that are told of each change: roles of virtual routers,
// verdicts of BFD sessions. The goroutines of those write to it, which takes no longer than a map does.
type board[V comparable] struct {
	mu    sync.Mutex
	known map[string]V           // guarded by mu
	pokes map[chan struct{}]bool // guarded by mu; one slot each
}

func newBoard[V comparable]() *board[V] {
	return &board[V]{known: map[string]V{}, pokes: map[chan struct{}]bool{}}
}

// noteRole is the transition hook of all virtual routers.
func (r *router) noteRole(t vrrp.Transition) { r.roles.note(t.Router, t.To) }

func (b *board[V]) note(name string, v V) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known[name] = v
	for poke := range b.pokes {
		select {
		case poke <- struct{}{}:
		default:
		}
	}
}

// follow calls tell with what changed since it was called before, all of it at first, until ctx ends or tell fails. What changes
// meanwhile is told at once thereafter; of what changed twice the newest counts.
func (b *board[V]) follow(ctx context.Context, tell func(map[string]V) error) {
	poke := make(chan struct{}, 1)
	poke <- struct{}{}
	b.mu.Lock()
	b.pokes[poke] = true
	b.mu.Unlock()
	defer b.leave(poke)
	told := map[string]V{}
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

func (b *board[V]) leave(poke chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pokes, poke)
}

// since returns what is not as told.
func (b *board[V]) since(told map[string]V) map[string]V {
	b.mu.Lock()
	defer b.mu.Unlock()
	news := map[string]V{}
	for name, v := range b.known {
		if was, known := told[name]; !known || was != v {
			news[name] = v
		}
	}
	return news
}

// asksForRoles reports whether a request is one for roles, and sessions of BFD, which is answered again and again.
func asksForRoles(raw []byte) bool {
	var request struct {
		Roles bool `json:"roles"`
	}
	return json.Unmarshal(raw, &request) == nil && request.Roles
}
