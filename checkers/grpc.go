package checkers

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// GRPC asks a service for its health by the protocol grpc.health.v1, and wants SERVING.
type GRPC struct {
	Target
	TLS     *TLS   // nil: plain
	Service string // empty: the server as a whole
}

// Validate returns everything that is wrong with c, joined.
func (c GRPC) Validate() error {
	errs := []error{c.Target.Validate(), validateTLS(c.TLS)}
	if len(c.Service) > maxLogin {
		errs = append(errs, fmt.Errorf("the service has %d bytes, want at most %d", len(c.Service), maxLogin))
	}
	return errors.Join(errs...)
}

// Check asks.
func (c GRPC) Check(ctx context.Context) error {
	body := c.message()
	scheme := "http"
	if c.TLS != nil {
		scheme = "https"
	}
	host := c.Addr.String()
	if c.TLS != nil && c.TLS.Name != "" {
		host = c.TLS.Name
	}
	req := &http.Request{
		Method: http.MethodPost,
		URL:    &url.URL{Scheme: scheme, Host: host, Path: "/grpc.health.v1.Health/Check"},
		Header: http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "User-Agent": {userAgent()}},
		Body:   io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	p, trailer, err := roundTrip2(ctx, c.Target, c.TLS, req)
	if err != nil {
		return err
	}
	return judgeHealth(p, trailer)
}

// message is a HealthCheckRequest with its frame: a flag, a length, and field 1, the service.
func (c GRPC) message() []byte {
	var m []byte
	if c.Service != "" {
		m = append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(c.Service))), c.Service...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
}

// judgeHealth tells what is wrong with an answer. Its status is in the trailer, or in the header when there is nothing else.
func judgeHealth(p page, trailer http.Header) error {
	if p.status != http.StatusOK {
		return fmt.Errorf("status %d, want 200", p.status)
	}
	from := trailer
	if p.header.Get("Grpc-Status") != "" {
		from = p.header
	}
	switch code := from.Get("Grpc-Status"); code {
	case "0":
		return judgeServing(p.body)
	case "5":
		return errors.New("the server does not know the service")
	case "12":
		return errors.New("the server does not speak grpc.health.v1")
	case "":
		return errors.New("the answer has no status of gRPC")
	default:
		return fmt.Errorf("gRPC status %s %s", quoted(code), quoted(from.Get("Grpc-Message")))
	}
}

// judgeServing reads a HealthCheckResponse with its frame: field 1 is the status.
func judgeServing(b []byte) error {
	if len(b) < 5 || b[0] != 0 || binary.BigEndian.Uint32(b[1:]) != uint32(len(b)-5) {
		return errors.New("the answer is not one message of gRPC")
	}
	status := uint64(0)
	for m := b[5:]; len(m) > 0; {
		tag, n := binary.Uvarint(m)
		if n <= 0 || tag&7 != 0 { // the message has no field of another kind
			return errors.New("the answer is not a HealthCheckResponse")
		}
		value, k := binary.Uvarint(m[n:])
		if k <= 0 {
			return errors.New("the answer is not a HealthCheckResponse")
		}
		if m = m[n+k:]; tag>>3 == 1 {
			status = value
		}
	}
	names := [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
	if status == 1 {
		return nil
	}
	if status < uint64(len(names)) {
		return fmt.Errorf("the service is %s, want SERVING", names[status])
	}
	return fmt.Errorf("the service has status %d, want SERVING", status)
}
