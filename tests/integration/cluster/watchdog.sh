#!/usr/bin/env bash
# watchdog.sh PROGRAM MODULES: a plugin whose call does not return is named, its worker killed, and the job goes on from its checkpoint.
set -u
sluice=$1
export SLUICE_PLUGIN_PATH=$2
export SLUICE_WATCHDOG=1s
work=$(mktemp -d)
trap '"$sluice" down --data-dir "$work/data" >/dev/null 2>&1; rm -rf "$work"' EXIT
fail() { echo "$*"; exit 1; }

cat >"$work/job.yaml" <<END
job: stuck
checkpoint: { interval: 300ms }
operators:
  - { id: rows, use: datagen, with: { kind: transactions, rows: 20000, rate: 10000 } }
  - { id: out, use: hanging, from: rows, with: { once: $work/once } }
END
"$sluice" up --data-dir "$work/data" --server-listen 127.0.0.1:0 --jobmanager-listen 127.0.0.1:0 --rest-listen "" --taskmanagers 1 --slots 2 \
    --no-tiering >"$work/out" 2>&1 || fail "$(cat "$work/out")"
SLUICE_JOBMANAGER=$(awk '$1 == "jobmanager" {print $4}' "$work/data/up")
export SLUICE_JOBMANAGER
"$sluice" run -d "$work/job.yaml" >"$work/out" 2>&1 || fail "run: $(cat "$work/out")"
"$sluice" wait stuck --timeout 60s >"$work/out" 2>&1 || fail "wait: $(cat "$work/out") $("$sluice" describe stuck)"
"$sluice" describe stuck | grep -q ' 1 restart' || fail "not one restart: $("$sluice" describe stuck)"
grep -rhq 'crashed in plugin hanging of operator out: a call of subtask 0 has not returned for 1 s' "$work/data" || fail "it was not named"
