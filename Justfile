# Recipes for those who work on Trellis. `npm i -g rust-just` gives `just`;
# nothing here is needed to run Trellis or its tests: Go is enough for these.

version := `git describe --tags --always --dirty 2>/dev/null || echo dev`

# list the recipes
default:
    @just --list

# everything that must hold before a push
check: fmt vet staticcheck layers test tidy fresh

# gofmt, as a check
fmt:
    @unformatted=$(gofmt -l .); [ -z "$unformatted" ] || { printf 'not formatted:\n%s\n' "$unformatted" >&2; exit 1; }

vet:
    go vet ./...
    GOOS=wasip1 GOARCH=wasm go vet ./hostapi/guest $(.ci/guests)

staticcheck:
    go tool staticcheck $(go list ./... | grep -v /examples/)
    GOOS=wasip1 GOARCH=wasm $(go tool -n staticcheck) -checks inherit,-U1000 ./hostapi/guest $(.ci/guests)

# the floors of the house
layers:
    go test -count=1 -run 'TestLayers|TestFloors|TestNoInit' .

test *ARGS:
    go test {{ARGS}} ./...

# the race detector; it takes more memory than the compiling child of cmd/trellis may have
race:
    go test -race -short $(go list ./... | grep -v '/cmd/\|/examples')

# fuzz tests for a while each, all or the named: just fuzz 30s FuzzRewrite; `just fuzz -list` lists them
fuzz TIME="20s" *NAMES:
    .ci/fuzz {{TIME}} {{NAMES}}

# the engine's tests as an ARM machine runs them (apt-get install qemu-user-static)
arm64 *PACKAGES:
    .ci/arm64 {{PACKAGES}}

# the engine under guests good and hostile, with what it holds a line a minute: just soak 1h
soak TIME="10m":
    go test -run 'TestSoak$' -count=1 -v -timeout 0 ./runtime -args -soak {{TIME}}

# the pages in Chromium (apt-get install chromium): just browser -run TestGallery
browser *ARGS: axe
    go vet -tags browser ./...
    go test -timeout 30m -tags browser {{ARGS}} ./internal/browser/...
    go test -count=1 -timeout 30m -tags browser -run Chromium ./internal/pages/...

# a picture of every page, wide and narrow, light and dark: just pictures /tmp/pictures
pictures DIR:
    mkdir -p {{DIR}} && TRELLIS_PICTURES={{DIR}} go test -count=1 -tags browser -run 'TestPictures$' ./internal/browser

# the four pictures of README.md
readme-pictures:
    mkdir -p internal/browser/pictures && TRELLIS_README={{justfile_directory()}}/internal/browser/pictures go test -count=1 -tags browser -run TestReadmePictures ./internal/browser

# axe-core into the cache directory, for `just browser`
axe:
    .ci/axe

# QuickJS, CPython, Ruby and PHP into the cache directory, for TestToolchains (126 MB)
engines:
    .ci/engines

# rewrite golden files after looking at why they differ
golden:
    go test ./hostapi ./extensions/bundle ./internal/app -update

# the host API's document and schemas, from the operations
abi:
    go run ./cmd/trellis abi -write hostapi

# go.mod is as it should be
tidy:
    go mod tidy -diff

# what is generated is what its sources say
fresh:
    go test -count=1 -run 'Fresh|Golden|Current' ./...

# rebuild the committed guests in C (apt-get install clang lld)
wasm:
    .ci/wasm build c

# those in C++ (apt-get install clang lld)
wasm-cpp:
    .ci/wasm build cpp

# those in Rust (https://rustup.rs, rustup target add wasm32-unknown-unknown)
wasm-rust:
    .ci/wasm build rust

# those in AssemblyScript (.ci/wasm install as, which asks npm)
wasm-as:
    .ci/wasm build as

# the policy in C as a WASI command (apt-get install clang lld)
wasm-command:
    .ci/wasm build command

# the policies that are Extism plug-ins (apt-get install clang lld; .ci/wasm install extism-as)
wasm-extism:
    .ci/wasm build extism-c extism-as

demo *ARGS:
    go run ./cmd/trellis demo {{ARGS}}

run *ARGS:
    go run ./cmd/trellis {{ARGS}}

# a new extension: just new acme.first ./first
new ID DIR:
    go run ./cmd/trellis ext new -lang go {{ID}} {{DIR}}

# what the figures are made of; TRELLIS_BENCH_ROWS=1000000 just bench imports a million rows
bench *ARGS:
    go test -run '^$' -bench . {{ARGS}} ./runtime ./internal/store ./extensions/slots ./internal/app

# the engine and its peers on one job, in one run, and what must show: runtime/peerbench/README.md
peers *ARGS:
    cd runtime/peerbench && go run . {{ARGS}}

# the peers in Rust, which `just peers` finds afterwards: some 25 minutes on two cores (cargo: https://rustup.rs)
peers-rust:
    cd runtime/peerbench/rust/wasmtime && cargo build --release --locked
    cd runtime/peerbench/rust/extism && cargo build --release --locked

# every platform that Trellis is built for
cross:
    for p in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do \
        echo "$p"; CGO_ENABLED=0 GOOS=${p%/*} GOARCH=${p#*/} go build -trimpath -o /dev/null ./cmd/trellis || exit 1; done

build:
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version={{version}}" -o trellis ./cmd/trellis
