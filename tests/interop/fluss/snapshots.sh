#!/usr/bin/env bash
# snapshots.sh SERVER: Fluss's own Java client reads our primary-key tables as kv snapshots (with its RocksDB 6.20) and changelog, before and
# after kill -9. SERVER is fluss_server_main. Skipped (77) where there is no JDK or Maven, or the jars cannot be had.
server=$1
. "$(dirname "${BASH_SOURCE[0]}")/java.sh"
start() { server_start "$1" kv.snapshot.interval=500ms; }
judge() { run_java "$here/JudgeSnapshots.java" "$@"; }

start 127.0.0.1:0
judge write "$address"
server_kill
mkdir -p "$work/data/remote/kv/snap/plain-0/0/snap-77" "$work/data/remote/kv/snap/gone-99/0/snap-0" # as a kill would leave them
start "$address"
judge read "$address"
judge lease "$address"
[ ! -e "$work/data/remote/kv/snap/plain-0/0/snap-77" ] && [ ! -e "$work/data/remote/kv/snap/gone-99" ] || { echo "halves of snapshots are left"; exit 1; }
judge drop "$address"
for _ in $(seq 40); do
    [ -z "$(find "$work/data/remote/kv" -type f)" ] && exit 0
    sleep 0.1
done
find "$work/data/remote/kv" -type f
echo "files of dropped tables are left"
exit 1
