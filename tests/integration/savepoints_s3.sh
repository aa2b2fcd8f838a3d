#!/usr/bin/env bash
# savepoints_s3.sh PROGRAM S3: the checkpoints and savepoints of a job with keyed state lie in S3, which is away for a while, slow for a while,
# and there when a worker dies. At the end each row was written once, and nothing is left there but what belongs to somebody.
set -u
sluice=$1
work=$(mktemp -d)
coproc S3 { "$2"; }
s3_pid=$S3_PID
exec 8<&"${S3[0]}" 9>&"${S3[1]}" # bash hides its own from subshells
trap '"$sluice" down --data-dir "$work/data" >/dev/null 2>&1; kill $s3_pid ${manager:-} 2>/dev/null; rm -rf "$work"' EXIT
read -r SLUICE_S3_ENDPOINT <&8
export SLUICE_S3_ENDPOINT AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=secret
failed=0
fail() { echo "$*"; failed=1; }
say() { echo "$*" >&9; }
names() { say "names $1"; while read -r name <&8 && [ "$name" != . ]; do echo "$name"; done; }

. "$(dirname "$0")/fraud_files.sh"
job_settings='checkpoint: { interval: 200ms, timeout: 5s, dir: "s3://bucket/checkpoints" }
restart: { strategy: fixed-delay, delay: 100ms, attempts: 10 }'
newest() { "$sluice" checkpoints list "$1" 2>/dev/null | awk '$2 == "COMPLETED" {print $1; exit}'; }
# Waits until the job has a whole checkpoint that is newer than the given one.
newer() { for _ in $(seq 100); do now=$(newest "$1"); [ "${now:--1}" -gt "$2" ] && return 0; sleep 0.1; done; return 1; }
runs() { "$sluice" list | grep -q "$1 .*RUNNING"; }

# In one process: the same place.
job "$work/calm" 0 calm >"$work/calm.yaml"
"$sluice" run --local "$work/calm.yaml" >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
rows "$work/calm" >"$work/expected"
names /checkpoints/ | grep -q /_metadata || fail "a job in one process left no checkpoint in S3"
sed 's/s3:\/\/bucket/gs:\/\/bucket/' "$work/calm.yaml" >"$work/gs.yaml"
"$sluice" validate "$work/gs.yaml" >"$work/out" 2>&1 && fail "a store that nobody has is accepted"
grep -q 'checkpoint dir gs://bucket/checkpoints' "$work/out" || fail "another store: $(cat "$work/out")"

"$sluice" up --data-dir "$work/data" --server-listen 127.0.0.1:0 --jobmanager-listen 127.0.0.1:0 --rest-listen "" --slots 4 --no-tiering \
    >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
SLUICE_JOBMANAGER=$(awk '$1 == "jobmanager" {print $4}' "$work/data/up")
export SLUICE_JOBMANAGER

