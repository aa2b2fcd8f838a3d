"""daemon.py: a process that a test starts, watches by its log, and ends; it dies with the test, however that ends."""
import ctypes
import os
import re
import signal
import subprocess
import time

POLL_S = 0.001
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Daemon:
    def __init__(self, words, log):
        self.log = log
        self.file = open(log, "ab")
        self.process = subprocess.Popen(words, stderr=self.file, stdout=self.file, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.pid = self.process.pid

    def text(self, begin=0):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[begin:]

    def wait_for(self, pattern, seconds=20.0, begin=0):
        """The first match behind `begin`; its time is when we saw it, a millisecond late at most."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            match = re.compile(pattern).search(self.text(begin))
            if match:
                return match, time.monotonic()
            time.sleep(POLL_S)
        raise RuntimeError(f"no {pattern!r} within {seconds} s in {self.log}:\n{self.text()[-3000:]}")

    def kill(self, number=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.file.close()

    def children(self):
        """Process ids, of a task manager those of its workers."""
        try:
            with open(f"/proc/{self.pid}/task/{self.pid}/children") as file:
                return [int(pid) for pid in file.read().split()]
        except OSError:
            return []
