package checkers

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// SQL logs in to a database, and may ask a question of it.
type SQL struct {
	Target
	Dialect  Dialect
	TLS      *TLS // nil: plain; otherwise begun as the protocol has it, after the first packet
	Login    Login
	Database string // empty: none
	Query    string // empty: none; otherwise its answer must have a row
}

// A Dialect is a database's protocol.
type Dialect uint8

// MySQL is MariaDB's, too.
const (
	MySQL Dialect = iota
	PostgreSQL
)

// Validate returns everything that is wrong with c, joined.
func (c SQL) Validate() error {
	errs := []error{c.Target.Validate(), validateTLS(c.TLS), c.Login.Validate()}
	if c.Login.User == "" {
		errs = append(errs, errors.New("a database wants to know the user: a check that breaks off before its name counts there as an attack"))
	}
	return errors.Join(errs...)
}

// Check logs in and asks.
func (c SQL) Check(ctx context.Context) error {
	if c.Dialect == PostgreSQL {
		return c.checkPostgreSQL(ctx)
	}
	return c.checkMySQL(ctx)
}

// config returns what TLS is to do, or nil for plain connections.
func (c SQL) tlsConfig() (*tls.Config, error) {
	if c.TLS == nil {
		return nil, nil
	}
	return c.TLS.config(net.TCPAddrFromAddrPort(c.Addr))
}

// metered connects. What of the answers passes 64 KiB is an error.
func (c SQL) metered(ctx context.Context) (net.Conn, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(end)
	}
	return newMeter(conn, 2*maxAnswer), nil
}

func (c SQL) checkMySQL(ctx context.Context) error {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = c.Login.User, c.Login.Password, c.Database
	config.Net, config.Addr = "tcp", c.Addr.String()
	config.Logger = &mysql.NopLogger{}
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return c.metered(ctx) }
	var err error
	if config.TLS, err = c.tlsConfig(); err != nil {
		return err
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	conn, err := connector.Connect(ctx)
	if err != nil {
		return fmt.Errorf("log in at %s: %w", c.Addr, sqlWhy(ctx, err))
	}
	defer conn.Close()
	traceOf(ctx).phase("login")
	if c.Query == "" {
		return nil
	}
	return c.ask(ctx, conn)
}

func (c SQL) ask(ctx context.Context, conn driver.Conn) error {
	asker, ok := conn.(driver.QueryerContext)
	if !ok {
		return errors.New("query: the driver cannot ask")
	}
	rows, err := asker.QueryContext(ctx, c.Query, nil)
	if err != nil {
		return fmt.Errorf("query: %w", sqlWhy(ctx, err))
	}
	defer rows.Close()
	err = rows.Next(make([]driver.Value, len(rows.Columns())))
	traceOf(ctx).phase("query")
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("query: the answer has no row")
	case err != nil:
		return fmt.Errorf("query: %w", sqlWhy(ctx, err))
	}
	return nil
}

// sqlWhy returns err as a person wants to read it.
func sqlWhy(ctx context.Context, err error) error {
	var theirs *mysql.MySQLError
	var postgres *pgconn.PgError
	switch {
	case errors.As(err, &theirs):
		return fmt.Errorf("the server says %d %s", theirs.Number, quoted(theirs.Message))
	case errors.As(err, &postgres):
		return fmt.Errorf("the server says %s %s", postgres.Code, quoted(postgres.Message))
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn):
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return errClosed
	}
	return why(ctx, err)
}

func (c SQL) checkPostgreSQL(ctx context.Context) error {
	config, err := pgconn.ParseConfig("host=localhost sslmode=disable passfile=/dev/null servicefile=/dev/null")
	if err != nil {
		return err
	}
	config.Host, config.Port, config.Fallbacks = c.Addr.Addr().String(), c.Addr.Port(), nil
	config.User, config.Password, config.Database = c.Login.User, c.Login.Password, cmp.Or(c.Database, c.Login.User)
	config.MaxProtocolMessageBodyLen = maxAnswer
	config.RuntimeParams = map[string]string{"application_name": "govrrpd"}
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return c.metered(ctx) }
	if config.TLSConfig, err = c.tlsConfig(); err != nil {
		return err
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("log in at %s: %w", c.Addr, sqlWhy(ctx, err))
	}
	defer conn.Close(ctx)
	traceOf(ctx).phase("login")
	if c.Query == "" {
		return nil
	}
	result := conn.ExecParams(ctx, c.Query, nil, nil, nil, nil)
	found := result.NextRow()
	_, err = result.Close()
	traceOf(ctx).phase("query")
	switch {
	case err != nil:
		return fmt.Errorf("query: %w", sqlWhy(ctx, err))
	case !found:
		return errors.New("query: the answer has no row")
	}
	return nil
}
