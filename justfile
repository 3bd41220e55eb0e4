# What there is to call. Each line also stands in CONTRIBUTING.md: nothing needs just.

_list:
    @just --list --unsorted

# Run the first job: the sum and the product of two numbers
try:
    cargo run -- local manifests/sum-product.yaml

# Run the tests of the libraries, for while you write
unit *ARGUMENTS:
    cargo test --workspace --lib {{ARGUMENTS}}

# Run the tests of one crate
unit-of CRATE *ARGUMENTS:
    cargo test -p {{CRATE}} --lib {{ARGUMENTS}}

# Run the tests of whole programs
end-to-end *ARGUMENTS:
    cargo test -p proffer-tests --test end-to-end {{ARGUMENTS}}

# Run all tests that this machine has what they need for
test *ARGUMENTS:
    cargo test --workspace {{ARGUMENTS}}

# Format the sources
format:
    cargo fmt --all

# Look for what clippy does not like
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Check licences and sources of dependencies
deny:
    cargo deny check bans licenses sources

# Play a million steps with faults, and print the hash of the decisions
simulate:
    cargo run --release -- simulate --seed 1 --seeds 1000 --steps 1000

# Start a cluster for the tests, as root
cluster:
    tests/cluster/up

# Run the tests of the operator on a cluster that runs
on-cluster *ARGUMENTS:
    cargo test -p proffer-tests --test cluster {{ARGUMENTS}}

# Run what continuous integration runs
ci:
    .ci/run
