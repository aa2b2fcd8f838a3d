#!/usr/bin/env bash
# more.sh SERVER ddl|types: Fluss's own Java client judges our table server: Ddl.java sends what a real cluster was sent and compares
# codes and texts (tests/golden/fluss/ddl); Types.java writes and reads random types through every format. Skipped (77) where there is
# no JDK or Maven, or the jars cannot be had.
server=$1
. "$(dirname "${BASH_SOURCE[0]}")/java.sh"
golden=$here/../../golden/fluss

server_start 127.0.0.1:0
case $2 in
ddl) run_java "$here/Ddl.java" judge "$address" "$golden/ddl/answers.txt" ;;
types)
    command -v javac >/dev/null || { echo "SKIPPED: no javac on this machine"; exit 77; }
    javac -nowarn -cp "$jars" -d "$work" "$here/Types.java" "$golden/values/RecordValues.java" 2>&1 | grep -v '^Note:' || true
    run_java Types "$address" "${3:-15}"
    ;;
esac
