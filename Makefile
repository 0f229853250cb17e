# make serve   the hello project on http://127.0.0.1:3000; needs nothing but Go
# make test    installs what the tests need, then runs them all, with the race detector
# make engine  a Docker engine for the tests, where none answers; ends it: testdata/tools/engine.sh stop
# make images  the container images of the tests, pulled or built
# make bench   measures against floors in the same run; BASE=<commit> adds that commit
# make soak    a million invocations with crashes, timeouts and oversize answers; N=… for fewer
# make lint    gofmt, go vet and staticcheck

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
GO ?= go
N ?= 1000000

.PHONY: serve test bench soak lint tools engine images fuzz emulate init

serve:
	$(GO) build -o .build/emulate ./cmd/emulate
	@exec .build/emulate serve testdata/hello

emulate: init
	CGO_ENABLED=0 $(GO) build -buildvcs=auto -o emulate ./cmd/emulate

# The containers' init for both architectures, which the emulator then embeds; a plain go build makes it when it is first needed.
INIT := emulator/sandbox/initbin
init:
	for arch in amd64 arm64; do \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch $(GO) build -trimpath -ldflags "-s -w" -o .build/emulate-init ./cmd/emulate-init; \
		gzip -9nc .build/emulate-init >$(INIT)/init-linux-$$arch.gz; \
	done
	ls emulator/sandbox/inside/*.go | grep -v _test.go | LC_ALL=C sort | xargs cat | sha256sum | cut -d' ' -f1 >$(INIT)/sources.sha256

tools:
	testdata/tools/install.sh

engine:
	testdata/tools/engine.sh start

images: engine
	testdata/tools/images.sh

test:
	testdata/tools/stages.sh

lint:
	test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	GOOS=windows $(GO) vet ./...
	GOOS=darwin $(GO) vet ./...

fuzz:
	testdata/tools/fuzz.sh $(FUZZTIME)

bench:
	$(GO) run ./cmd/bench $(if $(BASE),-base $(BASE)) $(BENCHFLAGS)

soak:
	$(GO) run ./cmd/bench -soak $(N)
