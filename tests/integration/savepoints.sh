#!/usr/bin/env bash
# savepoints.sh PROGRAM: a job with keyed state leaves savepoints, is stopped with one, goes on from it with another parallelism, and at the
# end has written each row once, as a run that nobody disturbed has. What does not fit is refused by name.
set -u
sluice=$1
work=$(mktemp -d)
trap '"$sluice" down --data-dir "$work/data" >/dev/null 2>&1; rm -rf "$work"' EXIT
failed=0
fail() { echo "$*"; failed=1; }

. "$(dirname "$0")/fraud_files.sh"
job_settings='checkpoint: { interval: 200ms }'

job "$work/calm" 0 calm >"$work/calm.yaml"
"$sluice" run --local "$work/calm.yaml" >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
rows "$work/calm" >"$work/expected"
[ "$(wc -l <"$work/expected")" -gt 1000 ] || fail "the calm run wrote $(wc -l <"$work/expected") rows only"

"$sluice" up --data-dir "$work/data" --server-listen 127.0.0.1:0 --jobmanager-listen 127.0.0.1:0 --rest-listen "" --slots 4 --no-tiering \
    >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
SLUICE_JOBMANAGER=$(awk '$1 == "jobmanager" {print $4}' "$work/data/up")
export SLUICE_JOBMANAGER

# A savepoint of a running job changes nothing for it.
job "$work/moved" 15000 moved >"$work/moved.yaml"
"$sluice" run -d -p 2 "$work/moved.yaml" >"$work/out" 2>&1 || fail "run: $(cat "$work/out")"
for _ in $(seq 100); do "$sluice" checkpoints list moved 2>/dev/null | grep -q COMPLETED && break; sleep 0.1; done
(cd "$work" && "$sluice" savepoint moved mine) >"$work/out" 2>&1 || fail "savepoint: $(cat "$work/out")"
first=$(sed -n 's/^Savepoint completed. Path: //p' "$work/out")
[[ $first == "$work"/mine/savepoint-*-* ]] || fail "the savepoint's path: $(cat "$work/out")"
"$sluice" list | grep -q 'moved.*RUNNING' || fail "the job does not run on: $("$sluice" list -a)"
"$sluice" checkpoints inspect "$first" >"$work/out" 2>&1 || fail "inspect: $(cat "$work/out")"
grep -q '^frauds ' "$work/out" || fail "inspect does not name the state of frauds: $(cat "$work/out")"

# Stopped with another one, and gone on with a parallelism that neither the tasks nor the slots had.
"$sluice" stop moved --savepoint >"$work/out" 2>&1 || fail "stop --savepoint: $(cat "$work/out")"
last=$(sed -n 's/^Savepoint completed. Path: //p' "$work/out")
"$sluice" wait moved --timeout 30s | grep -q FINISHED || fail "not finished: $("$sluice" list -a)"
[ "$(rows "$work/moved" | wc -l)" -lt "$(wc -l <"$work/expected")" ] || fail "it was stopped too late to show anything"
"$sluice" validate "$work/moved.yaml" --against "$last" >"$work/out" 2>&1 || fail "validate --against: $(cat "$work/out")"
grep -q '^frauds .*matched' "$work/out" || fail "validate --against: $(cat "$work/out")"
job "$work/moved" 0 moved-on >"$work/on.yaml"
timeout 60 "$sluice" run -p 3 -s "$last" "$work/on.yaml" >"$work/out" 2>&1 || fail "run -s: $(cat "$work/out")"
rows "$work/moved" >"$work/got"
cmp -s "$work/expected" "$work/got" || fail "other rows: $(wc -l <"$work/got") for $(wc -l <"$work/expected"); $(diff "$work/expected" "$work/got" | head -3)"

# Refused by name: state without an operator, unless that is said to be wanted; a torn file; a directory that is none.
sed 's/id: frauds/id: cheats/; s/from: frauds/from: cheats/; s/job: moved-on/job: other/' "$work/on.yaml" >"$work/other.yaml"
"$sluice" validate "$work/other.yaml" --against "$last" >"$work/out" 2>&1 && fail "validate accepts state that nobody takes"
grep -q 'state of operator "frauds"' "$work/out" || fail "validate: $(cat "$work/out")"
timeout 60 "$sluice" run -s "$last" "$work/other.yaml" >"$work/out" 2>&1 && fail "run accepts state that nobody takes"
grep -q 'state of operator "frauds"' "$work/out" || fail "run -s: $(cat "$work/out")"
timeout 60 "$sluice" run -s "$last" -n "$work/other.yaml" >"$work/out" 2>&1 || fail "run -s -n: $(cat "$work/out")"
torn=$(find "$first" -name 'task-*' | head -1)
cp -r "$first" "$work/torn" && truncate -s -9 "$work/torn/$(basename "$torn")"
timeout 60 "$sluice" run --local -s "$work/torn" "$work/on.yaml" >"$work/out" 2>&1 && fail "a torn file was taken"
grep -q "$(basename "$torn")" "$work/out" || fail "a torn file: $(cat "$work/out")"
"$sluice" savepoint nobody >"$work/out" 2>&1 && fail "a savepoint of nobody"
"$sluice" savepoint moved >"$work/out" 2>&1 && fail "a savepoint of a job that is over"
grep -q 'is FINISHED' "$work/out" || fail "savepoint of a job that is over: $(cat "$work/out")"

