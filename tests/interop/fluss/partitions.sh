#!/usr/bin/env bash
# partitions.sh SERVER: Fluss's own Java client on partitioned tables of our server (fluss_server_main), line by line as a real 0.9.1
# answered it (partitions.expected; made by `partitions.sh record`, on a cluster in FLUSS_BOOTSTRAP). Skipped (77) where there is no JDK
# or Maven, or the jars cannot be had.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
server=$1
for tool in java python3; do
    command -v $tool >/dev/null || { echo "SKIPPED: no $tool on this machine"; exit 77; }
done
jars=$(cd "$here" && python3 -c "import jars; print(jars.class_path(\"pom.xml\"))") || { echo "SKIPPED: the Fluss client cannot be fetched"; exit 77; }
judge() {
    java --add-opens=java.base/java.nio=ALL-UNNAMED -XX:+UseSerialGC -Xmx512m -cp "$jars" "$here/Partitions.java" "$1" 2>/dev/null
}
if [ "$server" = record ]; then
    judge "$FLUSS_BOOTSTRAP" >"$here/partitions.expected"
    exit 0
fi
work=$(mktemp -d)
pid=
finish() {
    if [ -n "$pid" ]; then kill -9 "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT
"$server" "$work/data" 127.0.0.1:0 auto-partition.check.interval=300ms max.partition.num=10 max.bucket.num=30 >"$work/address" \
    2>"$work/log" &
pid=$!
for _ in $(seq 100); do
    [ -s "$work/address" ] && break
    sleep 0.05
done
judge "$(cat "$work/address")" >"$work/said" || { cat "$work/said" "$work/log"; exit 1; }
diff -u "$here/partitions.expected" "$work/said"
