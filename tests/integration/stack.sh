#!/usr/bin/env bash
# stack.sh PROGRAM JOBS: `up` starts daemons that outlive it, `status` sees them, jobs run on them, `down` ends them all.
set -u
sluice=$1
jobs=$2
work=$(mktemp -d)
trap '"$sluice" down --data-dir "$work/data" >/dev/null 2>&1; "$sluice" down --data-dir "$work/lake" >/dev/null 2>&1; rm -rf "$work"' EXIT
failed=0
fail() { echo "$*"; failed=1; }

"$sluice" up --data-dir "$work/data" --server-listen 127.0.0.1:0 --jobmanager-listen 127.0.0.1:0 --rest-listen "" --taskmanagers 2 --slots 3 \
    --no-tiering     >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
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
# The same with tiering: rows of a lake table reach the lake.
"$sluice" up --data-dir "$work/lake" --server-listen 127.0.0.1:0 --jobmanager-listen 127.0.0.1:0 --rest-listen "" >"$work/out" 2>&1 ||
    fail "up with tiering: $(cat "$work/out")"
SLUICE_FLUSS_BOOTSTRAP_SERVERS=$(awk '$1 == "server" {print $4}' "$work/lake/up")
export SLUICE_FLUSS_BOOTSTRAP_SERVERS
"$sluice" tables create events "id BIGINT, name STRING" --buckets 2 --table.datalake.enabled true --table.datalake.freshness 1s >"$work/out" 2>&1 ||
    fail "create: $(cat "$work/out")"
printf 'id,name\n1,a\n2,b\n' | "$sluice" tables load events - >"$work/out" 2>&1 || fail "load: $(cat "$work/out")"
for _ in $(seq 100); do ls "$work"/lake/warehouse/fluss/events/data/*/*.parquet "$work"/lake/warehouse/fluss/events/data/*.parquet 2>/dev/null | grep -q . && break; sleep 0.2; done
sleep 1
[ "$("$sluice" sql --datalake.iceberg.warehouse "$work/lake/warehouse" --fluss.bootstrap.servers "$SLUICE_FLUSS_BOOTSTRAP_SERVERS" -f csv \
    -e 'select count(*) from events$lake' 2>"$work/err" | tail -1)" = 2 ] || fail "the lake does not hold two rows: $(cat "$work/err"; find "$work/lake/warehouse" | head -20)"
"$sluice" down --data-dir "$work/lake" >"$work/out" 2>&1 || fail "down: $(cat "$work/out")"
# The next `up` takes the place of the tiering job of the first.
first=$(cat "$work/lake/jobs/tiering.id")
"$sluice" up --data-dir "$work/lake" --server-listen 127.0.0.1:0 --jobmanager-listen 127.0.0.1:0 --rest-listen "" >"$work/out" 2>&1 ||
    fail "a second up with tiering: $(cat "$work/out")"
SLUICE_JOBMANAGER=$(awk '$1 == "jobmanager" {print $4}' "$work/lake/up")
[ "$("$sluice" list | grep -c RUNNING)" = 1 ] || fail "not one tiering job runs: $("$sluice" list)"
"$sluice" wait "$first" --timeout 30s | grep -q CANCELED || fail "the first tiering job was not cancelled: $("$sluice" list -a)"
"$sluice" down --data-dir "$work/lake" >"$work/out" 2>&1 || fail "down: $(cat "$work/out")"
"$sluice" down --data-dir "$work/data" | grep -q 'nothing of' || fail "a second down found something"
exit $failed