# A savepoint of a running job.
job "$work/moved" 3000 moved >"$work/moved.yaml"
"$sluice" run -d -p 2 "$work/moved.yaml" >"$work/out" 2>&1 || fail "run: $(cat "$work/out")"
id=$(sed -n 's/.*JobID //p' "$work/out")
newer moved -1 || fail "no checkpoint in S3: $("$sluice" checkpoints list moved)"
"$sluice" savepoint moved s3://bucket/mine >"$work/out" 2>&1 || fail "savepoint: $(cat "$work/out")"
first=$(sed -n 's/^Savepoint completed. Path: //p' "$work/out")
[[ $first == s3://bucket/mine/savepoint-*-* ]] || fail "the savepoint's path: $(cat "$work/out")"
"$sluice" checkpoints inspect "$first" >"$work/out" 2>&1 || fail "inspect: $(cat "$work/out")"
grep -q '^frauds ' "$work/out" || fail "inspect does not name the state of frauds: $(cat "$work/out")"
"$sluice" validate "$work/moved.yaml" --against "$first" >"$work/out" 2>&1 || fail "validate --against: $(cat "$work/out")"

# Away for longer than a checkpoint may take, then slow: the job goes on, and so do its checkpoints.
say mood 503
sleep 3
runs moved || fail "S3 was away, and the job ended: $("$sluice" list -a)"
"$sluice" savepoint moved s3://bucket/mine >"$work/out" 2>&1 && fail "a savepoint in a store that is away"
before=$(newest moved)
say mood 0
newer moved "${before:-0}" || fail "S3 is back, and no checkpoint is whole: $("$sluice" checkpoints list moved)"
say slow 100
before=$(newest moved)
newer moved "${before:-0}" || fail "S3 is slow, and no checkpoint is whole: $("$sluice" checkpoints list moved)"
say slow 0
runs moved || fail "S3 was slow, and the job ended: $("$sluice" list -a)"
"$sluice" checkpoints list moved >"$work/list"
grep -q FAILED "$work/list" || fail "no checkpoint failed while S3 was away: $(cat "$work/list")"

# Its worker dies: back from S3.
before=$(newest moved)
worker=$(pgrep -P "$(awk '$1 ~ /^task/ {print $2; exit}' "$work/data/up")" | head -1)
[ -n "$worker" ] && kill -9 "$worker" || fail "no worker to kill"
newer moved "$((before + 2))" || fail "not back from S3: $("$sluice" list -a)"
runs moved || fail "not running behind the death of its worker: $("$sluice" list -a)"

# The job manager dies while S3 is away, and takes the job up again: it runs on, and its checkpoints go on when S3 is back.
read -r manager address < <(awk '$1 == "jobmanager" {print $2, $4}' "$work/data/up")
manager_dir=$(tr '\0' '\n' <"/proc/$manager/cmdline" | grep -A1 -x -- --data-dir | tail -1)
say mood 503
kill -9 "$manager"
sleep 0.3
"$sluice" jobmanager --listen "$address" --rest-listen 127.0.0.1:0 --data-dir "$manager_dir" >"$work/manager" 2>&1 8<&- 9>&- &
manager=$!
for _ in $(seq 150); do runs moved 2>/dev/null && break; sleep 0.1; done
runs moved || fail "not taken up: $("$sluice" list -a); $(tail -3 "$work/manager")"
before=$(newest moved)
say mood 0
newer moved "${before:-0}" || fail "no checkpoint behind the death of the job manager: $("$sluice" checkpoints list moved)"

# The same over HTTP, as Flink's tools ask: begun, and asked for until it is there.
rest=$(sed -n 's/^jobmanager: REST at http:\/\///p' "$work/manager")
http() { # METHOD PATH BODY
    exec 7<>"/dev/tcp/${rest%:*}/${rest#*:}" || return 1
    printf '%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' "$1" "$2" "${#3}" "$3" >&7
    cat <&7
    exec 7>&-
}
request=$(http POST "/jobs/$id/savepoints" '{"target-directory": "s3://bucket/http", "cancel-job": false}' | sed -n 's/.*"request-id":"\([0-9a-f]*\)".*/\1/p')
[ -n "$request" ] || fail "no savepoint over HTTP: $(http POST "/jobs/$id/savepoints" '{}')"
for _ in $(seq 100); do
    http GET "/v1/jobs/$id/savepoints/$request" '' >"$work/out"
    grep -q IN_PROGRESS "$work/out" || break
    sleep 0.1
done
grep -q '"COMPLETED".*"location":"s3://bucket/http/savepoint-' "$work/out" || fail "a savepoint over HTTP: $(cat "$work/out")"
"$sluice" checkpoints dispose "$(sed -n 's/.*"location":"\([^"]*\)".*/\1/p' "$work/out")" >"$work/out" 2>&1 || fail "dispose: $(cat "$work/out")"

# Stopped with a savepoint, refused where nothing can be written, and gone on with another parallelism.
"$sluice" stop moved --savepoint-path gs://bucket/mine >"$work/out" 2>&1 && fail "stopped, with a savepoint in a store that nobody has"
runs moved || fail "a stop that was refused ended the job"
say mood 403
"$sluice" stop moved --savepoint-path s3://bucket/mine >"$work/out" 2>&1 && fail "stopped, with a savepoint in a store that refuses it"
say mood 0
runs moved || fail "a stop that the store refused ended the job: $("$sluice" list -a)"
"$sluice" stop moved --savepoint-path s3://bucket/mine >"$work/out" 2>&1 || fail "stop --savepoint: $(cat "$work/out")"
last=$(sed -n 's/^Savepoint completed. Path: //p' "$work/out")
"$sluice" wait moved --timeout 30s | grep -q FINISHED || fail "not finished: $("$sluice" list -a)"
[ "$(rows "$work/moved" | wc -l)" -lt "$(wc -l <"$work/expected")" ] || fail "it was stopped too late to show anything"
job "$work/moved" 0 moved-on >"$work/on.yaml"
"$sluice" run -d -s s3://bucket/mine/nothing "$work/on.yaml" >"$work/out" 2>&1 && fail "begun from a savepoint that is not there"
grep -q 'restore from s3://bucket/mine/nothing' "$work/out" || fail "run -d -s: $(cat "$work/out")"
timeout 60 "$sluice" run -p 3 -s "$last" "$work/on.yaml" >"$work/out" 2>&1 || fail "run -s: $(cat "$work/out")"
on=$(sed -n 's/.*submitted with JobID //p' "$work/out")
rows "$work/moved" >"$work/got"
cmp -s "$work/expected" "$work/got" || fail "other rows: $(wc -l <"$work/got") for $(wc -l <"$work/expected"); $(diff "$work/expected" "$work/got" | head -3)"

# What is left: of the stopped job its last checkpoint, of the finished one nothing, and two savepoints until they are disposed of.
left() {
    names "/checkpoints/$id/" | grep -v _metadata | while read -r name; do
        names "${name%/*}/_metadata" | grep -q . || echo "$name"
    done
}
for _ in $(seq 50); do left >"$work/left"; [ -s "$work/left" ] || break; sleep 0.1; done
[ -s "$work/left" ] && fail "left of checkpoints that never were whole: $(cat "$work/left")"
# One may be left that was whole when the job manager was killed, before it had noted it.
[ "$(names "/checkpoints/$id/" | grep -c _metadata)" -le 2 ] || fail "checkpoints are kept: $(names "/checkpoints/$id/")"
[ -n "$on" ] && [ -z "$(names "/checkpoints/$on/")" ] || fail "left of a finished job: $(names "/checkpoints/$on/")"

# A store that is away when a job is submitted refuses it, whether there are slots for it or not: nobody tries it later.
say mood 503
for slots in 2 5; do
    job "$work/moved" 0 "away-$slots" >"$work/away.yaml"
    "$sluice" run -d -p $slots -s "$last" "$work/away.yaml" >"$work/out" 2>&1 && fail "begun from a store that is away"
    grep -q 503 "$work/out" || fail "run -d -s, the store away: $(cat "$work/out")"
    for _ in $(seq 10); do "$sluice" list -a | grep -q "away-$slots .*FAILED" && break; sleep 0.1; done
    "$sluice" list -a | grep -q "away-$slots .*FAILED" || fail "refused, and not over: $("$sluice" list -a)"
done
say mood 0

"$sluice" checkpoints dispose "$first" >"$work/out" 2>&1 || fail "dispose: $(cat "$work/out")"
"$sluice" checkpoints dispose "$last" >"$work/out" 2>&1 || fail "dispose: $(cat "$work/out")"
[ -z "$(names /mine/)" ] || fail "left of savepoints: $(names /mine/)"
exit $failed
