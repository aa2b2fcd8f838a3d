#!/usr/bin/env bash
# partitions.sh SERVER: Fluss's own Java client on partitioned tables of our server (fluss_server_main), line by line as a real 0.9.1
# answered it (partitions.expected; made by `partitions.sh record`, on a cluster in FLUSS_BOOTSTRAP). Skipped (77) where there is no JDK
# or Maven, or the jars cannot be had.
server=$1
. "$(dirname "${BASH_SOURCE[0]}")/java.sh"
judge() { run_java "$here/Partitions.java" "$1" 2>/dev/null; }

if [ "$server" = record ]; then
    judge "$FLUSS_BOOTSTRAP" >"$here/partitions.expected"
    exit 0
fi
server_start 127.0.0.1:0 auto-partition.check.interval=300ms max.partition.num=10 max.bucket.num=30
judge "$address" >"$work/said" || { cat "$work/said" "$work/log"; exit 1; }
diff -u "$here/partitions.expected" "$work/said"
