#!/usr/bin/env bash
# rescale.sh PROGRAM: a running job with keyed state is given other parallelisms, up and down, and at its end has written the rows of a run
# that nobody disturbed; what cannot be is refused with its reason, and the job goes on.
set -u
sluice=$1
. "$(dirname "${BASH_SOURCE[0]}")/managers.sh"

calm_rows 100000

jobmanager_start
taskmanager_start first 3
taskmanager_start second 3
job "$work/moved" 20000 moved >"$work/moved.yaml"
"$sluice" run -d "$work/moved.yaml" >"$work/out" 2>&1 || fail "run: $(cat "$work/out")"
first_checkpoint moved

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
# What an attempt has left goes in the next one's turn: one checkpoint is retained.
for _ in $(seq 30); do
    [ "$(find "$work/jobmanager/checkpoints" -path '*chk-*' -name _metadata | wc -l)" = 1 ] && break
    sleep 0.05
done
[ "$(find "$work/jobmanager/checkpoints" -path '*chk-*' -name _metadata | wc -l)" -le 2 ] ||
    fail "checkpoints that nobody drops: $(find "$work/jobmanager/checkpoints" -path '*chk-*' -name _metadata)"
"$sluice" wait moved --timeout 60s | grep -q FINISHED || fail "not finished: $("$sluice" list -a)"
refused 'is FINISHED already' rescale moved 2
same_rows "$work/moved"
exit $failed
