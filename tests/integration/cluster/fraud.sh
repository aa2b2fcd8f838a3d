#!/usr/bin/env bash
# fraud.sh PROGRAM JOBS: the main job on a cluster of real processes, from Fluss to Fluss, while its workers are killed. Every fraud must be
# there once: the replay after each restore is recognised by the log sink (same writer, identity of rows).
set -u
sluice=$1
jobs=$2
work=$(mktemp -d)
rows=400000
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    wait
    rm -rf "$work"
}
trap finish EXIT
fail() {
    echo "$*"
    tail -n 5 "$work"/*.log
    cat "$work"/tm*/logs/* 2>/dev/null | grep -v ' INFO ' | tail -n 20
    exit 1
}

# begin NAME TEXT WORDS ...: starts a daemon and waits for what it says when it is ready; what follows the text is in $said.
begin() {
    local name=$1 text=$2
    shift 2
    "$sluice" "$@" >"$work/$name.log" 2>&1 &
    pids+=($!)
    for _ in $(seq 200); do
        said=$(sed -n "s/.*$text *//p" "$work/$name.log" | head -n 1)
        [ -n "$said" ] && return
        sleep 0.05
    done
    fail "$name never said: $text"
}

begin server 'ready at' server --listen 127.0.0.1:0 --data-dir "$work/server"
fluss=$said
begin jm 'ready at' jobmanager --listen 127.0.0.1:0 --rest-listen "" --data-dir "$work/jm"
jm=$said
for i in 1 2; do
    begin tm$i 'ready,' taskmanager --jobmanager "$jm" --slots 2 --data-dir "$work/tm$i"
done

table() {
    "$sluice" tables create "$@" -b "$fluss" --create-database >"$work/tables.log" 2>&1 || fail "tables create $1"
}
table fluss.transaction "id BIGINT, accountId BIGINT, createdAt BIGINT, amount DECIMAL(10,2)" --bucket-key accountId --buckets 4
table fluss.account "id BIGINT NOT NULL, name STRING, updatedAt BIGINT" --primary-key id --buckets 4
table fluss.fraud "transactionId BIGINT, accountId BIGINT, name STRING" --bucket-key transactionId --buckets 4

cat >"$work/accounts.yaml" <<END
job: accounts
operators:
  - { id: generator, use: datagen, with: { kind: accounts, rows: 4 } }
  - { id: written, use: fluss_sink, from: generator, with: { table: fluss.account } }
END
cat >"$work/transactions.yaml" <<END
job: transactions
parallelism: 2
operators:
  - { id: generator, use: datagen, with: { kind: transactions, rows: $rows, rate: 100000, batch: 1000 } }
  - { id: written, use: fluss_sink, from: generator, with: { table: fluss.transaction } }
END
run() {
    "$sluice" run "$@" -m "$jm" --fluss.bootstrap.servers "$fluss" >>"$work/run.log" 2>&1 || fail "run $*"
}
run "$work/accounts.yaml"
run "$jobs/fraud_detection.yaml" -d -p 2 --checkpoint.interval 200ms
run "$work/transactions.yaml" -d

# worker ATTEMPT: a process of that attempt of the fraud job, once it runs.
worker() {
    for _ in $(seq 400); do
        pid=$(sed -n "s/.*job fraud-detection attempt $1 worker . is process \([0-9]*\).*/\1/p" "$work"/tm*.log | head -n 1)
        [ -n "$pid" ] && return
        sleep 0.05
    done
    fail "attempt $1 of the fraud job never ran"
}
worker 1
sleep 1.2
kill -9 "$pid" || fail "nothing to kill"
worker 2
sleep 0.7
kill -9 "$pid" || fail "nothing to kill"

"$sluice" wait transactions -m "$jm" >>"$work/run.log" 2>&1 || fail "the generator failed"
count() {
    "$sluice" sql --json -e "select count(*) as n, count(distinct transactionId) as d, count(name) as k from fraud" \
        --fluss.bootstrap.servers "$fluss" 2>>"$work/run.log" | tr -d ' \n'
}
expected="[{\"n\":$((rows / 10)),\"d\":$((rows / 10)),\"k\":$((rows / 10))}]"
for _ in $(seq 100); do
    got=$(count)
    [ "$got" = "$expected" ] && break
    sleep 0.2
done
sleep 1
got=$(count)
[ "$got" = "$expected" ] || fail "counted $got, expected $expected"
restarts=$("$sluice" describe fraud-detection -m "$jm" | sed -n 's/.*, \([0-9]*\) restarts.*/\1/p')
[ "$restarts" = 2 ] || fail "$restarts restarts, expected 2"
"$sluice" cancel fraud-detection -m "$jm" >>"$work/run.log" 2>&1 || fail cancel
echo "every fraud once: $got after $restarts restarts"