# Disposed; a checkpoint is not.
"$sluice" checkpoints dispose "$first" >"$work/out" 2>&1 || fail "dispose: $(cat "$work/out")"
[ -e "$first" ] && fail "$first is still there"
"$sluice" checkpoints dispose "$first" >"$work/out" 2>&1 && fail "disposed twice"
"$sluice" checkpoints inspect "$work" >"$work/out" 2>&1 && fail "inspected a directory of something else"
grep -q "$work holds no checkpoint or savepoint" "$work/out" || fail "inspect of another directory: $(cat "$work/out")"
chk=$("$sluice" checkpoints list moved --json | sed -n 's/.*"path": "\(.*\)".*/\1/p' | # one that is whole: the last may have been under way
    while read -r path; do [ -e "$path/_metadata" ] && echo "$path"; done | head -1)
"$sluice" checkpoints dispose "$chk" >"$work/out" 2>&1 && fail "disposed of a checkpoint"
grep -q 'not a savepoint' "$work/out" || fail "dispose of a checkpoint: $(cat "$work/out")"

# Drained: the sources end, and so does the job, before its rows are all there.
job "$work/drained" 15000 drained >"$work/drained.yaml"
"$sluice" run -d "$work/drained.yaml" >"$work/out" 2>&1 || fail "run: $(cat "$work/out")"
for _ in $(seq 100); do "$sluice" checkpoints list drained 2>/dev/null | grep -q COMPLETED && break; sleep 0.1; done
"$sluice" stop drained --drain --savepoint-path "$work/mine" >"$work/out" 2>&1 || fail "stop --drain: $(cat "$work/out")"
"$sluice" wait drained --timeout 30s | grep -q FINISHED || fail "not drained: $("$sluice" list -a)"
grep -q "Path: $work/mine/savepoint-" "$work/out" || fail "stop --drain: $(cat "$work/out")"
"$sluice" checkpoints inspect "$(sed -n 's/^Savepoint completed. Path: //p' "$work/out")" >"$work/inspected" 2>&1 || fail "inspect: $(cat "$work/inspected")"
grep -q "the job's last" "$work/inspected" || fail "a drained job's sources had not ended: $(cat "$work/inspected")"
# A stop whose savepoint cannot be written leaves the job running, with more checkpoints to come and no row lost or there twice: a place
# that is none, and one that shows it (to root) only in the writing.
newest() { "$sluice" checkpoints list goes | awk '$2 == "COMPLETED" {print $1; exit}'; }
job "$work/goes" 3000 goes >"$work/goes.yaml"
: >"$work/file"
"$sluice" run -d "$work/goes.yaml" >"$work/out" 2>&1 || fail "run: $(cat "$work/out")"
for _ in $(seq 100); do [ -n "$(newest 2>/dev/null)" ] && break; sleep 0.1; done
while read -r place drain; do
    "$sluice" stop goes $drain --savepoint-path "$place" </dev/null >"$work/out" 2>&1 && fail "stopped, with a savepoint in $place"
    grep -q 'no savepoint of job goes' "$work/out" || fail "stop with $place: $(cat "$work/out")"
    before=$(newest)
    for _ in $(seq 50); do now=$(newest); [ "${now:-0}" -gt "${before:-0}" ] && break; sleep 0.1; done
    "$sluice" list | grep -q 'goes *RUNNING' || fail "a stop into $place that failed ended the job: $("$sluice" list -a)"
done <<END
$work/file
$work/file --drain
$work/file/below
/proc/nowhere --drain
/proc
END
"$sluice" stop goes --savepoint-path "$work/kept" >"$work/out" 2>&1 || fail "stop behind those that failed: $(cat "$work/out")"
job "$work/goes" 0 goes-on >"$work/goes-on.yaml"
timeout 60 "$sluice" run -s "$(sed -n 's/.*Path: //p' "$work/out")" "$work/goes-on.yaml" >"$work/out" 2>&1 || fail "run -s: $(cat "$work/out")"
rows "$work/goes" >"$work/got"
cmp -s "$work/expected" "$work/got" || fail "other rows behind failed stops: $(wc -l <"$work/got") for $(wc -l <"$work/expected")"
exit $failed
