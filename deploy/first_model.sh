# Makes the first version of `digits` and the load test's rows, each unless it is there already.
set -eu
if [ ! -d /models/digits/1 ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    python -m cli.demo.model "$work"
    # specific:1, so that only a rollout brings another version in: `latest` would load whatever is exported next.
    tidegate export "$work/digits.keras" --name digits --out /models --served-base-path /models \
        --data "$work/digits.npz" --version-policy specific:1
fi
if [ ! -f /requests/digits.jsonl ]; then
    python -m loadtests.digits --out /requests/digits.jsonl
fi
