#!/usr/bin/env bash
# move.sh PROGRAM [ADDRESS]: tables with their rows from one table server to another and back, by address and through a directory. The other
# server is ADDRESS where that is given (a real cluster), else one of ours.
set -u
sluice=$1
work=$(mktemp -d)
failed=0
servers=()
trap '[ ${#servers[@]} -gt 0 ] && kill "${servers[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

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
server() { # NAME: starts one, its address in $address
    "$sluice" server --listen 127.0.0.1:0 --data-dir "$work/$1" --kv.snapshot.interval 500ms 2>"$work/$1.log" &
    servers+=($!)
    for _ in $(seq 100); do grep -q '^server: ready at' "$work/$1.log" && break; sleep 0.1; done
    address=$(sed -n 's/^server: ready at //p' "$work/$1.log")
}
rows() { # ADDRESS TABLE [ORDER]: what the table holds, sorted unless in bucket order
    "$sluice" tables read "$2" --json -b "$1" | if [ "${3-}" = log ]; then cat; else sed 's/"$kind": "[^"]*", //' | sort; fi
}
same() {
    cmp -s <(rows "$1" "$3" "${4-}") <(rows "$2" "$3" "${4-}") || { echo "$3 differs between $1 and $2"; failed=1; }
}

server one
one=$address
if [ $# -gt 1 ]; then two=$2; else server two; two=$address; fi
export SLUICE_FLUSS_BOOTSTRAP_SERVERS=$one
table() { expect 0 created tables create "$@"; }
table mv.log "id BIGINT NOT NULL, amount DECIMAL(10,2), note STRING" --bucket-key id --buckets 3 --create-database
table mv.any "id INT, day DATE" --buckets 2
table mv.keyed "id BIGINT NOT NULL, note STRING" --primary-key id --buckets 3
table mv.days "id BIGINT NOT NULL, day STRING NOT NULL, n INT" --primary-key id,day --partitioned-by day --buckets 2
table mv.parts "id BIGINT, region STRING, day DATE" --partitioned-by region,day --buckets 2
for i in $(seq 2000); do echo "{\"id\":$i,\"amount\":$i.25,\"note\":\"n$((i % 7))\"}"; done >"$work/log.jsonl"
for i in $(seq 500); do echo "{\"id\":$i,\"note\":\"first\"}"; done >"$work/keyed.jsonl"
for i in $(seq 0 2 500); do echo "{\"id\":$i,\"note\":\"second\"}"; done >>"$work/keyed.jsonl"
for i in $(seq 300); do echo "{\"id\":$i,\"day\":\"d$((i % 5))\",\"n\":$i}"; done >"$work/days.jsonl"
for i in $(seq 300); do echo "{\"id\":$i,\"region\":\"r$((i % 2))\",\"day\":\"2024-01-0$((i % 3 + 1))\"}"; done >"$work/parts.jsonl"
for i in $(seq 100); do echo "{\"id\":$i,\"day\":\"2024-02-03\"}"; done >"$work/any.jsonl"
for t in log any keyed days parts; do expect 0 "rows loaded" tables load mv.$t "$work/$t.jsonl"; done
expect 0 added tables add-partition mv.days day=empty
sleep 1.5 # snapshots of the primary-key tables are made
# What the newest snapshot does not know yet: rows of it that changed, and one that is new.
for i in $(seq 100 149) 1000; do echo "{\"id\":$i,\"note\":\"third\"}"; done >"$work/third.jsonl"
expect 0 "rows loaded" tables load mv.keyed "$work/third.jsonl"

expect 0 "mv.days: 300 rows in 6 partitions" tables export "$two" mv.log mv.any mv.keyed mv.days mv.parts
grep -q "mv.log: 2000 rows" "$work/out" && grep -q "mv.keyed: 502 rows" "$work/out" || { cat "$work/out"; failed=1; }
for t in log any parts; do same "$one" "$two" mv.$t; done
for q in "SELECT count(*), sum(id), min(note), max(note) FROM mv.keyed" "SELECT note, count(*) FROM mv.keyed GROUP BY note ORDER BY note" "SELECT count(*), sum(n), min(day), max(day) FROM mv.days" \
    'SELECT partition FROM mv.days$partitions ORDER BY 1' 'SELECT partition FROM mv.parts$partitions ORDER BY 1'; do
    cmp -s <("$sluice" sql -f csv -e "$q" --fluss.bootstrap.servers "$one") <("$sluice" sql -f csv -e "$q" --fluss.bootstrap.servers "$two") ||
        { echo "differs: $q"; failed=1; }
done
expect 1 "nothing is added to a table that is there" tables export "$two" mv.log

# To a directory, and from it to another server.
expect 0 "mv.parts: 300 rows in 6 partitions" tables export "$work/dump" -b "$two" mv.log mv.any mv.keyed mv.days mv.parts
expect 1 "is there already" tables export "$work/dump" -b "$two" mv.log
server three
three=$address
expect 0 "mv.keyed: 502 rows" tables import "$work/dump" -b "$three"
for t in log any parts; do same "$one" "$three" mv.$t; done
expect 0 "2000" sql -f csv -e "SELECT count(*) FROM mv.log" --fluss.bootstrap.servers "$three"
rm "$work/dump/mv.log/complete"
expect 1 "holds no whole export of mv.log" tables import "$work/dump" mv.log -b "$three"
expect 0 dropped tables drop mv.any -b "$three"
truncate -s -10 "$work/dump/mv.any/0-0.log"
expect 1 "it ends inside a batch" tables import "$work/dump" mv.any -b "$three"
expect 1 "does not exist" tables count mv.any -b "$three" # nothing is begun with a damaged export
rm "$work/dump/mv.any/0-0.log"
expect 1 "says 100 rows, but the files hold" tables import "$work/dump" mv.any -b "$three"
expect 1 "does not exist" tables count mv.any -b "$three"
# And straight from the other one.
expect 0 dropped tables drop mv.parts -b "$three"
expect 0 dropped tables drop mv.keyed -b "$three"
expect 0 "mv.parts: 300 rows in 6 partitions" tables import "$two" mv.parts mv.keyed -b "$three"
same "$one" "$three" mv.parts
expect 0 "502" sql -f csv -e "SELECT count(*) FROM mv.keyed" --fluss.bootstrap.servers "$three"
exit $failed
