# List the recipes.
default:
    @just --list --unsorted

# Format the code.
fmt:
    cargo fmt --all

# Compile and lint every target, and the server as production builds it, warnings denied.
check:
    cargo clippy --locked --workspace --all-targets -- -D warnings
    cargo clippy --locked --package tollgate --no-default-features -- -D warnings

# Run every test.
test *args:
    cargo test --locked --workspace {{ args }}

# Prove that no crate knows more than it may.
arch:
    ops/checks/arch
    ops/checks/arch-selftest

# Refuse banned crates and licences (needs cargo-deny).
bans:
    ops/checks/bans

# Write the API's description anew.
openapi:
    cargo run --locked --quiet -- openapi > openapi.json

# Measure the API against its baselines, and the pure decisions by themselves.
bench *args:
    cargo build --locked --release --package tollgate --package tollgate-bench
    cargo run --locked --release --package tollgate-bench -- {{ args }}
    cargo bench --locked --package tollgate-bench

# Everything a change must pass, as a bare machine runs it.
ci:
    bash .ci/run
