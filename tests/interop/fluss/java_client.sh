#!/usr/bin/env bash
# java_client.sh SERVER CHECKPOINT: Fluss's own Java client judges our table server, before and after kill -9, and its RocksDB opens a
# checkpoint of ours. SERVER is fluss_server_main, CHECKPOINT writes a checkpoint. Skipped (77) where there is no JDK or Maven, or the
# jars cannot be had.
server=$1
checkpoint=$2
. "$(dirname "${BASH_SOURCE[0]}")/java.sh"
judge() { run_java "$here/Judge.java" "$@"; }

"$checkpoint" "$work/checkpoint" 20000
judge rocksdb "$work/checkpoint/snapshot" 20000
server_start 127.0.0.1:0
judge write "$address"
server_kill
server_start "$address"
judge read "$address"
