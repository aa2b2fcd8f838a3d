#!/usr/bin/env bash
# memory.sh PROGRAM: a job that outgrows the memory of its worker fails, naming the limit and the operators that hold most; the task manager
# and a job beside it go on.
set -u
sluice=$1
work=$(mktemp -d)
trap 'kill ${tm:-} ${jm:-} 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
failed=0
fail() { echo "$*"; failed=1; }

. "$(dirname "$0")/fraud_files.sh"
"$sluice" jobmanager --listen 127.0.0.1:0 --rest-listen "" --data-dir "$work/jm" >"$work/jm.log" 2>&1 &
jm=$!
for _ in $(seq 100); do grep -q 'ready at' "$work/jm.log" && break; sleep 0.1; done
SLUICE_JOBMANAGER=$(awk '/ready at/ {print $NF}' "$work/jm.log")
export SLUICE_JOBMANAGER
"$sluice" taskmanager --jobmanager "$SLUICE_JOBMANAGER" --slots 2 --memory 16mib --data-dir "$work/tm" >"$work/tm.log" 2>&1 &
tm=$!

job_settings=$'checkpoint: { interval: 300ms }\nrestart: { strategy: none }'
job_rows=80000
job "$work/small" 20000 small | sed 's/keys: 2000/keys: 100/' >"$work/small.yaml"
job_rows=20000000
job "$work/greedy" 0 greedy | sed 's/keys: 2000/keys: 5000000/' >"$work/greedy.yaml"
"$sluice" run -d "$work/small.yaml" >"$work/out" 2>&1 || fail "run small: $(cat "$work/out")"
"$sluice" run "$work/greedy.yaml" >"$work/out" 2>&1 && fail "a job outgrew its memory and did not fail"
grep -q 'FAILED: .*memory limit of its worker, 16 MiB (most state: frauds ' "$work/out" || fail "greedy: $(cat "$work/out")"
kill -0 "$tm" 2>/dev/null || fail "the task manager is gone: $(tail -3 "$work/tm.log")"
"$sluice" wait small --timeout 60s >"$work/out" 2>&1
grep -q FINISHED "$work/out" || fail "the job beside it: $(cat "$work/out") $("$sluice" list -a)"
exit $failed
