#!/usr/bin/env python3
"""bench.py PROGRAM [--quick] [--only WORD] [--state MB]: what a job's users see of a rescale, and of deaths: `./dev bench recovery`.

Every figure is of a cluster of real processes (a job manager, two task managers), the rows are those of the job's sink, and their times those
of a look every millisecond. Nothing is asserted but that the job goes on."""
import argparse
import datetime
import os
import re
import shutil
import signal
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Cluster, Sink  # noqa: E402

RATE_SMALL, RATE_LARGE = 20000, 500000

# `keep` begins with a key's first row and never ends: every key has state soon. A tenth of the rows are frauds, which are printed.
JOB = """job: {name}
checkpoint: {{ interval: {interval} }}
operators:
  - {{ id: rows, use: datagen, with: {{ kind: transactions, rate: {rate}, batch: {batch}, keys: {keys} }} }}
  - id: frauds
    use: fraud_filter
    from: rows
    partition: {{ hash: [accountId] }}
    with:
      rules:
        - {{ id: pair, sequence: [ "amount < 1.00", "amount > 1000.00" ], within: 60s, time: createdAt, contiguity: strict }}
        - {{ id: keep, sequence: [ "amount < 5000.00", "amount > 5000.00" ], within: 100000h, time: createdAt, contiguity: strict }}
  - {{ id: out, use: print, from: frauds }}
"""

# facts of the stack this is compared with: Flink 1.20.3 and Fluss 0.9.1, measured on such a machine, not in the same run
REAL = {
    "rescale": "21.6 to 26.8 s (stop with savepoint, start; small state)",
    "worker": "15.6 to 16.3 s (spare task manager ready); noticed after 13 to 15 s",
    "host": "13 to 15 s",
    "jobmanager": "-",
}


