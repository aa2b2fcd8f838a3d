#!/usr/bin/env python3
"""failover.py LOAD [PLAN]: a real cluster of three tablet servers, tables of three copies, our client under load (LOAD is failover_load), and
kill -9 of one tablet server after the other, each brought back; leaders move each time. LOAD says whether a row was lost, doubled or
out of order. 77 without a JDK."""
import os
import random
import subprocess
import sys
import time

import cluster
import jars

SETTINGS = {"default.replication.factor": 3, "zookeeper.client.session-timeout": "4s", "log.replica.max-lag-time": "3s",
            "log.replica.min-in-sync-replicas-number": 1}
KILLS = 3
LIMIT_SECONDS = 240


def acknowledged(load, seconds, least):
    """Reads LOAD's lines until both tables have `least` more rows than at the first line; the time it took."""
    begun, first = time.monotonic(), None
    while time.monotonic() - begun < seconds:
        line = load.stdout.readline()
        if not line:
            raise SystemExit("failover: the load ended by itself")
        words = line.split()
        if words[:1] != ["acknowledged"]:
            print(line, end="")
            continue
        if os.environ.get("FAILOVER_TALK"):
            print(f"{time.monotonic() - begun:6.1f} {line}", end="", flush=True)
        now = min(int(words[1]), int(words[2]))
        first = now if first is None else first
        if now >= first + least:
            return time.monotonic() - begun
    raise SystemExit(f"failover: fewer than {least} rows were acknowledged in {seconds} s")


def main(arguments):
    choose = random.Random(4)
    try:
        with cluster.Cluster(3, SETTINGS, heap="320m") as real:
            load = subprocess.Popen(arguments[:1] + [real.bootstrap] + arguments[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            try:
                acknowledged(load, 60, 1000)
                previous = None
                for _ in range(KILLS):
                    victim = choose.choice([n for n in range(3) if n != previous])
                    previous = victim
                    real.kill(victim)
                    took = acknowledged(load, 60, 1000)
                    print(f"failover: tablet server {victim} killed; 1000 more rows in both tables after {took:.1f} s", flush=True)
                    real.start_tablet(victim)
                    acknowledged(load, 60, 2000)
                load.stdin.write("stop\n")
                load.stdin.close()
                for line in load.stdout:
                    print(line, end="")
                return load.wait(LIMIT_SECONDS)
            finally:
                if load.poll() is None:
                    load.kill()
                    load.wait()
    except jars.Missing as missing:
        print("SKIPPED:", missing)
        return 77
    except cluster.Failed as failed:
        print("failover:", failed)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
