# Makes the first version of `digits` and the load test's rows, each unless it is there already.
set -eu
models=${TIDEGATE_MODELS:-/models}
requests=${TIDEGATE_REQUESTS:-/requests}

# models.config is written last, after the version is published, so it is what tells that the export came to its end.
# Which versions are there later is the rollouts' matter, as long as there is one.
if ! grep -qs '"digits"' "$models/models.config" || ! ls "$models/digits" 2>&1 | grep -qx '[0-9][0-9]*'; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    python -m cli.demo.model "$work"
    if [ -d "$models/digits/1" ]; then
        # Left by an export that was interrupted: no server has it in its configuration. Set aside under a name that is
        # no version, since deploy/gateway.yaml begins with version 1 and an existing version is never replaced.
        aside=$(mktemp -d "$models/digits/interrupted-XXXXXX")
        mv "$models/digits/1" "$aside/"
        echo "version 1 of digits was not in $models/models.config: moved to $aside, exporting it again" >&2
    fi
    # specific:1, so that only a rollout brings another version in: `latest` would load whatever is exported next.
    tidegate export "$work/digits.keras" --name digits --out "$models" --version 1 --served-base-path /models \
        --data "$work/digits.npz" --version-policy specific:1
fi
if [ ! -f "$requests/digits.jsonl" ]; then
    # Under its name only when it is whole: half a file would be taken for the rows at the next start.
    python -m loadtests.digits --out "$requests/digits.jsonl.new"
    mv "$requests/digits.jsonl.new" "$requests/digits.jsonl"
fi
