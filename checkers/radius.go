package checkers

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Codes and attributes of RADIUS, RFC 2865 sections 3 and 5, RFC 2869 section 5.14.
const (
	radiusRequest   = 1
	radiusAccept    = 2
	radiusReject    = 3
	radiusChallenge = 11

	radiusUserName     = 1
	radiusUserPassword = 2
	radiusService      = 6
	radiusNAS          = 32
	radiusMessageAuth  = 80

	radiusHeader = 20
)

// RADIUS asks whether a user may come in, by password (PAP), and wants a yes.
type RADIUS struct {
	Target
	Login  Login
	Secret string // shared with the server
}

// Validate returns everything that is wrong with c, joined.
func (c RADIUS) Validate() error {
	errs := []error{c.Target.Validate()}
	if c.Secret == "" {
		errs = append(errs, errors.New("RADIUS needs the secret that is shared with the server"))
	}
	if n := len(c.Login.User); n < 1 || n > 253 {
		errs = append(errs, fmt.Errorf("the user has %d bytes, want 1 to 253", n))
	}
	if n := len(c.Login.Password); n > 128 {
		errs = append(errs, fmt.Errorf("the password has %d bytes, want at most 128", n))
	}
	return errors.Join(errs...)
}

// Check asks.
func (c RADIUS) Check(ctx context.Context) error {
	conn, err := c.connectUDP(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var random [17]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	question := c.request(random[0], [16]byte(random[1:]))
	return inquire(ctx, conn, question, func(p []byte) (bool, error) { return c.judge(question, p) })
}

// request is Access-Request, with a Message-Authenticator first, which servers may insist on.
func (c RADIUS) request(id byte, authenticator [16]byte) []byte {
	p := append([]byte{radiusRequest, id, 0, 0}, authenticator[:]...)
	p = append(p, radiusMessageAuth, 18)
	sum := len(p)
	p = append(p, make([]byte, 16)...)
	p = radiusAttribute(p, radiusUserName, []byte(c.Login.User))
	p = radiusAttribute(p, radiusUserPassword, c.hide(authenticator))
	p = radiusAttribute(p, radiusService, []byte{0, 0, 0, 8}) // authenticate only
	p = radiusAttribute(p, radiusNAS, []byte("govrrpd"))
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	mac := hmac.New(md5.New, []byte(c.Secret))
	mac.Write(p)
	copy(p[sum:], mac.Sum(nil))
	return p
}

func radiusAttribute(p []byte, kind byte, value []byte) []byte {
	return append(append(p, kind, byte(2+len(value))), value...)
}

// hide returns the password as RFC 2865 section 5.2 has it.
func (c RADIUS) hide(authenticator [16]byte) []byte {
	padded := make([]byte, max(16, (len(c.Login.Password)+15)/16*16))
	copy(padded, c.Login.Password)
	last := authenticator[:]
	for i := 0; i < len(padded); i += 16 {
		sum := md5.Sum(append([]byte(c.Secret), last...))
		for j := range sum {
			padded[i+j] ^= sum[j]
		}
		last = padded[i : i+16]
	}
	return padded
}

// judge tells whether p answers question, and what it says. What is not signed with the secret is nobody's answer.
func (c RADIUS) judge(question, p []byte) (done bool, err error) {
	if len(p) < radiusHeader || int(binary.BigEndian.Uint16(p[2:])) > len(p) || binary.BigEndian.Uint16(p[2:]) < radiusHeader || p[1] != question[1] {
		return false, nil
	}
	p = p[:binary.BigEndian.Uint16(p[2:])]
	sum := md5.New()
	sum.Write(p[:4])
	sum.Write(question[4:radiusHeader])
	sum.Write(p[radiusHeader:])
	sum.Write([]byte(c.Secret))
	if !bytes.Equal(sum.Sum(nil), p[4:radiusHeader]) {
		return true, errors.New("the answer is signed with another secret than ours")
	}
	switch p[0] {
	case radiusAccept:
		return true, nil
	case radiusReject:
		return true, errors.New("the server refuses the user")
	case radiusChallenge:
		return true, errors.New("the server wants more than a password of the user")
	}
	return true, fmt.Errorf("the server answers with code %d, want %d", p[0], radiusAccept)
}
