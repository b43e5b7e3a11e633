package conf

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/govrrpd/govrrpd/checkers"
)

// trustKeywords say whom a probe trusts over TLS, and as whom it comes.
var trustKeywords = []string{"verify", "server_name", "ca_file", "certificate", "key", "expiry_warning"}

// tls reads whether the connection is secured; start says that the protocol itself begins that. words are what tls may be beside "off".
func (d *decoder) tls(raw *rawCheck, words ...string) (t *checkers.TLS, start bool) {
	const off, on, starttls = "off", "on", "starttls"
	mode := off
	words = append([]string{off}, words...)
	choice(d, raw.TLS, words, words, &mode)
	if mode != off {
		t = new(checkers.TLS)
		d.tlsOptions(raw, t)
		return t, mode == starttls
	}
	for _, a := range []*hcl.Attribute{raw.Verify, raw.ServerName, raw.CAFile, raw.Certificate, raw.Key, raw.Expiry} {
		if a != nil && !d.misread(raw.TLS) {
			d.problem(a.NameRange, fmt.Sprintf("%s without tls", a.Name), fmt.Sprintf("add tls = %q, or remove it", words[len(words)-1]))
		}
	}
	return nil, false
}

// tlsOptions reads whom to trust.
func (d *decoder) tlsOptions(raw *rawCheck, into *checkers.TLS) {
	verify := true
	d.flag(raw.Verify, &verify)
	into.SkipVerify = !verify
	d.text(raw.ServerName, "www.example.net", &into.Name)
	if raw.Expiry != nil {
		d.duration(raw.Expiry, span{low: time.Hour, high: 365 * 24 * time.Hour}, &into.Expiry)
	}
	d.caFile(raw, into)
	d.pemFile(raw.Certificate, "-----BEGIN CERTIFICATE-----", "a certificate", &into.CertFile)
	d.pemFile(raw.Key, "PRIVATE KEY-----", "a private key", &into.KeyFile)
	switch {
	case raw.Certificate != nil && raw.Key == nil:
		d.problem(raw.Certificate.NameRange, "certificate without key", `add key = "/etc/govrrpd/client.key"`)
	case raw.Key != nil && raw.Certificate == nil:
		d.problem(raw.Key.NameRange, "key without certificate", `add certificate = "/etc/govrrpd/client.pem"`)
	}
}

// maxCAFile is some forty times what a system has of authorities, in bytes.
const maxCAFile = 8 << 20

// caFile reads the name of the file with the authorities, and whether it is there.
func (d *decoder) caFile(raw *rawCheck, c *checkers.TLS) {
	if !d.text(raw.CAFile, "/etc/govrrpd/ca.pem", &c.CAFile) || c.CAFile == "" {
		return
	}
	if c.SkipVerify {
		d.problem(raw.CAFile.Expr.Range(), "ca_file contradicts verify = false: the certificate is not looked at", "remove one of them")
		return
	}
	d.isPEM(raw.CAFile, c.CAFile, "-----BEGIN CERTIFICATE-----", "no certificate", "copy the certificates of your authority there, as PEM", "it must be PEM, with -----BEGIN CERTIFICATE----- lines")
}

// pemFile reads the name of a file with something of ours in it.
func (d *decoder) pemFile(a *hcl.Attribute, mark, what string, into *string) {
	if a == nil || !d.text(a, "/etc/govrrpd/client.pem", into) || *into == "" {
		return
	}
	d.isPEM(a, *into, mark, "not "+what, "copy "+what+" there, as PEM", "it must be PEM, with a line that has "+mark)
}

// isPEM reports a file that is not there or does not have what it must.
func (d *decoder) isPEM(a *hcl.Attribute, file, mark, lacks, missing, wrong string) {
	at := a.Expr.Range()
	pem, _, err := readAtMost(file, maxCAFile)
	switch {
	case !filepath.IsAbs(file):
		d.problem(at, fmt.Sprintf("%s %s is not an absolute path", a.Name, quote(file)), fmt.Sprintf(`write %s = "/etc/govrrpd/%s.pem", for example`, a.Name, strings.TrimSuffix(a.Name, "_file")))
	case err != nil:
		d.problem(at, fmt.Sprintf("%s %s %s", a.Name, quote(file), cause(err)), missing)
	case !strings.Contains(string(pem), mark):
		d.problem(at, fmt.Sprintf("%s %s has %s in it", a.Name, quote(file), lacks), wrong)
	}
}
