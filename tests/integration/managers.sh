# managers.sh: for tests with job and task managers of their own, that are killed: source it with $sluice set.
work=$(mktemp -d)
failed=0
declare -A pids
trap 'kill -9 "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
fail() { echo "$*"; failed=1; }
listen=127.0.0.1:0

jobmanager_start() {
    "$sluice" jobmanager --listen "$listen" --rest-listen "" --data-dir "$work/jobmanager" 2>"$work/jobmanager.log" &
    pids[jobmanager]=$!
    for _ in $(seq 200); do grep -q 'ready at' "$work/jobmanager.log" && break; sleep 0.05; done
    listen=$(sed -n 's/^jobmanager: ready at //p' "$work/jobmanager.log")
    [ -n "$listen" ] || { echo "no job manager: $(cat "$work/jobmanager.log")"; exit 1; }
    export SLUICE_JOBMANAGER=$listen
}
# False: it had died by itself.
jobmanager_kill() {
    kill -9 "${pids[jobmanager]}" || return
    wait "${pids[jobmanager]}" 2>/dev/null
    return 0
}
# taskmanager_start NAME SLOTS
taskmanager_start() {
    "$sluice" taskmanager --jobmanager "$listen" --slots "$2" --data-dir "$work/$1" 2>"$work/$1.log" &
    pids[$1]=$!
    for _ in $(seq 200); do grep -q ready "$work/$1.log" && break; sleep 0.05; done
}
# Process ids of the workers of a task manager.
workers() { cat "/proc/${pids[$1]}/task/${pids[$1]}/children" 2>/dev/null; }
first_checkpoint() { for _ in $(seq 100); do "$sluice" checkpoints list "$1" 2>/dev/null | grep -q COMPLETED && break; sleep 0.1; done; }

. "$(dirname "${BASH_SOURCE[0]}")/fraud_files.sh"
job_settings='checkpoint: { interval: 300ms }
max-parallelism: 8
restart: { delay: 50ms }'
# same_rows DIR: as in $work/expected.
same_rows() {
    rows "$1" >"$work/got"
    cmp -s "$work/expected" "$work/got" ||
        fail "other rows: $(wc -l <"$work/got") for $(wc -l <"$work/expected"); $(diff "$work/expected" "$work/got" | head -3)"
}
refused() {
    local words=$1
    shift
    "$sluice" "$@" >"$work/out" 2>&1 && fail "$*: was not refused"
    grep -q "$words" "$work/out" || fail "$*: $(cat "$work/out")"
}
# calm_rows ROWS: $work/expected, of a run that nobody disturbs. Later jobs have as many rows.
calm_rows() {
    job_rows=$1
    job "$work/calm" 0 calm >"$work/calm.yaml"
    "$sluice" run --local "$work/calm.yaml" >"$work/out" 2>&1 || { echo "calm run: exit $?: $(cat "$work/out")"; exit 1; }
    rows "$work/calm" >"$work/expected"
}
