#!/usr/bin/env bash
# security.sh SERVER ANSWERS: Fluss's own client logs in at our server, gives rights and is denied them, and gets the answers that a real
# cluster gave (Security.java). SERVER is fluss_server_main. Skipped (77) where there is no JDK or Maven, or the jars cannot be had.
# With FLUSS_BOOTSTRAP the answers of that server are printed instead: how ANSWERS was recorded, from a real 0.9.1 with two listeners,
# the clients' with SASL and the users below, and authorizer.enabled and super.users as below.
server=$1
. "$(dirname "${BASH_SOURCE[0]}")/java.sh"
answers() { run_java "$here/Security.java" "$1"; }

if [ -n "${FLUSS_BOOTSTRAP:-}" ]; then
    answers "$FLUSS_BOOTSTRAP"
    exit
fi
jaas='org.apache.fluss.security.auth.sasl.plain.PlainLoginModule required user_admin="secret" user_alice="a" user_bob="b";'
server_start 127.0.0.1:0 "bind.listeners=CLIENT://127.0.0.1:0,INTERNAL://127.0.0.1:0" internal.listener.name=INTERNAL \
    security.protocol.map=CLIENT:SASL security.sasl.enabled.mechanisms=PLAIN "security.sasl.plain.jaas.config=$jaas" \
    authorizer.enabled=true super.users=User:admin
answers "$address" >"$work/answers"
diff "$2" "$work/answers"
echo "the same $(wc -l <"$work/answers") answers"
