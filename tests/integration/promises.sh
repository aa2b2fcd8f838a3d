#!/usr/bin/env bash
# promises.sh PROGRAM: what `explain` says that a sink promises, for each kind of Fluss table.
set -u
sluice=$1
work=$(mktemp -d)
failed=0
server=
trap '[ -n "$server" ] && kill $server 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

"$sluice" server --listen 127.0.0.1:0 --data-dir "$work/server" 2>"$work/log" &
server=$!
for _ in $(seq 100); do grep -q '^server: ready at' "$work/log" && break; sleep 0.1; done
SLUICE_FLUSS_BOOTSTRAP_SERVERS=$(sed -n 's/^server: ready at //p' "$work/log")
export SLUICE_FLUSS_BOOTSTRAP_SERVERS

key="id BIGINT NOT NULL, PRIMARY KEY (id) NOT ENFORCED"
"$sluice" sql -e "
    CREATE TABLE log (id BIGINT);
    CREATE TABLE plain ($key);
    CREATE TABLE summed (n BIGINT, $key) WITH ('table.merge-engine' = 'aggregation', 'fields.n.agg' = 'sum');
    CREATE TABLE first ($key) WITH ('table.merge-engine' = 'first_row');
    CREATE TABLE versioned (v BIGINT, $key) WITH ('table.merge-engine' = 'versioned', 'table.merge-engine.versioned.ver-column' = 'v')" >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
"$sluice" tables create fluss.numbered "id BIGINT NOT NULL, n BIGINT" --primary-key id --auto-increment n >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }

# TABLE WITH PROMISE
promises() {
    cat >"$work/job.yaml" <<JOB
job: promises
operators:
  - { id: rows, use: datagen, with: { kind: transactions, rows: 1 } }
  - { id: out, use: fluss_sink, from: rows, with: { table: fluss.$1$2 } }
JOB
    "$sluice" explain "$work/job.yaml" --json >"$work/out" 2>&1
    grep -Fq "\"promise\": \"$3" "$work/out" || { echo "$1, wanted: $3"; cat "$work/out"; failed=1; }
}

promises log ", columns: { id: id }" "at least once: rows since the last whole checkpoint are written again after a failure. \`identity\`"
promises log ", columns: { id: id }, identity: [id]" "exactly once by identity (id): "
promises plain ", columns: { id: id }" "converges: each key ends with its last row"
promises summed ", columns: { id: id, n: accountId }" "at least once: the table aggregates"
promises first ", columns: { id: id }" "converges: the first row of a key stays"
promises versioned ", columns: { id: id, v: accountId }" "converges: the row of a key with the highest version stays"
promises numbered ", columns: { id: id }" "at least once: rows since the last whole checkpoint are written again after a failure, and what the table counts up"
exit $failed
