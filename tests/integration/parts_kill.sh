#!/usr/bin/env bash
# parts_kill.sh PROGRAM: a job from a partitioned table into another on two task managers, whose workers are killed while partitions come:
# every row is there once.
set -u
sluice=$1
work=$(mktemp -d)
trap '"$sluice" down --data-dir "$work/data" >/dev/null 2>&1; rm -rf "$work"' EXIT
failed=0
fail() { echo "$*"; failed=1; }

"$sluice" up --data-dir "$work/data" --server-listen 127.0.0.1:0 --jobmanager-listen 127.0.0.1:0 --rest-listen "" --taskmanagers 2 --slots 3 \
    --no-tiering >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
SLUICE_JOBMANAGER=$(awk '$1 == "jobmanager" {print $4}' "$work/data/up")
SLUICE_FLUSS_BOOTSTRAP_SERVERS=$(awk '$1 == "server" {print $4}' "$work/data/up")
export SLUICE_JOBMANAGER SLUICE_FLUSS_BOOTSTRAP_SERVERS
for t in days copy; do
    "$sluice" tables create fluss.$t "id BIGINT NOT NULL, day STRING NOT NULL" --partitioned-by day --bucket-key id --buckets 2 >"$work/out" 2>&1 ||
        fail "create: $(cat "$work/out")"
done
load() { # FIRST COUNT DAYS PREFIX
    for ((i = $1; i < $1 + $2; i++)); do echo "{\"id\":$i,\"day\":\"$4$((i % $3))\"}"; done | "$sluice" tables load days - --format json >"$work/out" 2>&1 ||
        fail "load: $(cat "$work/out")"
}
count() { "$sluice" tables count copy --json | sed 's/[^0-9]//g'; }
wait_for() { for _ in $(seq 300); do [ "$(count)" -ge "$1" ] && return; sleep 0.2; done; fail "only $(count) of $1 rows came: $("$sluice" list -a)"; }
kill_worker() { # of the task manager in line $1
    local pid
    pid=$(pgrep -P "$(awk '$1 ~ /^taskmanager/ {print $2}' "$work/data/up" | sed -n "$1p")" | head -1)
    [ -n "$pid" ] && kill -9 "$pid" && killed=$((killed + 1))
}
killed=0
cat >"$work/copy.yaml" <<'END'
job: copy
parallelism: 2
checkpoint: { interval: 200ms }
restart: { strategy: fixed-delay, attempts: 20, delay: 100ms }
params: { fluss.bootstrap.servers: }
operators:
  - { id: in, use: fluss_source, with: { table: fluss.days, scan.partition.discovery.interval: 200ms } }
  - { id: out, use: fluss_sink, from: in, with: { table: fluss.copy, identity: [id] } }
END
load 0 3000 2 a
"$sluice" run -d "$work/copy.yaml" --fluss.bootstrap.servers "$SLUICE_FLUSS_BOOTSTRAP_SERVERS" >"$work/out" 2>&1 || fail "run: $(cat "$work/out")"
wait_for 1
load 3000 3000 3 b &
sleep 0.3
kill_worker 1
wait
load 6000 3000 4 c
kill_worker 2
wait_for 9000
load 9000 1000 1 d
wait_for 10000
sleep 0.5
[ "$killed" -ge 1 ] || fail "no worker was there to be killed"
got=$("$sluice" sql -f csv -e "SELECT count(*), count(DISTINCT id), sum(id), count(DISTINCT day) FROM copy" | tail -1)
[ "$got" = "10000,10000,49995000,10" ] || fail "the copy holds $got"
"$sluice" cancel copy >"$work/out" 2>&1 || fail "cancel: $(cat "$work/out")"
exit $failed
