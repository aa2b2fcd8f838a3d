#!/usr/bin/env bash
# tables.sh PROGRAM: a table server and the `tables` verbs, as a person meets them.
set -u
sluice=$1
work=$(mktemp -d)
failed=0
server=
trap '[ -n "$server" ] && kill $server 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

expect() {
    local code=$1 text=$2 got
    shift 2
    "$sluice" "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    if [ "$got" != "$code" ] || ! grep -qF -- "$text" "$work/out" "$work/err"; then
        echo "sluice $*: exit $got (wanted $code), wanted the text: $text"
        cat "$work/out" "$work/err"
        failed=1
    fi
}

"$sluice" server --listen 127.0.0.1:0 --data-dir "$work/server" --datalake.format iceberg --datalake.iceberg.type hadoop \
    --datalake.iceberg.warehouse "$work/lake" 2>"$work/log" &
server=$!
for _ in $(seq 100); do grep -q '^server: ready at' "$work/log" && break; sleep 0.1; done
SLUICE_FLUSS_BOOTSTRAP_SERVERS=$(sed -n 's/^server: ready at //p' "$work/log")
export SLUICE_FLUSS_BOOTSTRAP_SERVERS

expect 0 "table fluss.account created" tables create fluss.account "id BIGINT NOT NULL, name STRING, updatedAt BIGINT" --primary-key id --buckets 4
expect 0 "created" tables create fluss.events "id BIGINT NOT NULL, amount DECIMAL(10,2), ok BOOLEAN, at TIMESTAMP(3)" --buckets 2
expect 0 "created" tables create fluss.fraud "transactionId BIGINT, name STRING" --bucket-key transactionId --buckets 4 --table.datalake.enabled true
[ -d "$work/lake/fluss/fraud/metadata" ] || { echo "no lake table was made"; failed=1; }
expect 0 "created" tables create fluss.totals "k BIGINT NOT NULL, n BIGINT, names STRING" --primary-key k --aggregate "n=sum,names=listagg:;" --table.merge-engine aggregation
expect 1 "part of [TINYINT" tables create fluss.bad "k BIGINT NOT NULL, s STRING" --primary-key k --aggregate s=sum --table.merge-engine aggregation
expect 1 "there is no function summ" tables create fluss.bad "k BIGINT NOT NULL, s STRING" --primary-key k --aggregate s=summ
expect 0 "created" tables create fluss.numbered "name STRING NOT NULL, id BIGINT, v INT" --primary-key name --auto-increment id
expect 1 "already exists" tables create fluss.fraud "transactionId BIGINT"
expect 1 "there is no column nope" tables create fluss.bad "a BIGINT" --primary-key nope
expect 0 "table.datalake.enabled = true" tables describe fraud
expect 0 '"buckets": 4' tables describe fraud --json
expect 0 "events" tables list
printf 'id,name,updatedAt\n1,"A, ""b""",5\n2,,7\n' >"$work/a.csv"
printf '{"id":1,"amount":12.30,"ok":true,"at":"2024-01-31 10:00:00.123"}\n{"id":2}\n' >"$work/e.jsonl"
expect 0 "2 rows loaded" tables load account "$work/a.csv"
expect 0 '"rows": 2' tables load events "$work/e.jsonl" --json
expect 0 '+I 1 | A, "b" | 5' tables read account
expect 0 '+I 1 | A, "b" | 5' tables read account --full
expect 0 '{"id": 1, "amount": 12.30, "ok": true, "at": "2024-01-31 10:00:00.123"}' tables read events --json
expect 1 "'xml' is not csv or json" tables load account "$work/a.csv" --format xml
long=$(printf 'v%.0s' $(seq 150))
expect 0 "created" tables create fluss.two_keys "id INT, p STRING, q STRING" --partitioned-by p,q
expect 1 "301 characters; 230 are allowed" tables add-partition fluss.two_keys "p=$long" "q=$long"
expect 0 "dropped" tables drop fluss.two_keys
expect 2 "not HOST:PORT" server --listen "" --data-dir "$work/none"
printf 'id,amount\n1,abc\n' >"$work/bad.csv"
expect 1 "bad.csv:2: column amount: " tables load events "$work/bad.csv"
printf '{"amount":1}\n' >"$work/bad.jsonl"
expect 1 "bad.jsonl:1: column id is missing, and it is NOT NULL" tables load events "$work/bad.jsonl"
expect 1 "does not exist" tables describe nope
expect 0 "dropped" tables drop events
expect 1 "does not exist" tables drop events
expect 0 "dropped" tables drop events --if-exists
# Partitioned tables: made, loaded (partitions come by themselves), listed, read, counted, queried, dropped.
printf '{"k":1,"n":5,"names":"a"}\n' >"$work/t1.jsonl"
printf '{"k":1,"n":10,"names":"c"}\n' >"$work/t2.jsonl"
expect 0 "1 rows loaded" tables load totals "$work/t1.jsonl"
expect 0 "1 rows loaded" tables load totals "$work/t2.jsonl"
expect 0 "+U 1 | 15 | a;c" tables read totals
printf '{"name":"x","v":5}\n{"name":"y","v":6}\n' >"$work/n.jsonl"
expect 0 "2 rows loaded" tables load numbered "$work/n.jsonl"
expect 0 "+I y | 2 | 6" tables read numbered
expect 0 "created" tables create fluss.clicks "id BIGINT NOT NULL, day STRING NOT NULL, n INT" --primary-key id,day --partitioned-by day --buckets 2
expect 0 "partitioned by day" tables describe clicks
printf 'id,day,n\n1,20240101,5\n1,20240102,6\n2,20240101,7\n' >"$work/c.csv"
expect 0 "3 rows loaded" tables load clicks "$work/c.csv"
expect 0 "day=20240102" tables partitions clicks
expect 0 '"day": "20240101"' tables partitions clicks day=20240101 --json
expect 0 "+I 1 | 20240102 | 6" tables read clicks --partition '20240102'
expect 1 "has no partition 2023" tables read clicks --partition 2023
expect 0 "20240101 2" tables count clicks
expect 0 '"records": 3' tables count clicks --json
expect 0 "7" sql -e "SELECT n FROM clicks WHERE day = '20240101' AND id = 2"
expect 0 "3" sql -f csv -e "SELECT count(*) FROM clicks"
expect 0 "20240102" sql -e "SHOW PARTITIONS clicks"
expect 0 "2" sql -f csv -e 'SELECT count(*) FROM clicks$partitions'
expect 0 "added" tables add-partition clicks day=20240103
expect 1 "Partition 'day=20240103' already exists for table fluss.clicks" tables add-partition clicks day=20240103
expect 0 "added" tables add-partition clicks day=20240103 --if-not-exists
expect 1 "is no part of a partition" tables add-partition clicks 20240103
expect 0 "dropped" tables drop-partition clicks day=20240101
expect 1 "Partition 'day=20240101' does not exist for table fluss.clicks" tables drop-partition clicks day=20240101
expect 0 "1" sql -f csv -e "SELECT count(*) FROM clicks"
expect 0 "created" tables create fluss.auto "id BIGINT, day STRING" --partitioned-by day --buckets 1 --table.auto-partition.enabled true --table.auto-partition.num-precreate 3 --table.auto-partition.time-unit MONTH
expect 0 "3" sql -f csv -e 'SELECT count(*) FROM auto$partitions'
kill $server
wait $server || { echo "the server ended with $?"; failed=1; }
server=
expect 3 "no fluss server answers" tables list
exit $failed
