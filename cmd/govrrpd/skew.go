package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
)

// Director and router may differ in version: the router goes on while the director is upgraded. What a router does not know of a
// configuration it cannot do, and that must be said: an instance without the HMAC that its director believes in is open to everyone.

// readRequest reads what a director sent. Foreign names the first field that this router does not know; empty when it knows all. An error
// means that nothing of it can be relied on.
func readRequest(raw []byte) (request routerRequest, foreign string, err error) {
	if err := json.Unmarshal(raw, &request); err != nil {
		return routerRequest{}, "", fmt.Errorf("the router process, govrrpd %s, cannot read this request, director and router differ in version: %w", version, err)
	}
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if err := strict.Decode(new(routerRequest)); err != nil {
		foreign = strings.TrimPrefix(err.Error(), "json: unknown field ")
	}
	return request, foreign, nil
}

// numberOf returns the number of a request, 0 for none or for what cannot be read.
func numberOf(raw []byte) uint64 {
	var request struct {
		ID uint64 `json:"id"`
	}
	if json.Unmarshal(raw, &request) != nil {
		return 0
	}
	return request.ID
}

// reply answers what a director sent.
func (r *router) reply(raw []byte) routerReply {
	request, foreign, err := readRequest(raw)
	if err != nil {
		return routerReply{Error: err.Error()}
	}
	reply := r.answer(request)
	if foreign != "" && request.Configure != nil {
		unknown := fmt.Sprintf("the router process, govrrpd %s, does not know %s, and perhaps more, of what is wanted: stop the director and start it again for both to be of one version",
			version, foreign)
		reply.Error = strings.TrimPrefix(reply.Error+"\n"+unknown, "\n")
	}
	return reply
}

// warnOfSkew says that a router that was taken over is of another version; one that does not know what it is told may not say so.
func warnOfSkew(log *slog.Logger, routerVersion string) {
	if routerVersion != version {
		log.Warn("the router process is of another version; what it does not know of the configuration is not in force until the director is stopped and started again",
			"router", routerVersion, "director", version)
	}
}
