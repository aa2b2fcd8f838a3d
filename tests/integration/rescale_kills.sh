#!/usr/bin/env bash
# rescale_kills.sh PROGRAM [ROUNDS]: a job that is rescaled again and again while a worker, a task manager or the job manager is killed at a
# random moment of it. Some of the rescales come through, each kind of victim dies; at the end there are the rows of a run that nobody
# disturbed, each once.
set -u
sluice=$1
rounds=${2:-9}
seed=${SEED:-$(date +%N)}
RANDOM=$((10#$seed % 32768))
. "$(dirname "${BASH_SOURCE[0]}")/managers.sh"
fail() { echo "seed $seed: $*"; failed=1; }

calm_rows 300000

jobmanager_start
taskmanager_start first 4
taskmanager_start second 4
job "$work/moved" 20000 moved >"$work/moved.yaml"
"$sluice" run -d "$work/moved.yaml" >"$work/out" 2>&1 || fail "run: $(cat "$work/out")"
first_checkpoint moved

declare -A killed=([worker]=0 [taskmanager]=0 [jobmanager]=0)
came=0
# Kills one of that word and, but for a worker, brings it back. False: there was none.
kill_one() {
    local list
    case $1 in
    worker)
        read -ra list <<<"$(workers first) $(workers second)"
        [ ${#list[@]} != 0 ] && kill -9 "${list[RANDOM % ${#list[@]}]}" 2>/dev/null
        ;;
    taskmanager)
        kill -9 "${pids[second]}" || return
        wait "${pids[second]}" 2>/dev/null
        taskmanager_start second 4
        ;;
    jobmanager)
        jobmanager_kill || return
        jobmanager_start
        ;;
    esac
}

words=(worker jobmanager worker taskmanager)
for ((round = 0; round < rounds || (came == 0 && round < 3 * rounds); round++)); do
    for _ in $(seq 200); do "$sluice" list 2>/dev/null | grep -q 'moved .*RUNNING' && break; sleep 0.05; done
    "$sluice" list -a 2>/dev/null | grep -q FINISHED && break
    "$sluice" rescale moved $((1 + RANDOM % 4)) "frauds=$((1 + RANDOM % 4))" >/dev/null 2>&1 &
    asking=$!
    sleep "0.$(printf '%03d' $((RANDOM % 300)))"
    victim=${words[round % ${#words[@]}]}
    kill_one "$victim" && killed[$victim]=$((killed[$victim] + 1))
    for _ in $(seq 100); do kill -0 $asking 2>/dev/null || break; sleep 0.05; done
    kill $asking 2>/dev/null
    wait $asking 2>/dev/null && came=$((came + 1))
done
echo "seed $seed: $came of $round rescales came through; killed: ${killed[worker]} workers, ${killed[taskmanager]} task managers, ${killed[jobmanager]} job managers"
[ $came != 0 ] || fail "no rescale came through"
for victim in "${!killed[@]}"; do [ "${killed[$victim]}" != 0 ] || fail "no $victim was killed"; done
"$sluice" wait moved --timeout 90s | grep -q FINISHED || fail "not finished: $("$sluice" list -a; "$sluice" describe moved; tail -5 "$work/jobmanager.log")"
same_rows "$work/moved"
exit $failed
