package checkers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// DNS asks a name server a question and judges the answer.
type DNS struct {
	Target
	TCP     bool     // over TCP; TLS needs it
	TLS     *TLS     // nil: plain
	Name    string   // what to ask for; empty: the root
	Type    string   // of the records to ask for, "A" or "TYPE65"; empty: "SOA"
	Rcodes  []string // good results; empty: "NOERROR", with at least one record
	Answers []string // data of which every one must be among the records, "192.0.2.10" or "10 mail.example.net."
}

// Validate returns everything that is wrong with c, joined.
func (c DNS) Validate() error {
	errs := []error{c.Target.Validate(), validateTLS(c.TLS)}
	if c.TLS != nil && !c.TCP {
		errs = append(errs, errors.New("TLS is for DNS over TCP"))
	}
	if _, ok := dns.IsDomainName(c.Name); !ok && c.Name != "" {
		errs = append(errs, fmt.Errorf("%q is no name: want, for example, www.example.net", c.Name))
	}
	if _, err := c.recordType(); err != nil {
		errs = append(errs, err)
	}
	for _, name := range c.Rcodes {
		if _, ok := dns.StringToRcode[name]; !ok {
			errs = append(errs, fmt.Errorf("%q is no result of DNS: want, for example, NOERROR or NXDOMAIN", name))
		}
	}
	return errors.Join(errs...)
}

// recordType returns the number of Type, which may be written as RFC 3597 section 5 has it.
func (c DNS) recordType() (uint16, error) {
	name := cmp.Or(strings.ToUpper(c.Type), "SOA")
	if n, ok := dns.StringToType[name]; ok {
		return n, nil
	}
	var n uint16
	if _, err := fmt.Sscanf(name, "TYPE%d", &n); err != nil {
		return 0, fmt.Errorf("%q is no type of record: want, for example, A, SOA or TYPE65", c.Type)
	}
	return n, nil
}

// Check asks.
func (c DNS) Check(ctx context.Context) error {
	kind, err := c.recordType()
	if err != nil {
		return err
	}
	question := new(dns.Msg).SetQuestion(dns.Fqdn(c.Name), kind)
	answer, err := c.exchange(ctx, question)
	if err != nil {
		return err
	}
	return c.judge(answer)
}

func (c DNS) exchange(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
	packed, err := question.Pack()
	if err != nil {
		return nil, fmt.Errorf("question: %w", err)
	}
	if c.TCP {
		return c.exchangeTCP(ctx, question)
	}
	conn, err := c.connectUDP(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	answer := new(dns.Msg)
	return answer, inquire(ctx, conn, packed, func(p []byte) (bool, error) {
		var got dns.Msg
		if got.Unpack(p) != nil || !answers(&got, question) { // a datagram may be anybody's
			return false, nil
		}
		*answer = got
		return true, nil
	})
}

func (c DNS) exchangeTCP(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
	d, err := dial(ctx, c.Target, c.TLS)
	if err != nil {
		return nil, err
	}
	defer d.close()
	conn := dns.Conn{Conn: d}
	if err := conn.WriteMsg(question); err != nil {
		return nil, fmt.Errorf("send: %w", d.why(err))
	}
	answer, err := conn.ReadMsg()
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", d.why(err))
	}
	if !answers(answer, question) {
		return nil, errors.New("the answer is not to our question")
	}
	traceOf(ctx).phase("answer")
	return answer, nil
}

// answers reports whether a is an answer to q.
func answers(a, q *dns.Msg) bool {
	return a.Response && a.Id == q.Id && (len(a.Question) == 0 ||
		len(a.Question) == 1 && strings.EqualFold(a.Question[0].Name, q.Question[0].Name) && a.Question[0].Qtype == q.Question[0].Qtype)
}

// judge tells what is wrong with an answer.
func (c DNS) judge(a *dns.Msg) error {
	rcode := cmp.Or(dns.RcodeToString[a.Rcode], fmt.Sprintf("result %d", a.Rcode))
	wanted := c.Rcodes
	if len(wanted) == 0 {
		wanted = []string{"NOERROR"}
	}
	if !slices.Contains(wanted, rcode) {
		return fmt.Errorf("the server answers %s, want %s", rcode, strings.Join(wanted, " or "))
	}
	if len(c.Rcodes) == 0 && len(a.Answer) == 0 {
		return errors.New("the answer has no record")
	}
	have := recordData(a.Answer)
	for _, want := range c.Answers {
		if !slices.Contains(have, canonicalData(want)) {
			return fmt.Errorf("%q is not in the answer: %s", want, quoted(strings.Join(have, ", ")))
		}
	}
	return nil
}

// recordData is what the records say, as in a zone file.
func recordData(records []dns.RR) []string {
	var out []string
	for _, rr := range records {
		out = append(out, canonicalData(strings.TrimPrefix(rr.String(), rr.Header().String())))
	}
	return out
}

// canonicalData makes spaces and letters equal; names in data end in a dot or not.
func canonicalData(text string) string {
	return strings.TrimSuffix(strings.ToLower(strings.Join(strings.Fields(text), " ")), ".")
}
