#!/usr/bin/env bash
# snapshots.sh SERVER: Fluss's own Java client reads our primary-key tables as kv snapshots (with its RocksDB 6.20) and changelog, before and
# after kill -9. SERVER is fluss_server_main. Skipped (77) where there is no JDK or Maven, or the jars cannot be had.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
server=$1
for tool in java python3; do
    command -v $tool >/dev/null || { echo "SKIPPED: no $tool on this machine"; exit 77; }
done
jars=$(cd "$here" && python3 -c "import jars; print(jars.class_path(\"pom.xml\"))") || { echo "SKIPPED: the Fluss client cannot be fetched"; exit 77; }
work=$(mktemp -d)
pid=
finish() {
    if [ -n "$pid" ]; then kill -9 "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT
start() {
    "$server" "$work/data" "$1" kv.snapshot.interval=500ms >"$work/address" 2>>"$work/log" &
    pid=$!
    for _ in $(seq 100); do
        [ -s "$work/address" ] && return
        sleep 0.05
    done
    cat "$work/log"
    exit 1
}
judge() { java --add-opens=java.base/java.nio=ALL-UNNAMED -XX:+UseSerialGC -Xmx512m -cp "$jars" "$here/JudgeSnapshots.java" "$@"; }

start 127.0.0.1:0
address=$(cat "$work/address")
judge write "$address"
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
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
