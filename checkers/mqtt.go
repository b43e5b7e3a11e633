package checkers

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
)

// MQTT opens a session with a broker, by version 3.1.1 of the protocol, and ends it.
type MQTT struct {
	Target
	TLS   *TLS  // nil: plain
	Login Login // the zero value: none
}

// Validate returns everything that is wrong with c, joined.
func (c MQTT) Validate() error {
	errs := []error{c.Target.Validate(), validateTLS(c.TLS), c.Login.Validate()}
	if len(c.Login.User) > maxLogin || len(c.Login.Password) > maxLogin {
		errs = append(errs, fmt.Errorf("user or password is longer than %d bytes", maxLogin))
	}
	return errors.Join(errs...)
}

// maxLogin is how long a user or password may be, in bytes, so that the length of the whole packet fits in two.
const maxLogin = 4096

// Check speaks with the server.
func (c MQTT) Check(ctx context.Context) error {
	d, err := dial(ctx, c.Target, c.TLS)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.send("CONNECT", string(c.connectPacket(rand.Uint32()))); err != nil {
		return err
	}
	var answer [4]byte // CONNACK has four bytes, MQTT 3.1.1 section 3.2
	if _, err := io.ReadFull(d.in, answer[:]); err != nil {
		return fmt.Errorf("read CONNACK: %w", d.why(err))
	}
	traceOf(ctx).phase("first byte")
	if err := connack(answer); err != nil {
		return err
	}
	return d.send("DISCONNECT", "\xe0\x00")
}

// connectPacket is the packet that opens a clean session, section 3.1.
func (c MQTT) connectPacket(id uint32) []byte {
	const clean, withPassword, withUser = 0x02, 0x40, 0x80
	flags := byte(clean)
	payload := mqttString(nil, fmt.Sprintf("govrrpd-%08x", id))
	if c.Login.User != "" {
		flags |= withUser
		payload = mqttString(payload, c.Login.User)
	}
	if c.Login.Password != "" {
		flags |= withPassword
		payload = mqttString(payload, c.Login.Password)
	}
	body := append(mqttString(nil, "MQTT"), 4, flags, 0, 60) // level 4, and a minute of keep-alive
	body = append(body, payload...)
	return append(binary.AppendUvarint([]byte{0x10}, uint64(len(body))), body...) // lengths are written as Go's varints are
}

func mqttString(b []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
}

// connack tells what the broker thinks of the session.
func connack(p [4]byte) error {
	if p[0] != 0x20 || p[1] != 2 {
		return fmt.Errorf("CONNACK: % x is not one", p)
	}
	reasons := [...]string{"", "it does not know this version of the protocol", "it does not take the client's name", "it is not available",
		"user or password is wrong", "the client is not allowed"}
	switch code := int(p[3]); {
	case code == 0:
		return nil
	case code < len(reasons):
		return fmt.Errorf("CONNACK: the server refuses: %s", reasons[code])
	default:
		return fmt.Errorf("CONNACK: the server refuses with code %d", code)
	}
}
