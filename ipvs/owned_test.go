package ipvs

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOwnedIsReadBack(t *testing.T) {
	want := Owned{[]Key{tcp("192.0.2.10:80"), {Proto: SCTP, Addr: tcp("[2001:db8::10]:80").Addr}, {Mark: 80, Family: V6}}}
	const text = `{"version":2,"services":[{"protocol":6,"address":"192.0.2.10:80"},{"protocol":132,"address":"[2001:db8::10]:80"},{"fwmark":80,"family":10}]}`
	b, err := json.Marshal(want)
	if err != nil || string(b) != text {
		t.Errorf("got  %s (%v)\nwant %s", b, err, text)
	}
	var got Owned
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, asAddress); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestOwnedReadsItsFirstFormAndRefusesALaterOne(t *testing.T) {
	var got Owned
	if err := json.Unmarshal([]byte(`[{"Proto":17,"Addr":"192.0.2.10:53"}]`), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Owned{[]Key{udp("192.0.2.10:53")}}, got, asAddress); d != "" {
		t.Errorf("the first form (-want +got):\n%s", d)
	}
	for _, bad := range []string{`{"version":3,"services":[]}`, `{}`, `{"version":2,"services":[{"address":"x"}]}`, `[{"Addr":"x"}]`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("no error from %s", bad)
		}
	}
}
