#!/usr/bin/env bash
# stack.sh PROGRAM: `up` starts daemons that outlive it, `status` sees them, `down` ends them all.
set -u
sluice=$1
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
mapfile -t pids < <(awk '{print $2}' "$work/data/up")
"$sluice" down --data-dir "$work/data" >"$work/out" 2>&1 || fail "down: $(cat "$work/out")"
for pid in "${pids[@]}"; do [ -d "/proc/$pid" ] && ! grep -q '^State:.*Z' "/proc/$pid/status" && fail "process $pid is still there"; done
"$sluice" down --data-dir "$work/data" | grep -q 'nothing of' || fail "a second down found something"
exit $failed
