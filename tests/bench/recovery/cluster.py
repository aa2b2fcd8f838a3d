"""cluster.py: a job manager and task managers of real processes, the rows that a job's print sink writes, and when each was seen."""
import os
import re
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from daemon import POLL_S, Daemon  # noqa: E402


class Cluster:
    def __init__(self, program, work):
        self.program, self.work = program, work
        self.daemons = []
        self.taskmanagers = []
        self.listen = "127.0.0.1:0"
        self.jobmanager = None
        self.jobmanager_start()

    def jobmanager_start(self):
        """Also after a kill: at the same address, from the same directory."""
        log = f"{self.work}/jobmanager.log"
        begin = os.path.getsize(log) if os.path.exists(log) else 0
        words = [self.program, "jobmanager", "--listen", self.listen, "--rest-listen", "", "--data-dir", f"{self.work}/jobmanager"]
        self.jobmanager = Daemon(words, log)
        self.daemons.append(self.jobmanager)
        match, _ = self.jobmanager.wait_for(r"ready at (\S+)", begin=begin)
        self.listen = match.group(1)

    def taskmanager_start(self, slots):
        folder = f"{self.work}/taskmanager-{len(self.taskmanagers)}"
        words = [self.program, "taskmanager", "--jobmanager", self.listen, "--slots", str(slots), "--data-dir", folder]
        daemon = Daemon(words, folder + ".log")
        self.daemons.append(daemon)
        self.taskmanagers.append(daemon)
        daemon.folder = folder
        daemon.wait_for("ready")
        return daemon

    def sluice(self, *words):
        environment = dict(os.environ, SLUICE_JOBMANAGER=self.listen)
        done = subprocess.run([self.program, *words], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"sluice {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def workers(self):
        """Process ids of the children of our task managers."""
        return [pid for daemon in self.taskmanagers for pid in daemon.children()]

    def close(self):
        for daemon in reversed(self.daemons):
            if not daemon.file.closed:
                daemon.kill(signal.SIGTERM)


class Sink:
    """A thread that follows what print writes into the workers' logs: (when seen, rows) of every look that found some."""

    LOG_LINE = re.compile(rb"^\d+-\d+-\d+T\S+Z ", re.MULTILINE)  # a worker's own words

    def __init__(self, cluster):
        self.cluster = cluster
        self.seen = []
        self.files = {}
        self.over = False
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def look(self):
        rows = 0
        for daemon in list(self.cluster.taskmanagers):
            folder = daemon.folder + "/logs"
            for name in os.listdir(folder) if os.path.isdir(folder) else []:
                path = f"{folder}/{name}"
                if path not in self.files:
                    self.files[path] = open(path, "rb")
                text = self.files[path].read()
                rows += text.count(b"\n") - len(self.LOG_LINE.findall(text))
        return rows

    def follow(self):
        while not self.over:
            rows = self.look()
            if rows:
                self.seen.append((time.monotonic(), rows))
            time.sleep(POLL_S)

    def longest_gap(self, begin, end):
        """Between two sights of rows, of those that overlap [begin, end]: (seconds, when it began)."""
        times = [at for at, _ in self.seen]
        gaps = [(b - a, a) for a, b in zip(times, times[1:]) if b >= begin and a <= end]
        return max(gaps, default=(0.0, begin))

    def first_after(self, at):
        return next((seen for seen, _ in self.seen if seen > at), None)

    def wait_after(self, at, seconds=60.0):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            seen = self.first_after(at)
            if seen is not None:
                return seen
            time.sleep(POLL_S)
        raise RuntimeError(f"no row at the sink within {seconds} s")

    def close(self):
        self.over = True
        self.thread.join()
        for file in self.files.values():
            file.close()
