#!/usr/bin/env bash
# kv_engines.sh SERVER GOLDEN: the Java client writes to primary-key tables of every merge engine, row format and image; changelogs,
# rows and errors are those that Fluss 0.9.1 gave (GOLDEN), and the same after kill -9, when the rows come out of the log again.
# Skipped (77) where there is no JDK or Maven, or the jars cannot be had.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
server=$1
golden=$2
for tool in java mvn; do
    command -v $tool >/dev/null || { echo "SKIPPED: no $tool on this machine"; exit 77; }
done
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice-tests/judge-$(cksum <"$here/pom.xml" | tr ' ' -)
if [ ! -e "$cache/ready" ]; then
    mkdir -p "$cache"
    if ! mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/lib" >"$cache/mvn.log" 2>&1; then
        tail -5 "$cache/mvn.log"
        echo "SKIPPED: the Fluss client cannot be fetched"
        exit 77
    fi
    touch "$cache/ready"
fi
work=$(mktemp -d)
pid=
finish() {
    if [ -n "$pid" ]; then kill -9 "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT
start() {
    "$server" "$work/data" "$1" >"$work/address" 2>"$work/log" &
    pid=$!
    for _ in $(seq 100); do
        [ -s "$work/address" ] && return
        sleep 0.05
    done
    cat "$work/log"
    exit 1
}
judge() { java --add-opens=java.base/java.nio=ALL-UNNAMED -XX:+UseSerialGC -Xmx512m -cp "$cache/lib/*" "$here/KvEngines.java" "$@"; }

same() { diff "$1" "$2" >"$work/diff" || { head -40 "$work/diff"; echo "$3"; exit 1; }; }
start 127.0.0.1:0
address=$(cat "$work/address")
judge write "$address" >"$work/written"
same "$golden" "$work/written" "not what Fluss 0.9.1 gives (<)"
judge read "$address" >"$work/before"
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
start "$address"
judge read "$address" >"$work/after"
same "$work/before" "$work/after" "not the same after kill -9"
judge more "$address"
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
start "$address"
judge more "$address"
