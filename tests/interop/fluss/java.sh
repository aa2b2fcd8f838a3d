# java.sh: what the shell scripts of this folder share: Fluss's Java client on the class path, and a server that is started and killed.
# Sourced with `server` (fluss_server_main) set; sets `here`, `jars`, `work` (a folder that goes with the script), `pid`, `address`.
# Ends the script with 77 and a sentence where there is no JDK or Maven, or the jars cannot be had.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for tool in java mvn python3; do
    command -v $tool >/dev/null || { echo "SKIPPED: no $tool on this machine"; exit 77; }
done
jars=$(cd "$here" && python3 -c 'import jars; print(jars.class_path("pom.xml"))') || { echo "SKIPPED: the Fluss client cannot be fetched"; exit 77; }
work=$(mktemp -d)
pid=
address=
finish() {
    server_kill
    rm -rf "$work"
}
trap finish EXIT

# server_start ADDRESS [KEY=VALUE ...]: on $work/data, until it says its address.
server_start() {
    : >"$work/address"
    "$server" "$work/data" "$@" >"$work/address" 2>>"$work/log" &
    pid=$!
    for _ in $(seq 100); do
        [ -s "$work/address" ] && { address=$(cat "$work/address"); return; }
        sleep 0.05
    done
    cat "$work/log"
    exit 1
}

server_kill() {
    if [ -n "$pid" ]; then kill -9 "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
    pid=
}

# run_java ARGUMENT ...: a class of $work or of the jars, or a source file.
run_java() { java --add-opens=java.base/java.nio=ALL-UNNAMED -XX:+UseSerialGC -Xmx512m -cp "$jars:$work" "$@"; }
