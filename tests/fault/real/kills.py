#!/usr/bin/env python3
"""kills.py PROGRAM [--seconds N] [--seed N]: generator, fraud job and tiering run on real processes that are killed at random moments, all kinds
of them, one and all at once; what is in stream and lake at the end is what is there after a run that nobody disturbed, row by row.

The seed decides who dies when and for how long; SLUICE_SEED=N replays those moments as far as real processes allow. The jobs' work goes on until
the last kill, and each kind of victim dies once at least."""
import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from stack import Stack, calm_outcome, differences  # noqa: E402

RATE = 10000
KINDS = ["worker", "taskmanager", "jobmanager", "server", "all"]


def plan(chance, seconds):
    """(when, whom, a number for which of them, how long it is away): every kind in a random order, again and again."""
    moments, at, kinds = [], 1.0, []
    while at < seconds:
        kinds = kinds or chance.sample(KINDS, len(KINDS))
        moments.append((at, kinds.pop(), chance.random(), chance.choice([0.0, 0.2, 1.0])))
        at += chance.uniform(0.5, 4.0)
    return moments


def strike(stack, kind, which, away):
    """Kills, and brings back what does not come back by itself. True: there was somebody to kill."""
    if kind == "worker":
        workers = stack.workers_wait()
        try:
            if workers:
                os.kill(workers[int(which * len(workers))], signal.SIGKILL)
        except ProcessLookupError:  # its attempt ended meanwhile
            return False
        return bool(workers)
    taskmanagers = stack.names[2:]
    victims = {"taskmanager": [taskmanagers[int(which * len(taskmanagers))]], "all": stack.names}.get(kind, [kind])
    for name in victims:
        stack.daemons[name].process.send_signal(signal.SIGKILL)
    for name in victims:
        stack.daemons[name].kill()
    time.sleep(away)
    for name in victims:
        stack.start(name)
    for name in victims:
        stack.ready(name)
    return True


def storm(stack, moments):
    begin, hits = time.monotonic(), dict.fromkeys(KINDS, 0)
    for at, kind, which, away in moments:
        time.sleep(max(0.0, begin + at - time.monotonic()))
        hit = strike(stack, kind, which, away)
        hits[kind] += hit
        print(f"{time.monotonic() - begin:6.1f} s  {kind}{'' if hit else ' (nobody there)'}, away for {away} s", flush=True)
    return hits


def hurt(options, work, rows, moments):
    stack = Stack(options.program, work)
    try:
        stack.jobs_start(rows, RATE)
        hits = storm(stack, moments)
        stack.settle(rows // 10, 90)
        print(f"killed: {hits}; {stack.restarts()}")
        got = stack.outcome()
        wrong = [f"no {kind} was killed" for kind, count in hits.items() if count == 0]
        ends = {"transactions": "FINISHED", "fraud-detection": "RUNNING", "tiering": "RUNNING"}
        wrong += [f"job {job} is {stack.state(job)}, not {end}" for job, end in ends.items() if stack.state(job) != end]
        return got, wrong, stack
    except BaseException:
        stack.last_words()
        raise
    finally:
        stack.close()


def one_round(options, seed, work):
    """Whether it went wrong; what it was is printed."""
    print(f"SLUICE_SEED={seed}", flush=True)
    rows = int(options.seconds * RATE)
    expected = calm_outcome(options.program, f"{work}/calm", rows)
    if len(expected["frauds in the lake"]) != rows // 10:
        raise RuntimeError(f"the calm run has {len(expected['frauds in the lake'])} frauds in the lake, not {rows // 10}")
    got, wrong, stack = hurt(options, f"{work}/hurt", rows, plan(random.Random(seed), options.seconds))
    wrong += differences(expected, got)
    if wrong:
        stack.last_words()
        print(f"SLUICE_SEED={seed}:", *wrong, sep="\n")
    else:
        print("each row is there once, as in the run that nobody disturbed: " + ", ".join(f"{len(rows)} {what}" for what, rows in got.items()))
    return bool(wrong)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SLUICE_SEED", "1")))
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("SLUICE_ROUNDS", "1")))
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for number in range(options.rounds):
        work, failed = tempfile.mkdtemp(prefix="sluice-kills-"), True
        try:
            failed = one_round(options, options.seed + number, work)
        finally:
            if failed and os.environ.get("SLUICE_KEEP"):
                print("kept", work)
            else:
                shutil.rmtree(work, ignore_errors=True)
        if failed:
            sys.exit(1)


main()
