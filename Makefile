# make run and make test are all one needs; see README.md.
SHELL := /bin/bash -o pipefail
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
ARGS ?=
FUZZTIME ?= 1m

SHIM := agent/shim/binary/files/berth-shim.gz

.PHONY: run build shim demo libseccomp test check fuzz bench clean tools

run: build ## everything on this machine; ARGS="--data-dir …" to change it
	@$(if $(filter 0,$(shell id -u)),,sudo )bin/berth up $(ARGS)

build: shim demo ## bin/berth, one static binary
	@echo "building bin/berth $(VERSION)"
	@CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/berth ./cmd/berth

# The parent of a task's containers, which berth carries inside. It links runc's C code, and libseccomp if it can be had.
shim: $(if $(shell pkg-config --exists libseccomp 2>/dev/null && echo yes),,libseccomp)
	@tags="netgo osusergo"; \
	if pkg-config --exists libseccomp 2>/dev/null; then tags="$$tags seccomp"; \
	else echo "WARNING: no libseccomp-dev here: containers will run WITHOUT a system call filter"; fi; \
	CGO_ENABLED=1 go build -trimpath -tags "$$tags" -ldflags '-s -w -extldflags -static' -o bin/berth-shim ./cmd/berth-shim && \
	gzip -9nc bin/berth-shim > $(SHIM).new && { cmp -s $(SHIM).new $(SHIM) && rm $(SHIM).new || mv $(SHIM).new $(SHIM); }

# The image berth/demo, which berth carries inside: the same source makes the same bytes.
demo:
	@CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -buildid=' -o bin/berth-demo ./cmd/berth-demo && \
	go run ./agent/image/demo/pack bin/berth-demo agent/image/demo/files

libseccomp:
	@[ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { echo "installing libseccomp-dev pkg-config"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libseccomp-dev pkg-config gcc libc6-dev >/dev/null || true; }

test: build tools ## every test, and a summary of them
	@go test -json -timeout 30m ./... | go run ./test/summary

check: ## what a machine can say about the code
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "not formatted: $$unformatted"; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	go mod tidy -diff
	go test -count 1 -run 'TestHouse|TestCompat' . ./server

# Before Go 1.27, fuzzing may end with "context deadline exceeded" and no failing input when its time is up: go.dev/issue/75804.
fuzz: ## every fuzz target for FUZZTIME
	@log=$$(mktemp); grep -roE --include='*_test.go' '^func Fuzz\w+' . | while IFS=: read -r file target; do \
		target=$${target#func }; echo "== $$target in $$(dirname "$$file")"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" </dev/null | tee $$log || \
		{ grep -q 'context deadline exceeded' $$log && ! grep -q 'Failing input' $$log; } || exit 1; done

bench: ## every benchmark; never part of the tests
	@for dir in bench/*/; do echo "== $$dir"; go run "./$$dir" || exit 1; done

clean:
	rm -rf bin $(SHIM) agent/image/demo/files/demo.*

# The clients that the end-to-end tests drive. Where they cannot be installed, those tests say that they are skipped.
tools:
	@missing=; \
	command -v aws >/dev/null || missing="$$missing awscli"; \
	python3 -c 'import boto3' 2>/dev/null || missing="$$missing python3-boto3"; \
	command -v busybox >/dev/null || missing="$$missing busybox-static"; \
	[ -z "$$missing" ] || { echo "installing$$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null || \
		echo "cannot install$$missing: the tests that need them will be skipped"; }
