#!/usr/bin/env bash
# drain.sh PROGRAM: task managers come and go under a running job: one that joined is used by the next rescale, one that is drained hands its
# tasks over and can be killed without anybody noticing; what does not fit is refused with its reason. The rows are those of a calm run.
set -u
sluice=$1
. "$(dirname "${BASH_SOURCE[0]}")/managers.sh"

calm_rows 200000

jobmanager_start
taskmanager_start first 3
job "$work/moved" 20000 moved >"$work/moved.yaml"
"$sluice" run -d "$work/moved.yaml" >"$work/out" 2>&1 || fail "run: $(cat "$work/out")"
first_checkpoint moved

refused 'need 5 slots, and 3 are there' rescale moved 5
taskmanager_start second 5
"$sluice" rescale moved 5 >"$work/out" 2>&1 || fail "rescale 5 after a task manager joined: $(cat "$work/out")"
[ -n "$(workers second)" ] || fail "the task manager that joined has no task"
refused 'need 5 slots without task manager .* and 3 are there' drain "${pids[second]}"
refused 'no task manager "nobody"' drain nobody
"$sluice" rescale moved 3 >"$work/out" 2>&1 || fail "rescale 3: $(cat "$work/out")"
"$sluice" drain "${pids[first]}" >"$work/out" 2>&1 || fail "drain: $(cat "$work/out")"
grep -q 'runs nothing any more' "$work/out" || fail "drain: $(cat "$work/out")"
[ -z "$(workers first)" ] || fail "the drained task manager still has tasks"
"$sluice" status | grep -q DRAINING || fail "status: $("$sluice" status)"
jobmanager_kill
jobmanager_start
for _ in $(seq 100); do "$sluice" status 2>/dev/null | grep -q '2 task managers' && break; sleep 0.1; done
"$sluice" status | grep -q DRAINING || fail "the next job manager: $("$sluice" status)"
for _ in $(seq 100); do "$sluice" list 2>/dev/null | grep -q RUNNING && break; sleep 0.1; done
refused 'need 6 slots, and 5 are there' rescale moved 6
"$sluice" drain "${pids[first]}" --undo >"$work/out" 2>&1 || fail "drain --undo: $(cat "$work/out")"
# A drain whose job manager dies goes on with the next one.
"$sluice" drain "${pids[second]}" >/dev/null 2>&1 &
asked=$!
for _ in $(seq 100); do "$sluice" status 2>/dev/null | grep -q DRAINING && break; done
jobmanager_kill
wait "$asked"
jobmanager_start
for _ in $(seq 200); do [ -z "$(workers second)" ] && break; sleep 0.1; done
[ -z "$(workers second)" ] || fail "the drain is not carried on: $("$sluice" status)"
"$sluice" drain "${pids[second]}" --undo >"$work/out" 2>&1 || fail "drain --undo: $(cat "$work/out")"
"$sluice" drain "${pids[first]}" >"$work/out" 2>&1 || fail "drain again: $(cat "$work/out")"
kill -9 "${pids[first]}"
"$sluice" wait moved --timeout 60s | grep -q FINISHED || fail "not finished: $("$sluice" list -a)"
"$sluice" describe moved | grep -q ' 0 restarts' || fail "the job noticed: $("$sluice" describe moved)"
same_rows "$work/moved"
exit $failed
