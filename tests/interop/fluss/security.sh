#!/usr/bin/env bash
# security.sh SERVER ANSWERS: Fluss's own client logs in at our server, gives rights and is denied them, and gets the answers that a real
# cluster gave (Security.java). SERVER is fluss_server_main. Skipped (77) where there is no JDK or Maven, or the jars cannot be had.
# With FLUSS_BOOTSTRAP the answers of that server are printed instead: how ANSWERS was recorded, from a real 0.9.1 with two listeners,
# the clients' with SASL and the users below, and authorizer.enabled and super.users as below.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
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
answers() { java --add-opens=java.base/java.nio=ALL-UNNAMED -XX:+UseSerialGC -Xmx512m -cp "$cache/lib/*" "$here/Security.java" "$1"; }
if [ -n "${FLUSS_BOOTSTRAP:-}" ]; then
    answers "$FLUSS_BOOTSTRAP"
    exit
fi
work=$(mktemp -d)
pid=
finish() {
    if [ -n "$pid" ]; then kill -9 "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT
jaas='org.apache.fluss.security.auth.sasl.plain.PlainLoginModule required user_admin="secret" user_alice="a" user_bob="b";'
"$1" "$work/data" 127.0.0.1:0 "bind.listeners=CLIENT://127.0.0.1:0,INTERNAL://127.0.0.1:0" internal.listener.name=INTERNAL \
    security.protocol.map=CLIENT:SASL security.sasl.enabled.mechanisms=PLAIN "security.sasl.plain.jaas.config=$jaas" \
    authorizer.enabled=true super.users=User:admin >"$work/address" 2>"$work/log" &
pid=$!
for _ in $(seq 100); do
    [ -s "$work/address" ] && break
    sleep 0.05
done
answers "$(cat "$work/address")" >"$work/answers"
diff "$2" "$work/answers"
echo "the same $(wc -l <"$work/answers") answers"
