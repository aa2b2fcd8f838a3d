#!/usr/bin/env bash
# files_short.sh PROGRAM: a table server that may open few files refuses further buckets by name, and serves the others and new clients.
set -u
sluice=$1
work=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill $server 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
fail() {
    echo "$*"
    tail -5 "$work/log" "$work/out"
    exit 1
}
run() { "$sluice" "$@" >"$work/out" 2>&1 </dev/null; }

(
    ulimit -n 256
    exec "$sluice" server --listen 127.0.0.1:0 --data-dir "$work/server" --security.protocol.map FLUS:SASL 2>"$work/log"
) &
server=$!
for _ in $(seq 100); do grep -q '^server: ready at' "$work/log" && break; sleep 0.1; done
SLUICE_FLUSS_BOOTSTRAP_SERVERS=$(sed -n 's/^server: ready at //p' "$work/log")
export SLUICE_FLUSS_BOOTSTRAP_SERVERS
grep -q "security.protocol.map names FLUS, " "$work/log" || fail "a misspelt listener was passed over"

run tables create fluss.small "id BIGINT NOT NULL, s STRING" --primary-key id --buckets 1 || fail "small was not made"
run tables create fluss.wide "id BIGINT NOT NULL, s STRING" --primary-key id --buckets 60 || fail "wide was not made"
printf 'id,s\n1,a\n' >"$work/small.csv"
{ echo id,s; seq -f '%g,x' 1000; } >"$work/wide.csv"
run tables load fluss.small "$work/small.csv" || fail "small was not loaded"
timeout 5 "$sluice" tables load fluss.wide "$work/wide.csv" >"$work/out" 2>&1 && fail "60 buckets had room in 256 files"
[ "$(grep -c FILES-SHORT "$work/log")" = 1 ] || fail "the shortage is to be said once"
run tables load fluss.small "$work/small.csv" || fail "a bucket in use is refused"
run tables count fluss.small && [ "$(cat "$work/out")" = 3 ] || fail "small does not hold +I, -U, +U"
run tables drop fluss.wide || fail "wide was not dropped"
run tables create fluss.again "id BIGINT NOT NULL, s STRING" --primary-key id --buckets 2 || fail "again was not made"
run tables load fluss.again "$work/small.csv" || fail "a dropped table does not give its files back"
