#!/usr/bin/env bash
# stack.sh PROGRAM JOBS: `up` starts daemons that outlive it, `status` sees them, jobs run on them, `down` ends them all.
set -u
sluice=$1
jobs=$2
work=$(mktemp -d)
trap '"$sluice" down --data-dir "$work/data" >/dev/null 2>&1; rm -rf "$work"' EXIT
failed=0
fail() { echo "$*"; failed=1; }

"$sluice" up --data-dir "$work/data" --server-listen 127.0.0.1:0 --jobmanager-listen 127.0.0.1:0 --rest-listen "" --taskmanagers 2 --slots 3 \
    >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
[ "$(wc -l <"$work/data/up")" = 4 ] || fail "not four daemons: $(cat "$work/data/up")"
"$sluice" status --data-dir "$work/data" >"$work/out" 2>&1 || fail "status failed"
grep -q '2 task managers, 6 of 6 slots free' "$work/out" || fail "status: $(cat "$work/out")"
"$sluice" up --data-dir "$work/data" >"$work/out" 2>&1 && fail "a second up was allowed"
grep -q 'is up already' "$work/out" || fail "second up: $(cat "$work/out")"
SLUICE_JOBMANAGER=$(awk '$1 == "jobmanager" {print $4}' "$work/data/up")
export SLUICE_JOBMANAGER
timeout 60 "$sluice" run "$jobs/hello.yaml" -p 2 >"$work/out" 2>&1 || fail "run: $(cat "$work/out")"
grep -q 'FINISHED' "$work/out" || fail "run said: $(cat "$work/out")"
"$sluice" describe hello --json | grep -q '"rows_out": 10' || fail "describe: $("$sluice" describe hello)"
[ "$("$sluice" logs hello | grep -c '| 0.80$')" = 10 ] || fail "logs: $("$sluice" logs hello)"
cat >"$work/slow.yaml" <<'END'
job: slow
operators:
  - { id: rows, use: datagen, with: { kind: transactions, rate: 100 } }
  - { id: gone, use: blackhole, from: rows }
END
"$sluice" run -d "$work/slow.yaml" >"$work/out" 2>&1 || fail "run -d: $(cat "$work/out")"
"$sluice" list | grep -q 'slow' || fail "list: $("$sluice" list)"
"$sluice" wait slow --timeout 1ms >"$work/out" 2>&1 && fail "wait of a running job answered done"
"$sluice" cancel slow >"$work/out" 2>&1 || fail "cancel: $(cat "$work/out")"
"$sluice" wait slow --timeout 20s | grep -q CANCELED || fail "not cancelled: $("$sluice" list -a)"
"$sluice" list | grep -q 'No running jobs' || fail "list: $("$sluice" list)"
mapfile -t pids < <(awk '{print $2}' "$work/data/up")
"$sluice" down --data-dir "$work/data" >"$work/out" 2>&1 || fail "down: $(cat "$work/out")"
for pid in "${pids[@]}"; do [ -d "/proc/$pid" ] && ! grep -q '^State:.*Z' "/proc/$pid/status" && fail "process $pid is still there"; done
"$sluice" down --data-dir "$work/data" | grep -q 'nothing of' || fail "a second down found something"
exit $failed
