#!/usr/bin/env python3
"""weather.py SERVER PROXY: Fluss's own Java client on our server (SERVER is fluss_server_main) through the fault proxy (PROXY): first bad
weather, then calm and kill -9 of the server under load, again and again (it comes back on another port), then bad weather while everything is
read. JudgeWeather.java judges. 77 without a JDK.

Not judged, because this client (0.9.1) does not withstand it here (with a real server it was not tried): an answer that never comes (it has no timer), and a
connection that ends under load: now and then (1 kill in 16) its sender fails a batch that is done already, and keeps it as under way for
ever. Then no more kills, and what was acknowledged until then is judged, by a new connection. One kill at least has to be outlived, in the
second run if not in the first: a server that nobody can come back to is no weather."""
import os
import random
import select
import subprocess
import sys
import tempfile
import time

import jars

HERE = os.path.dirname(os.path.abspath(__file__))
PLAN = "delay=10:10 split=20 single=1 repeat=10"
SEED = "20260"
KILLS = 4
LIMIT_SECONDS = 240
STUCK_SECONDS = 60  # a busy machine is no stuck client


def first_line(process, what):
    line = process.stdout.readline().strip()
    if not line:
        raise SystemExit(f"weather: {what} does not start")
    return line


class Server:
    def __init__(self, program, folder):
        self.program, self.folder, self.process = program, folder, None

    def start(self):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen([self.program, os.path.join(self.folder, "data"), "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=log, text=True)
        return first_line(self.process, "the server")

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None


def progress(judge, least):
    """Until `least` more rows are acknowledged than now; how long it took."""
    begun, first = time.monotonic(), None
    while select.select([judge.stdout], [], [], 0)[0]:
        judge.stdout.readline()  # what it said before
    while time.monotonic() - begun < STUCK_SECONDS:
        words = judge.stdout.readline().split()
        if not words:
            raise SystemExit("weather: the Java client ended by itself")
        if words[0] != "acknowledged":
            print(" ".join(words))
            continue
        first = int(words[1]) if first is None else first
        if int(words[1]) >= first + least:
            return time.monotonic() - begun
    return None


def tell(proxy, line):
    proxy.stdin.write(line + "\n")
    proxy.stdin.flush()


def judged(server, proxy_program, class_path):
    """The judge's exit code, and how many kills its client outlived."""
    outlived = 0
    choose = random.Random(5)
    proxy = judge = None
    try:
        proxy = subprocess.Popen([proxy_program, "127.0.0.1:0", server.start(), SEED, PLAN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        address = first_line(proxy, "the proxy")
        judge = subprocess.Popen([jars.java(), *jars.JVM, "-XX:+UseSerialGC", "-Xmx512m", "-cp", class_path, os.path.join(HERE, "JudgeWeather.java"), address],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if progress(judge, 2000) is None:
            raise SystemExit(f"weather: fewer than 2000 rows acknowledged in {STUCK_SECONDS} s of {PLAN}")
        tell(proxy, "calm")
        progress(judge, 2000)
        for _ in range(KILLS):
            time.sleep(choose.random())
            server.kill()
            time.sleep(choose.random() * 2)
            tell(proxy, "target " + server.start())
            took = progress(judge, 2000)
            if took is None:
                print("weather: killed and back; the Java client is stuck", flush=True)
                break
            outlived += 1
            print(f"weather: killed and back; 2000 more rows after {took:.1f} s", flush=True)
        tell(proxy, PLAN)
        judge.stdin.write("stop\n")
        judge.stdin.close()
        for line in judge.stdout:
            print(line, end="")
        status = judge.wait(LIMIT_SECONDS)
        proxy.stdin.close()
        print("weather:", proxy.stdout.read().strip())
        return status, outlived
    finally:
        for process in (judge, proxy):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        server.kill()


def main(arguments):
    try:
        class_path = jars.class_path(os.path.join(HERE, "pom.xml"))
    except jars.Missing as missing:
        print("SKIPPED:", missing)
        return 77
    for _ in range(2):
        with tempfile.TemporaryDirectory(prefix="sluice-weather-") as folder:
            status, outlived = judged(Server(arguments[0], folder), arguments[1], class_path)
        if status != 0 or outlived != 0:
            return status
    print("weather: in two runs the Java client outlived not one kill of the server")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
