#!/usr/bin/env python3
"""hosts.py PROGRAM [--seed N]: job manager, table server and task managers on hosts of their own, with bad weather between them. One task manager
is cut off from the job manager alone, so that its worker is a zombie that goes on to write, and whose last writes come late; another is cut off
from everything for a while. What is in stream and lake is what is there after a calm run, row by row."""
import argparse
import datetime
import os
import re
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hosts_net import Hosts, missing  # noqa: E402
from stack import Stack, calm_outcome, differences  # noqa: E402

RATE, ROWS = 6000, 180000
NOTICED_S = 3.0
LEASE_S = 20  # a worker that does not hear its job manager for so long ends itself
LATE_MS = 16000  # more than from there to the next attempt
SKIPPED = 77


def wall_of(line):
    return datetime.datetime.strptime(line[:23], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=datetime.timezone.utc).timestamp()


def line_after(stack, name, begin, pattern, seconds):
    """The first line behind `begin` with the pattern, and its time."""
    match, _ = stack.daemons[name].wait_for(rf"[^\n]*(?:{pattern})[^\n]*", seconds, begin)
    return match.group(0), wall_of(match.group(0))


def homes(stack, job):
    """Task managers that have a worker of the job's newest attempt."""
    newest, found = 0, []
    for name in stack.names[2:]:
        for attempt in re.findall(rf"WORKER-STARTED job {job} attempt (\d+) ", stack.daemons[name].text()):
            found.append((int(attempt), name))
            newest = max(newest, int(attempt))
    return [name for attempt, name in found if attempt == newest]


class Checks:
    def __init__(self):
        self.wrong = []

    def __call__(self, holds, words):
        print(f"{'holds' if holds else 'WRONG'}  {words}", flush=True)
        if not holds:
            self.wrong.append(words)


def worker_logs(stack, name):
    folder, text = f"{stack.work}/{name}/logs", ""
    for log in os.listdir(folder):
        with open(f"{folder}/{log}", errors="replace") as file:
            text += file.read()
    return text


def zombie_cut(stack, hosts, check):
    """Cuts the generator's task manager off; the name, when."""
    zombie = homes(stack, "transactions")[0]
    begin, cut = len(stack.daemons["jobmanager"].text()), time.time()
    hosts.cut(zombie, ["jobmanager"])
    _, noticed = line_after(stack, "jobmanager", begin, "NODE-GONE|ATTEMPT-FAILED job transactions", 20)
    check(noticed - cut <= NOTICED_S, f"{zombie}, cut off from the job manager, was noticed after {noticed - cut:.2f} s")
    return zombie, begin, cut


def other_cut(stack, hosts, zombie, check):
    """Another task manager hears nothing from anybody, and is healed."""
    at_work = [name for name in homes(stack, "fraud-detection") if name != zombie] + [name for name in stack.names[2:] if name != zombie]
    other, begin, cut = at_work[0], len(stack.daemons["jobmanager"].text()), time.time()
    rest = [name for name in stack.names if name != other]
    hosts.cut(other, rest)
    _, noticed = line_after(stack, "jobmanager", begin, "NODE-GONE", 20)
    check(noticed - cut <= NOTICED_S, f"{other}, cut off from all, was noticed after {noticed - cut:.2f} s")
    time.sleep(max(0.0, cut + 5 - time.time()))
    hosts.heal(other, rest)
    hosts.cut(zombie, ["jobmanager"])


def late_writes(stack, hosts, zombie, cut, check):
    """What the zombie sends in its last seconds comes when the next attempt is at work."""
    before = stack.count("transaction$log")
    time.sleep(max(0.0, cut + LEASE_S - 3 - time.time()))
    check(stack.count("transaction$log") > before, f"the zombie went on to write: {stack.count('transaction$log') - before} rows")
    hosts.link(zombie, "server", [0, LATE_MS, 0])
    time.sleep(max(0.0, cut + LEASE_S + 5 - time.time()))
    return stack.count("transaction$log")


def recovered(stack, hosts, zombie, begin, cut, rows, check):
    """`rows`: in the table when the zombie was dead. The next attempt first has as many to drop as the zombie wrote: what is new before that is late."""
    line, again = line_after(stack, "jobmanager", begin, " ATTEMPT job transactions", 60)
    over = re.search(r"[^\n]*LEASE-OVER[^\n]*", worker_logs(stack, zombie))
    check(over is not None and wall_of(over.group(0)) < again, "the zombie had ended itself before the next attempt began")
    time.sleep(1)
    check(zombie not in homes(stack, "transactions"), f"the job goes on elsewhere, {again - cut:.1f} s after the cut")
    time.sleep(max(0.0, cut + LEASE_S + LATE_MS / 1000 + 1 - time.time()))
    late = stack.count("transaction$log") - rows
    check(late > 0, f"{late} rows of the zombie came after its death")
    begin = len(stack.daemons["jobmanager"].text())
    hosts.heal(zombie, ["jobmanager", "server"])
    time.sleep(3)
    check(stack.state("transactions") in ("RUNNING", "FINISHED"), f"the healed task manager did no harm: {stack.state('transactions')}")


def hurt(options, work, hosts, check):
    stack = Stack(options.program, work, taskmanagers=3, place=hosts.place)
    try:
        hosts.weather(0.5, 1, 3)
        stack.jobs_start(ROWS, RATE, generators=1)
        time.sleep(3)
        zombie, begin, cut = zombie_cut(stack, hosts, check)
        time.sleep(1)
        other_cut(stack, hosts, zombie, check)
        rows = late_writes(stack, hosts, zombie, cut, check)
        recovered(stack, hosts, zombie, begin, cut, rows, check)
        stack.settle(ROWS // 10, 90)
        for job, end in {"transactions": "FINISHED", "fraud-detection": "RUNNING", "tiering": "RUNNING"}.items():
            check(stack.state(job) == end, f"job {job} is {stack.state(job)}")
        print("\n".join(re.findall(r"\S+ WARN  ATTEMPT-FAILED[^\n]*", stack.daemons["jobmanager"].text())))
        return stack.outcome()
    except BaseException:
        stack.last_words()
        raise
    finally:
        stack.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SLUICE_SEED", "1")))
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    why = missing()
    if why:
        print(f"SKIPPED: {why}")
        sys.exit(SKIPPED)
    print(f"SLUICE_SEED={options.seed}", flush=True)
    work, check, hosts, failed = tempfile.mkdtemp(prefix="sluice-hosts-"), Checks(), None, True
    try:
        expected = calm_outcome(options.program, f"{work}/calm", ROWS)
        hosts = Hosts(["server", "jobmanager", "taskmanager-1", "taskmanager-2", "taskmanager-3"], work, options.seed)
        got = hurt(options, f"{work}/hurt", hosts, check)
        wrong = differences(expected, got)
        check(not wrong, "; ".join(wrong) or f"each row is there once: {', '.join(f'{len(rows)} {what}' for what, rows in got.items())}")
        failed = bool(check.wrong)
    finally:
        if hosts is not None:
            hosts.close()
        if failed and os.environ.get("SLUICE_KEEP"):
            print("kept", work)
        else:
            shutil.rmtree(work, ignore_errors=True)
    sys.exit(failed)


main()
