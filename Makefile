# govrrpd. `make` builds, `make demo` shows, `make test` proves. Each target installs by itself what it needs: Debian packages with
# apt when a command is missing, Go modules and tools with go. Run as root from a fresh clone; a second run finds everything there.

VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
PREFIX  ?= /usr/local
DESTDIR ?=
FUZZTIME ?= 60s

# Debian keeps tools of the administrator where the PATH of a plain shell may not look.
export PATH := $(PATH):/usr/local/go/bin:/usr/sbin:/sbin
export GOFLAGS := -buildvcs=false
# Nothing here needs C but the race detector, and a bare Debian has a compiler without its headers.
export CGO_ENABLED := 0

GOLANGCI := bin/golangci-lint-v2.15.0
STATIC   := go build -trimpath
# Test binaries for the lab are static: what is linked natively need not be found inside.
GOTEST_LAB := go test -count=1 -timeout 35m -exec $(CURDIR)/bin/lab -tags lab
COVERED    := ./vrrp/...,./ipvs/...,./checkers/...

# $(call need,COMMAND:PACKAGE …) installs the packages of which the command, or the file if it is a path, is missing. What apt says is shown when it fails.
APT := DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends
# Debian asks this program before it starts the daemons of a package: for as long as the installation lasts, none of keepalived, FRR and vsftpd may start.
POLICY := /usr/sbin/policy-rc.d
define need
missing=; for p in $(1); do what="$${p%%:*}"; command -v "$$what" >/dev/null 2>&1 || case "$$what" in /*) [ -e "$$what" ];; *) false;; esac || missing="$$missing $${p##*:}"; done; \
if [ -n "$$missing" ]; then echo "== apt-get install$$missing"; mkdir -p bin; \
[ -e $(POLICY) ] || { trap 'rm -f $(POLICY)' EXIT; trap 'exit 1' INT TERM; printf '#!/bin/sh\nexit 101\n' >$(POLICY); chmod 755 $(POLICY); }; \
{ $(APT) update && $(APT) install $$missing; } >bin/apt.log 2>&1 || { cat bin/apt.log; exit 1; }; fi
endef

NETNS_TOOLS := ip:iproute2 nft:nftables ping:iputils-ping /etc/protocols:netbase
PEERS       := keepalived:keepalived ipvsadm:ipvsadm /usr/lib/frr/vrrpd:frr
KERNEL      := modprobe:kmod linux.uml:user-mode-linux
EMULATOR    := qemu-system-x86_64:qemu-system-x86 /usr/lib/qemu/virtiofsd:qemu-system-common \
	/usr/share/doc/linux-image-6.12-cloud-amd64:linux-image-6.12-cloud-amd64
FTP_TOOLS   := vsftpd:vsftpd curl:curl
# What the checks are tried against.
SERVERS     := nginx:nginx-light haproxy:haproxy /usr/lib/dovecot/imap-login:dovecot-imapd /usr/lib/dovecot/pop3-login:dovecot-pop3d exim4:exim4-daemon-light \
	leafnode:leafnode socat:socat named:bind9 slapd:slapd mariadbd:mariadb-server /usr/lib/postgresql/15/bin/postgres:postgresql redis-server:redis-server \
	freeradius:freeradius chronyd:chrony mosquitto:mosquitto kamailio:kamailio etcd:etcd-server vsftpd:vsftpd
RACE_TOOLS  := gcc:gcc /usr/include/stdlib.h:libc6-dev

.PHONY: all build demo test interop test-fast bench lab lint fuzz mutants breaks cover install clean lab-6.12 programs tools-netns tools-lab

all: build

build:
	@$(STATIC) -ldflags '-X main.version=$(VERSION)' -o bin/govrrpd ./cmd/govrrpd
	@echo "bin/govrrpd $(VERSION)"

# What the tests and the demo start beside it.
programs: build
	@$(STATIC) -o bin/ ./test/netns/lab ./test/netns/tally ./test/netns/demo

tools-netns:
	@$(call need,$(NETNS_TOOLS) $(PEERS))

# A host with IPVS of its own needs no other kernel.
tools-lab: tools-netns
	@[ -e /proc/net/ip_vs ] || modprobe -q ip_vs 2>/dev/null || { $(call need,$(KERNEL)); }

demo: programs tools-lab
	@bin/lab bin/demo

# Side by side with keepalived: a table, and bench.json. Ends with an error when govrrpd misses a target.
bench: programs tools-lab
	@$(STATIC) -o bin/ ./test/netns/bench
	@bin/bench

lab: programs tools-lab
	@echo "== a shell on a kernel with IPVS; the host's files are real, /run is not; exit ends it"
	@PATH="$(CURDIR)/bin:$$PATH" bin/lab -t $${SHELL:-/bin/sh}

test: programs tools-lab $(GOLANGCI)
	@$(call need,$(RACE_TOOLS) $(FTP_TOOLS) $(SERVERS))
	@bin/tally \
	  -check 'lint=$(MAKE) --no-print-directory lint' \
	  -go 'unit=go test -json ./...' \
	  -go 'simulation=go test -json ./vrrp -run Simulation -args -seeds 13334' \
	  -go 'race=CGO_ENABLED=1 go test -race -short -json ./...' \
	  -timed 'namespaces=CGO_ENABLED=1 go test -race -p 1 -count=1 -tags netns -timeout 15m -json $$(bin/tally -tagged netns -out interop_)' \
	  -timed 'interop=go test -count=1 -tags netns -timeout 15m -parallel 40 -json $$(bin/tally -tagged netns -in interop_)' \
	  -timed 'lab=$(GOTEST_LAB) -json $$(bin/tally -tagged lab)'

# The matrix of pairs with keepalived and FRR, and the table of its figures.
interop: programs tools-netns
	go test -count=1 -tags netns -timeout 15m -parallel 40 ./test/netns -run TestPairHasExactlyOneMaster -args -figures $(CURDIR)/contrib/interop.md

# What tells one kernel's IPVS from another's, on an emulated 6.12; some minutes. No part of `make test`: only Debian's security archive has that
# kernel, and a bare system does not know of it.
lab-6.12: programs tools-lab
	@$(call need,$(EMULATOR) $(FTP_TOOLS))
	@bin/tally -go 'lab-6.12=GOVRRPD_LAB=qemu $(GOTEST_LAB) -run "Netlink|Twin|Map|Explain|Refusals|Choose" -json ./ipvs ./cmd/govrrpd ./test/netns' \
	  -go 'nftables-6.12=GOVRRPD_LAB=qemu $(GOTEST_LAB),qemu -run Kernel612 -json ./test/netns'

test-fast: programs
	@bin/tally -check 'vet=go vet ./...' -go 'unit=go test -short -json ./...'

lint: $(GOLANGCI)
	@$(GOLANGCI) run ./...

$(GOLANGCI):
	@echo "== go install $(notdir $@) (a minute or two, once)"
	@GOBIN=$(CURDIR)/bin/.install go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(@:bin/golangci-lint-%=%)
	@mv bin/.install/golangci-lint $@ && rmdir bin/.install

# Breaks the state machine in every small way and demands that the tests notice; five minutes.
mutants:
	go run ./test/mutants

# Breaks each requirement of RFC 9568, one at a time, and demands that the tests which contrib/rfc9568.md names go red; a quarter of an hour.
breaks: programs tools-netns
	@go run ./test/breaks

fuzz:
	go test -run '^$$' -fuzz '^FuzzParsePacket$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 5x ./vrrp
	for f in HTTPAnswer LineAnswers RedisAnswer SIPAnswer GRPCAnswer MQTTAnswer RADIUSAnswer AgentLine WeightFile Echo Expect SumMetric; do \
	  go test -run '^$$' -fuzz "^Fuzz$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x ./checkers || exit 1; done
	go test -run '^$$' -fuzz '^FuzzParsePacket$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 5x ./checkers/bfd
	go test -run '^$$' -fuzz '^FuzzKernelRecords$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 5x ./checkers/track
	go test -run '^$$' -fuzz '^FuzzParseRoute$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 5x ./vrrp/kernel
	go test -run '^$$' -fuzz '^FuzzLoad$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 5x ./conf

# Coverage of the domain packages by all tests that run in their processes; those with keepalived start the plain binary. The profile of lines is in cover/lines.txt, for `go tool cover -html`.
cover: programs tools-lab
	@$(call need,$(FTP_TOOLS) $(SERVERS))
	@rm -rf cover && mkdir -p cover/unit cover/netns cover/lab
	@go test -count=1 -coverpkg=$(COVERED) ./... -args -test.gocoverdir=$(CURDIR)/cover/unit >cover/unit.log || { cat cover/unit.log; exit 1; }
	@go test -count=1 -tags netns -coverpkg=$(COVERED) $$(bin/tally -tagged netns -out interop_) -args -test.gocoverdir=$(CURDIR)/cover/netns >cover/netns.log || { cat cover/netns.log; exit 1; }
	@$(GOTEST_LAB) -coverpkg=$(COVERED) $$(bin/tally -tagged lab) -args -test.gocoverdir=$(CURDIR)/cover/lab >cover/lab.log || { cat cover/lab.log; exit 1; }
	@go tool covdata textfmt -i=cover/unit,cover/netns,cover/lab -o cover/lines.txt
	@go tool covdata percent -i=cover/unit,cover/netns,cover/lab | awk '{ print } { sub("%", "", $$3); if ($$3 + 0 < 85) low = low " " $$1 } END { if (low) { print "below 85 %:" low; exit 1 } }'

install: build
	install -D -m 755 bin/govrrpd $(DESTDIR)$(PREFIX)/bin/govrrpd
	install -d -m 755 $(DESTDIR)/etc/govrrpd
	@for f in contrib/systemd/*.service; do [ ! -e "$$f" ] || \
	  { echo "install $$f"; install -d $(DESTDIR)/lib/systemd/system; \
	  sed 's|/usr/local/bin/govrrpd|$(PREFIX)/bin/govrrpd|' "$$f" >$(DESTDIR)/lib/systemd/system/$$(basename $$f); }; done
	@for f in contrib/examples/*.hcl; do [ ! -e "$$f" ] || \
	  { echo "install $$f"; install -D -m 644 "$$f" $(DESTDIR)$(PREFIX)/share/doc/govrrpd/$$(basename $$f); }; done

clean:
	rm -rf bin cover
