package checkers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// The library makes room for what a server says it will send; its limit is one for the whole process, and nobody else here uses it.
func init() { ber.MaxPacketLengthBytes = maxAnswer }

// LDAP binds to a directory, as nobody or as a user, and may search.
type LDAP struct {
	Target
	TLS    *TLS  // nil: plain
	Start  bool  // TLS begins with StartTLS, and not with the connection
	Login  Login // the user is a DN; the zero value binds as nobody
	Base   string
	Filter string // empty: no search; otherwise at least one entry below Base must match
}

// Validate returns everything that is wrong with c, joined.
func (c LDAP) Validate() error {
	errs := []error{c.Target.Validate(), validateTLS(c.TLS), validateStart(c.TLS, c.Start), c.Login.Validate()}
	if c.Filter != "" {
		if _, err := ldap.CompileFilter(c.Filter); err != nil {
			errs = append(errs, fmt.Errorf("filter %q is not one: want, for example, (objectClass=*)", c.Filter))
		}
	}
	if _, err := ldap.ParseDN(c.Base); err != nil {
		errs = append(errs, fmt.Errorf("base %q is no DN: want, for example, dc=example,dc=net", c.Base))
	}
	return errors.Join(errs...)
}

// Check speaks with the server.
func (c LDAP) Check(ctx context.Context) error {
	d, err := dial(ctx, c.Target, early(c.TLS, c.Start))
	if err != nil {
		return err
	}
	defer d.close()
	conn := ldap.NewConn(d, c.TLS != nil && !c.Start)
	conn.Start()
	defer conn.Close()
	if c.Start {
		config, err := c.TLS.config(d.RemoteAddr())
		if err != nil {
			return err
		}
		if err := conn.StartTLS(config); err != nil {
			return fmt.Errorf("StartTLS: %w", d.ldapWhy(err))
		}
		if state, ok := conn.TLSConnectionState(); ok {
			c.TLS.expiry(ctx, state.PeerCertificates)
		}
	}
	if err := c.bind(conn); err != nil {
		return fmt.Errorf("bind: %w", d.ldapWhy(err))
	}
	traceOf(ctx).phase("bind")
	if c.Filter == "" {
		return nil
	}
	return c.search(conn, d)
}

func (c LDAP) bind(conn *ldap.Conn) error {
	if c.Login.User == "" {
		return conn.UnauthenticatedBind("")
	}
	return conn.Bind(c.Login.User, c.Login.Password)
}

// search wants one entry, and asks for no attribute of it.
func (c LDAP) search(conn *ldap.Conn, d *dialog) error {
	found, err := conn.Search(ldap.NewSearchRequest(c.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 1, 0, true, c.Filter, []string{"1.1"}, nil))
	if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		return fmt.Errorf("search: %w", d.ldapWhy(err))
	}
	if found == nil || len(found.Entries) == 0 {
		return fmt.Errorf("search: no entry below %s matches %s", quoted(c.Base), c.Filter)
	}
	return nil
}

// ldapWhy returns err as a person wants to read it.
func (d *dialog) ldapWhy(err error) error {
	if ended := d.ctx.Err(); ended != nil {
		return context.Cause(d.ctx)
	}
	var own *ldap.Error
	if !errors.As(err, &own) {
		return d.why(err)
	}
	if own.ResultCode == ldap.ErrorNetwork {
		if _, reason, ok := strings.Cut(own.Err.Error(), "x509: "); ok { // the library wraps its text only
			return untrusted(errors.New(strings.TrimSuffix(reason, ")")))
		}
		return errClosed
	}
	text := fmt.Sprintf("the server says %d %s", own.ResultCode, ldap.LDAPResultCodeMap[own.ResultCode])
	if own.Err != nil && own.Err.Error() != "" {
		text += ": " + strings.TrimSpace(own.Err.Error())
	}
	return errors.New(text)
}