def job_text(keys, interval):
    rate = RATE_LARGE if keys > 10000 else RATE_SMALL
    return JOB.format(name="bench", interval=interval, keys=keys, rate=rate, batch=rate // 500)


def checkpoint_mb(cluster):
    """Of the newest whole checkpoint, from its files."""
    best = (0, 0.0)
    for folder, _, names in os.walk(f"{cluster.work}/jobmanager"):
        match = re.search(r"/chk-(\d+)$", folder)
        if match and "_metadata" in names:
            size = sum(os.path.getsize(f"{folder}/{name}") for name in names)
            best = max(best, (int(match.group(1)), size / 1e6))
    return best


def wait_state(cluster, megabytes):
    """Until a whole checkpoint holds all of it."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if checkpoint_mb(cluster)[1] >= megabytes:
            return
        time.sleep(0.2)
    raise RuntimeError(f"no checkpoint of {megabytes} MB within 120 s: {checkpoint_mb(cluster)}\n{cluster.jobmanager.text()[-2000:]}")


def wall_of(line):
    return datetime.datetime.strptime(line[:23], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=datetime.timezone.utc).timestamp()


def line_after(daemon, begin, pattern, seconds=60):
    """The first log line behind `begin` that has the pattern: its own wall time, and itself."""
    match, _ = daemon.wait_for(rf"[^\n]*(?:{pattern})[^\n]*", seconds, begin)
    return wall_of(match.group(0)), match.group(0)


def ms(seconds):
    return round(seconds * 1000)


class Run:
    """A cluster with the job running on it."""

    def __init__(self, options, keys, parallelism, interval="10s"):
        self.work = tempfile.mkdtemp(prefix="sluice-bench-")
        self.cluster = None
        try:
            self.cluster = Cluster(options.program, self.work)
            for _ in range(2):
                self.cluster.taskmanager_start(4)
            with open(f"{self.work}/job.yaml", "w") as file:
                file.write(job_text(keys, interval))
            self.sink = Sink(self.cluster)
            self.cluster.sluice("run", "-d", "-p", str(parallelism), f"{self.work}/job.yaml")
            self.sink.wait_after(time.monotonic())
        except BaseException:
            self.close()
            raise

    def settled(self):
        """Rows flow: from here on a gap is the event's."""
        self.sink.wait_after(time.monotonic() + 0.5)

    def close(self):
        if self.cluster is not None:
            if getattr(self, "sink", None) is not None:
                self.sink.close()
            self.cluster.close()
            if os.environ.get("SLUICE_BENCH_KEEP"):
                print("kept", self.work, file=sys.stderr)
                return
        shutil.rmtree(self.work, ignore_errors=True)


def rescale(options, report):
    """A key has 41 bytes in a checkpoint; there are a few more than needed, since the last ones come late."""
    steps = [(1, 2), (2, 4), (4, 1)]
    pauses = {step: [] for step in steps}
    took = {step: [] for step in steps}
    size = 0.0
    for _ in range(options.runs):
        run = Run(options, int(options.state * 1e6 / options.key_bytes), 1, "5s")
        try:
            wait_state(run.cluster, options.state)
            for step in steps:
                run.settled()
                size = checkpoint_mb(run.cluster)[1]
                begin = time.monotonic()
                run.cluster.sluice("rescale", "bench", str(step[1]))
                end = time.monotonic()
                run.sink.wait_after(end + 0.5)
                pauses[step].append(ms(run.sink.longest_gap(begin, end + 0.5)[0]))
                took[step].append(ms(end - begin))
        finally:
            run.close()
    for step in steps:
        report(f"rescale {step[0]} to {step[1]}, {size:.0f} MB of state", "pause at the sink", pauses[step], REAL["rescale"])
        report("", "the command", took[step], "")


def worker(options, report):
    died, again = [], []
    for _ in range(options.runs):
        run = Run(options, 1000, 2, "500ms")
        try:
            run.settled()
            time.sleep(1)
            begin = len(run.cluster.jobmanager.text())
            wall, at = time.time(), time.monotonic()
            os.kill(run.cluster.workers()[0], signal.SIGKILL)
            died.append(ms(line_after(run.cluster.jobmanager, begin, "ATTEMPT-FAILED")[0] - wall))
            run.cluster.jobmanager.wait_for(" ATTEMPT ", begin=begin)
            again.append(ms(run.sink.wait_after(at + 0.05) - at))
        finally:
            run.close()
    report("kill -9 of a worker, small state", "noticed", died, REAL["worker"])
    report("", "rows again", again, "")


def host(options, report):
    noticed, again = [], []
    for _ in range(options.runs):
        run = Run(options, 1000, 2, "500ms")
        try:
            run.settled()
            begin = len(run.cluster.jobmanager.text())
            workers = run.cluster.workers()
            victim = next(tm for tm in run.cluster.taskmanagers if has_child(tm.pid, workers))
            wall = time.time()
            stopped = [victim.pid] + [pid for pid in workers if has_child(victim.pid, [pid])]
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            at = time.monotonic()
            noticed.append(ms(line_after(run.cluster.jobmanager, begin, "NODE-GONE|ATTEMPT-FAILED")[0] - wall))
            again.append(ms(run.sink.wait_after(at + 1.0) - at))
        finally:
            run.close()
    report("SIGSTOP of a task manager and its worker", "noticed", noticed, REAL["host"])
    report("", "rows again, elsewhere", again, "")


def has_child(pid, children):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return bool({int(child) for child in file.read().split()} & set(children))


def jobmanager(options, report):
    pauses, again = [], []
    for _ in range(options.runs):
        run = Run(options, 1000, 2, "500ms")
        try:
            run.settled()
            time.sleep(1)
            at = time.monotonic()
            run.cluster.jobmanager.kill()
            begin = os.path.getsize(run.cluster.jobmanager.log)
            run.cluster.jobmanager_start()
            started = time.monotonic()
            _, running = run.cluster.jobmanager.wait_for("RECONCILING to RUNNING", begin=begin)
            run.sink.wait_after(running + 0.5)
            pauses.append(ms(run.sink.longest_gap(at, running + 0.5)[0]))
            again.append(ms(running - started))
        finally:
            run.close()
    report("kill -9 of the job manager, restarted", "pause at the sink", pauses, REAL["jobmanager"])
    report("", "RUNNING again", again, "")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench recovery")
    parser.add_argument("program")
    parser.add_argument("--quick", action="store_true", help="one run of each")
    parser.add_argument("--only", default="", metavar="WORD", help="rescale, worker, host or jobmanager")
    parser.add_argument("--state", type=float, default=100, metavar="MB", help="keyed state in a rescale (100)")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    options.runs = 1 if options.quick else options.runs
    options.key_bytes = 38
    lines = []

    def report(what, figure, values, real):
        lines.append(f"| {what} | {figure} | {statistics.median(values):.0f} | {', '.join(str(v) for v in values)} | {real} |")
        print(lines[-1], flush=True)

    print("| what | figure | median ms | runs | the real stack (measured earlier) |\n|---|---|---|---|---|")
    for name, measure in (("rescale", rescale), ("worker", worker), ("host", host), ("jobmanager", jobmanager)):
        if options.only in name:
            measure(options, report)


main()
