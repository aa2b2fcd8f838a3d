#!/usr/bin/env bash
# rescale.sh PROGRAM: a running job with keyed state is given other parallelisms, up and down, and at its end has written the rows of a run
# that nobody disturbed; what cannot be is refused with its reason, and the job goes on.
set -u
sluice=$1
work=$(mktemp -d)
trap '"$sluice" down --data-dir "$work/data" >/dev/null 2>&1; rm -rf "$work"' EXIT
failed=0
fail() { echo "$*"; failed=1; }

. "$(dirname "$0")/fraud_files.sh"
job_rows=100000
job_settings=$'checkpoint: { interval: 300ms }\nmax-parallelism: 8'
refused() {
    local words=$1
    shift
    "$sluice" "$@" >"$work/out" 2>&1 && fail "$*: was not refused"
    grep -q "$words" "$work/out" || fail "$*: $(cat "$work/out")"
}

job "$work/calm" 0 calm >"$work/calm.yaml"
"$sluice" run --local "$work/calm.yaml" >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
rows "$work/calm" >"$work/expected"

"$sluice" up --data-dir "$work/data" --server-listen 127.0.0.1:0 --jobmanager-listen 127.0.0.1:0 --rest-listen "" --taskmanagers 2 --slots 3 \
    --no-tiering >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
SLUICE_JOBMANAGER=$(awk '$1 == "jobmanager" {print $4}' "$work/data/up")
export SLUICE_JOBMANAGER
job "$work/moved" 20000 moved >"$work/moved.yaml"
"$sluice" run -d "$work/moved.yaml" >"$work/out" 2>&1 || fail "run: $(cat "$work/out")"
for _ in $(seq 100); do "$sluice" checkpoints list moved 2>/dev/null | grep -q COMPLETED && break; sleep 0.1; done

refused 'max parallelism is 8' rescale moved 9
refused 'did you mean "frauds"' rescale moved fraud=2
refused 'need 7 slots, and 6 are there' rescale moved 7
refused 'has that parallelism already' rescale moved 1
refused 'neither a number nor OPERATOR=N' rescale moved many
refused 'no job "nobody"' rescale nobody 2

"$sluice" rescale moved 3 >"$work/out" 2>&1 || fail "rescale 3: $(cat "$work/out")"
[ "$("$sluice" describe moved --json | grep -c '"parallelism": 3')" -ge 3 ] || fail "after rescale 3: $("$sluice" describe moved)"
"$sluice" describe moved | grep -q ' 0 restarts' || fail "a rescale counted as a restart: $("$sluice" describe moved)"
"$sluice" rescale moved frauds=2 >"$work/out" 2>&1 || fail "rescale frauds=2: $(cat "$work/out")"
"$sluice" describe moved | grep -q '^frauds .* 2  *RUNNING' || fail "after rescale frauds=2: $("$sluice" describe moved)"
"$sluice" rescale moved 1 frauds=6 >"$work/out" 2>&1 || fail "rescale 1 frauds=6: $(cat "$work/out")"
"$sluice" wait moved --timeout 60s | grep -q FINISHED || fail "not finished: $("$sluice" list -a)"
refused 'is FINISHED already' rescale moved 2
rows "$work/moved" >"$work/got"
cmp -s "$work/expected" "$work/got" || fail "other rows: $(wc -l <"$work/got") for $(wc -l <"$work/expected"); $(diff "$work/expected" "$work/got" | head -3)"
exit $failed
