# The steps of .ci/run under short names. `just` lists them.

default:
    @just --list --unsorted

# Format the code
fmt:
    cargo fmt --all

# Formatting and lints, as CI sees them
lint:
    .ci/run fmt clippy

# All tests; those that need an engine are skipped where it is missing
test *args:
    cargo test {{ args }}

# All tests, with Amazon DynamoDB Local
engines:
    .ci/run engines test

# All tests, twenty times on a machine that is kept busy
stress *args:
    scripts/stress-tests {{ args }}

# Licences, duplicate versions, sources, advisories
deny:
    .ci/run deny

# The documentation of the code
doc:
    .ci/run doc

# Six indexes on five tables
demo *args:
    cargo run --release -- demo {{ args }}

# What a large run costs, in virtual time
bench *args:
    cargo bench -p gsictl-core {{ args }}

# Everything that CI runs
ci:
    .ci/run
