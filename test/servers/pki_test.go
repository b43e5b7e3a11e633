//go:build netns

package servers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/govrrpd/govrrpd/checkers"
)

// A pki is a certificate for this host that signs itself, and another one that did not sign it.
type pki struct {
	cert, key string // PEM files
	stranger  string
}

func newPKI(t *testing.T, dir string) pki {
	t.Helper()
	p := pki{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"), stranger: filepath.Join(dir, "stranger.pem")}
	certify(t, p.cert, p.key)
	certify(t, p.stranger, filepath.Join(dir, "stranger.key"))
	return p
}

func certify(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "www.example.net"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * 24 * time.Hour),
		DNSNames: []string{"www.example.net"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// trusts is TLS that knows who signed.
func (p pki) trusts() *checkers.TLS { return &checkers.TLS{CAFile: p.cert} }

// distrusts is TLS that knows somebody else.
func (p pki) distrusts() *checkers.TLS { return &checkers.TLS{CAFile: p.stranger} }

// notTrusted is what is said of a certificate of somebody else's.
const notTrusted = "certificate not trusted"
