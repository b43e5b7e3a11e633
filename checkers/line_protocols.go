package checkers

import (
	"errors"
	"fmt"
	"net/textproto"
	"strings"
)

// A LineProtocol is one that Lines speaks.
type LineProtocol uint8

// The protocols: RFC 3501, 1939, 959 with 4217, 3977 with 4642.
const (
	IMAP LineProtocol = iota
	POP
	FTP
	NNTP
	lineProtocols
)

// String returns "imap", "pop", "ftp" or "nntp".
func (p LineProtocol) String() string {
	if p < lineProtocols {
		return [...]string{"imap", "pop", "ftp", "nntp"}[p]
	}
	return fmt.Sprintf("protocol %d", uint8(p))
}

// Words is what a protocol has to say. Each of them returns an error that tells what the server said instead of yes.
type words struct {
	greeting func(*dialog) error
	startTLS func(*dialog) error
	login    func(*dialog, Login) error
	leave    func(*dialog) error
}

func (p LineProtocol) words() words {
	switch p {
	case POP:
		return words{
			greeting: func(d *dialog) error { return d.ok("the greeting") },
			startTLS: func(d *dialog) error { return d.pop("STLS", "STLS") },
			login: func(d *dialog, l Login) error {
				if err := d.pop("USER", "USER "+l.User); err != nil {
					return err
				}
				return d.pop("PASS", "PASS "+l.Password)
			},
			leave: func(d *dialog) error { return d.pop("QUIT", "QUIT") },
		}
	case FTP:
		return words{
			greeting: func(d *dialog) error { return d.replied("greeting", 220) },
			startTLS: func(d *dialog) error { return d.command("AUTH TLS", "AUTH TLS", 234) },
			login:    ftpLogin,
			leave:    func(d *dialog) error { return d.command("QUIT", "QUIT", 221) },
		}
	case NNTP:
		return words{
			greeting: func(d *dialog) error { return d.replied("greeting", 20) }, // 200 and 201: posting is allowed or not
			startTLS: func(d *dialog) error { return d.command("STARTTLS", "STARTTLS", 382) },
			login: func(d *dialog, l Login) error {
				if err := d.command("AUTHINFO USER", "AUTHINFO USER "+l.User, 381); err != nil {
					return err
				}
				return d.command("AUTHINFO PASS", "AUTHINFO PASS "+l.Password, 281)
			},
			leave: func(d *dialog) error { return d.command("QUIT", "QUIT", 205) },
		}
	default:
		return words{
			greeting: imapGreeting,
			startTLS: func(d *dialog) error { return d.imap("STARTTLS", "STARTTLS") },
			login: func(d *dialog, l Login) error {
				return d.imap("LOGIN", "LOGIN "+imapString(l.User)+" "+imapString(l.Password))
			},
			leave: func(d *dialog) error { return d.imap("LOGOUT", "LOGOUT") },
		}
	}
}

func imapGreeting(d *dialog) error {
	line, err := d.line("the greeting")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "* OK") && !strings.HasPrefix(line, "* PREAUTH") {
		return fmt.Errorf("greeting: the server says %s, want * OK", quoted(line))
	}
	return nil
}

// imapString is a quoted string, RFC 3501 section 4.3.
func imapString(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// imap gives a command and wants its OK; what the server says to no command before that is passed over.
func (d *dialog) imap(name, command string) error {
	if err := d.send(name, "g "+command+"\r\n"); err != nil {
		return err
	}
	for {
		line, err := d.line("the answer to " + name)
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(line, "* "):
		case strings.HasPrefix(line, "g OK"):
			return nil
		default:
			return fmt.Errorf("%s: the server says %s", name, quoted(strings.TrimPrefix(line, "g ")))
		}
	}
}

// pop gives a command and wants its +OK.
func (d *dialog) pop(name, command string) error {
	if err := d.send(name, command+"\r\n"); err != nil {
		return err
	}
	return d.ok("the answer to " + name)
}

// ok wants a line that begins with +OK; what names it in errors.
func (d *dialog) ok(what string) error {
	line, err := d.line(what)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "+OK") {
		return fmt.Errorf("%s: the server says %s, want +OK", what, quoted(line))
	}
	return nil
}

// ftpLogin logs in, with the password only where the server asks for it.
func ftpLogin(d *dialog, l Login) error {
	if err := d.send("USER", "USER "+l.User+"\r\n"); err != nil {
		return err
	}
	code, err := d.reply("USER", 0)
	switch {
	case err != nil:
		return err
	case code == 230:
		return nil
	case code != 331:
		return fmt.Errorf("USER: the server says %d, want 331 or 230", code)
	}
	return d.command("PASS", "PASS "+l.Password, 230)
}

// command gives a command and wants an answer with a code.
func (d *dialog) command(name, command string, want int) error {
	if err := d.send(name, command+"\r\n"); err != nil {
		return err
	}
	return d.replied(name, want)
}

// replied wants an answer with a code; what names it in errors.
func (d *dialog) replied(what string, want int) error {
	_, err := d.reply(what, want)
	return err
}

// reply reads an answer of one or several lines that begin with a code of three digits. want is the code or its first digits; 0: any.
func (d *dialog) reply(what string, want int) (int, error) {
	code, message, err := textproto.NewReader(d.in).ReadResponse(want)
	var malformed textproto.ProtocolError
	switch {
	case err == nil:
		return code, nil
	case errors.As(err, new(*textproto.Error)):
		return code, fmt.Errorf("%s: the server says %d %s, want %d", what, code, quoted(message), want)
	case errors.As(err, &malformed):
		return code, fmt.Errorf("%s: %w", what, malformed)
	}
	return code, fmt.Errorf("%s: %w", what, d.why(err))
}
