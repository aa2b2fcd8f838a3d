#!/usr/bin/env bash
# kv_engines.sh SERVER GOLDEN: the Java client writes to primary-key tables of every merge engine, row format and image; changelogs,
# rows and errors are those that Fluss 0.9.1 gave (GOLDEN), and the same after kill -9, when the rows come out of the log again.
# Skipped (77) where there is no JDK or Maven, or the jars cannot be had.
server=$1
golden=$2
. "$(dirname "${BASH_SOURCE[0]}")/java.sh"
judge() { run_java "$here/KvEngines.java" "$@"; }
same() { diff "$1" "$2" >"$work/diff" || { head -40 "$work/diff"; echo "$3"; exit 1; }; }

server_start 127.0.0.1:0
judge write "$address" >"$work/written"
same "$golden" "$work/written" "not what Fluss 0.9.1 gives (<)"
judge read "$address" >"$work/before"
server_kill
server_start "$address"
judge read "$address" >"$work/after"
same "$work/before" "$work/after" "not the same after kill -9"
judge more "$address"
server_kill
server_start "$address"
judge more "$address"
