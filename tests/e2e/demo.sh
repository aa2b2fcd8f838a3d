#!/usr/bin/env bash
# demo.sh SLUICE TRANSACTIONS PARALLELISM TASKMANAGERS: the demo ends with exactly one fraud in ten, in stream, lake and union; what it
# leaves behind is read again by another reader of the lake where Python is there (tests/e2e/lake_judges.py).
set -euo pipefail
sluice=$1 transactions=$2 parallelism=$3 taskmanagers=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$sluice" demo --transactions "$transactions" --parallelism "$parallelism" --taskmanagers "$taskmanagers" --keep "$work/kept" --json >"$work/out.json" ||
    { cat "$work/out.json"; tail -n 5 "$work"/kept/log/*.log; exit 1; }
cat "$work/out.json"
expected=$((transactions / 10))
for name in frauds_expected frauds_stream frauds_lake frauds_union frauds_named; do
    grep -q "\"$name\": $expected[,}]" "$work/out.json" || { echo "$name is not $expected"; exit 1; }
done
code=0
"$(dirname "$0")/../support/venv.sh" run "$(dirname "$0")/lake_judges.py" "$work/kept/warehouse" "$expected" || code=$?
[ "$code" = 77 ] && { echo "the lake was not read by pyiceberg and DuckDB"; exit 0; }
exit $code
