#!/usr/bin/env bash
# more.sh SERVER ddl|types: Fluss's own Java client judges our table server: Ddl.java sends what a real cluster was sent and compares
# codes and texts (tests/golden/fluss/ddl); Types.java writes and reads random types through every format. Skipped (77) where there is
# no JDK or Maven, or the jars cannot be had.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
golden=$here/../../golden/fluss
for tool in java javac mvn; do
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
"$1" "$work/data" 127.0.0.1:0 >"$work/address" 2>"$work/log" &
pid=$!
for _ in $(seq 100); do
    [ -s "$work/address" ] && break
    sleep 0.05
done
run() { java --add-opens=java.base/java.nio=ALL-UNNAMED -XX:+UseSerialGC -Xmx512m -cp "$cache/lib/*:$work" "$@"; }
case $2 in
ddl) run "$here/Ddl.java" judge "$(cat "$work/address")" "$golden/ddl/answers.txt" ;;
types)
    javac -nowarn -cp "$cache/lib/*" -d "$work" "$here/Types.java" "$golden/values/RecordValues.java" 2>&1 | grep -v '^Note:' || true
    run Types "$(cat "$work/address")" "${3:-15}"
    ;;
esac
