#!/usr/bin/env bash
# rules.sh PROGRAM: a running job is given other rules twice, with its worker killed in between; every alert is of one set, each key's alerts
# change from one set to the next once, and a rule that stays has found exactly what it finds when nobody disturbs it.
set -u
sluice=$1
work=$(mktemp -d)
trap '"$sluice" down --data-dir "$work/data" >/dev/null 2>&1; rm -rf "$work"' EXIT
failed=0
fail() { echo "$*"; failed=1; }

pair='{ id: pair, sequence: [ "amount < 1000.00", "amount > 1000.00" ], within: 60s, time: createdAt }'
again='{ id: again, sequence: [ "amount < 1000.00", "amount > 1000.00" ], within: 60s, time: createdAt }'
trial='{ id: trial, shadow: true, sequence: [ "amount < 1000.00", "amount > 1000.00" ], within: 60s, time: createdAt }'

# job OUT RATE NAME
job() {
    cat <<END
job: $3
checkpoint: { interval: 300ms }
operators:
  - { id: rows, use: datagen, parallelism: 1, with: { kind: transactions, rows: 300000, rate: $2, batch: 500, keys: 2000 } }
  - id: frauds
    use: fraud_filter
    parallelism: 2
    from: rows
    partition: { hash: [accountId] }
    with: { rule-column: rule, version-column: version, rules: [ $pair ] }
  - { id: out, use: file_sink, parallelism: 1, from: frauds, with: { path: $1, header: false } }
END
}
rows() { find "$1" -name 'part*' -exec cat {} + 2>/dev/null | sort; }
refused() {
    local words=$1
    shift
    "$sluice" "$@" >"$work/out" 2>&1 && fail "$*: was not refused"
    grep -q -- "$words" "$work/out" || fail "$*: $(cat "$work/out")"
}
apply() { # FILE VERSION
    "$sluice" rules apply "$work/$1" --job live >"$work/out" 2>&1 || fail "rules apply $1: $(cat "$work/out")"
    grep -q "^Version $2 of the rules of operator frauds is in force" "$work/out" || fail "rules apply $1: $(cat "$work/out")"
}
worker_kill() {
    local pid
    pid=$(pgrep -P "$(awk '$1 ~ /^taskmanager/ {print $2; exit}' "$work/data/up")" | head -1)
    kill -9 "$pid" || fail "no worker to kill"
}
# Until describe says it.
wait_for() {
    for _ in $(seq 100); do "$sluice" describe live 2>/dev/null | grep -q "$1" && return; sleep 0.1; done
    fail "never $1: $("$sluice" describe live 2>&1)"
}

job "$work/calm" 0 calm >"$work/calm.yaml"
"$sluice" run --local "$work/calm.yaml" >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
rows "$work/calm" | sed 's/,[^,]*$//' >"$work/expected"

printf 'rules:\n  - %s\n  - %s\n' "$pair" "$again" >"$work/two.yaml"
printf -- '- %s\n- %s\n' "$trial" "$pair" >"$work/three.yaml"
printf 'rules:\n  - id: pair\n    sequence: [ "amuont < 1", "amount > 1" ]\n    within: 60s\n' >"$work/bad.yaml"
printf 'rules: [\n' >"$work/torn.yaml"
printf 'rules:\n  - %s\n  - %s\n' "$pair" "$pair" >"$work/twice.yaml"

"$sluice" up --data-dir "$work/data" --server-listen 127.0.0.1:0 --jobmanager-listen 127.0.0.1:0 --rest-listen "" --taskmanagers 1 --slots 4 \
    --no-tiering >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
SLUICE_JOBMANAGER=$(awk '$1 == "jobmanager" {print $4}' "$work/data/up")
export SLUICE_JOBMANAGER
job "$work/live" 30000 live >"$work/live.yaml"
"$sluice" run -d "$work/live.yaml" >"$work/out" 2>&1 || fail "run: $(cat "$work/out")"
for _ in $(seq 100); do "$sluice" checkpoints list live 2>/dev/null | grep -q COMPLETED && break; sleep 0.1; done

refused "bad.yaml:3:.*did you mean 'amount'" rules apply "$work/bad.yaml" --job live
refused 'torn.yaml:' rules apply "$work/torn.yaml" --job live
refused "twice.yaml:3:.*called 'pair' already" rules apply "$work/twice.yaml" --job live
refused 'no operator "fraud"' rules apply "$work/two.yaml" --job live --operator fraud
refused 'has no option `rules`' rules apply "$work/two.yaml" --job live --operator rows
refused 'no job "nobody"' rules apply "$work/two.yaml" --job nobody
"$sluice" rules list live >"$work/out" 2>&1
[ "$(grep -c IN_FORCE "$work/out")" = 1 ] || fail "after what was refused: $(cat "$work/out")"

sleep 1
apply two.yaml 2
sleep 1
worker_kill
wait_for ' 1 restart'
wait_for 'frauds .*RUNNING'
sleep 1
apply three.yaml 3
"$sluice" rules list live >"$work/out" 2>&1
grep -q '^frauds  *3  *IN_FORCE' "$work/out" && [ "$(grep -c REPLACED "$work/out")" = 2 ] || fail "rules list: $(cat "$work/out")"
"$sluice" rules show live | grep -q trial || fail "rules show: $("$sluice" rules show live 2>&1)"
"$sluice" rules show live --version 2 | grep -q again || fail "rules show --version 2: $("$sluice" rules show live --version 2 2>&1)"
worker_kill
"$sluice" wait live --timeout 60s >"$work/out" 2>&1 || fail "wait: $(cat "$work/out") $("$sluice" describe live)"

rows "$work/live" >"$work/alerts"
grep ',pair,' "$work/alerts" | sed 's/,[^,]*$//' | sort >"$work/found"
cmp -s "$work/expected" "$work/found" ||
    fail "the rule that stayed found $(wc -l <"$work/found") of $(wc -l <"$work/expected"): $(diff "$work/expected" "$work/found" | head -5)"
for v in 1 2 3; do grep -q ",pair,$v\$" "$work/alerts" || fail "no alert of version $v"; done
grep ',again,' "$work/alerts" | grep -qv ',2$' && fail "a rule of version 2 alone, in another: $(grep ',again,' "$work/alerts" | grep -v ',2$' | head -3)"
[ "$(grep -c ',again,2$' "$work/alerts")" -gt 0 ] || fail "no alert of the rule that came with version 2"
[ "$(grep -c ',again,2$' "$work/alerts")" -le "$(grep -c ',pair,2$' "$work/alerts")" ] || fail "again is there more often than pair, in version 2"
grep -q ',trial,' "$work/alerts" && fail "a shadow rule said something"
uniq -d "$work/alerts" | grep -q . && fail "an alert twice"
# id is the first column, accountId the second: in the order of the ids, no key goes back to an older set.
sort -t, -k2,2 -k1,1n "$work/alerts" | awk -F, '$2 == key && $NF < version {bad = 1} {key = $2; version = $NF} END {exit bad}' ||
    fail "a key went back to an older set"
exit $failed
