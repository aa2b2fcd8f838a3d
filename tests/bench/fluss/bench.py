#!/usr/bin/env python3
"""bench.py SLUICE LOOKUPS [--quick] [--only WORD]: the same Java client loads our table server and the real one, in turn, in one call.

SLUICE is the program, LOOKUPS our own client's lookup loop (bench_fluss_lookups). Servers run on core 0, clients on core 1 (where
there are two). CPU seconds and memory are those of all processes that a server needs: our one, and the real one's tablet server,
coordinator and ZooKeeper (what the tablet server took alone is said beside the ratios). Memory is the peak of resident memory since the
workload began. Each workload runs once shorter before it
is measured, so that the JVMs are warm. 77 where there is no JDK or Maven.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, ".."), os.path.join(here, "..", "..", "interop", "fluss")]
import cluster  # noqa: E402
import jars  # noqa: E402
from processes import cpu_seconds, peak_mib, peak_reset  # noqa: E402

SERVER_CORE, CLIENT_CORE = 0, max(0, min(1, (os.cpu_count() or 1) - 1))
# name, the client's workload, the same shorter
WORKLOADS = [
    ("append 100 B, 1 writer", "append 1 100 1500000", "append 1 100 200000"),
    ("append 100 B, 8 writers", "append 8 100 1500000", "append 8 100 200000"),
    ("append 1 KiB, 1 writer", "append 1 1024 300000", "append 1 1024 40000"),
    ("append 1 KiB, 8 writers", "append 8 1024 300000", "append 8 1024 40000"),
    ("fan-out, 16 readers", "fanout 16", "fanout 1"),
    ("upsert 100 B, 1 writer", "upsert 1 400000 100000", "upsert 1 100000 100000"),
    ("upsert 100 B, 8 writers", "upsert 8 400000 100000", "upsert 8 100000 100000"),
    ("lookup, 1000 in flight", "lookup 1000 300000 100000", "lookup 1000 30000 100000"),
    ("lookup, one at a time", "lookup 1 40 100000", "lookup 1 5 100000"),
]


def pin(core):
    def go():
        cluster.die_with_parent()
        os.sched_setaffinity(0, {core})
    return go


def pin_threads(pid, core):
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), {core})


class Ours:
    """`sluice server` on a folder of its own."""
    name = "sluice"

    def __init__(self, sluice):
        self.folder = tempfile.TemporaryDirectory(prefix="sluice-bench-")
        self.process = subprocess.Popen([sluice, "server", "--listen", "127.0.0.1:0", "--data-dir", os.path.join(self.folder.name, "data")],
                                        stderr=subprocess.PIPE, text=True, preexec_fn=pin(SERVER_CORE))
        for line in self.process.stderr:
            if line.startswith("server: ready at "):
                self.bootstrap = line.split()[-1]
                return
        raise SystemExit("bench: sluice server did not become ready")

    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


class Real:
    """A real cluster of one tablet server; the JVMs as they are shipped, with the compiler at its best."""
    name = "Fluss 0.9.1"

    def __init__(self):
        self.cluster = cluster.Cluster(tablets=1, heap="1g", flags=[]).start()
        self.bootstrap = self.cluster.bootstrap
        for process in self.cluster.processes.values():
            pin_threads(process.pid, SERVER_CORE)

    def pids(self):
        return [self.cluster.pid(name) for name in ("tablet-0", "coordinator", "zookeeper")]

    def stop(self):
        self.cluster.stop()


class Client:
    def __init__(self, bootstrap):
        self.process = subprocess.Popen([jars.java(), "-Xmx1g", *jars.JVM, "-cp",
                                         jars.class_path(os.path.join(here, "..", "..", "interop", "fluss", "pom.xml")),
                                         os.path.join(here, "FlussBench.java"), bootstrap],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=pin(CLIENT_CORE))

    def run(self, workload):
        self.process.stdin.write(workload + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"bench: the client died in '{workload}'")
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def measure(server, run):
    """The client's result, with [CPU seconds, peak MiB] of each process; the first is the one that serves rows."""
    pids = server.pids()
    for pid in pids:
        peak_reset(pid)
    before = [cpu_seconds(pid) for pid in pids]
    result = run()
    result["each"] = [(cpu_seconds(pid) - cpu, peak_mib(pid)) for pid, cpu in zip(pids, before)]
    result["cpu"], result["peak"] = (sum(column) for column in zip(*result["each"]))
    return result


def rate(result):
    return result["rows"] / result["seconds"]


def show(name, server, result):
    cpu = result["cpu"] / result["rows"] * 1e6
    print(f"{name:23} {server.name:11} {rate(result) / 1e3:8.1f} {result['p50_ms']:8.2f} {result['p99_ms']:8.2f} {cpu:7.2f} {result['peak']:5.0f}",
          flush=True)


def compare(ours, real):
    """What is asked for: no lower throughput, a third of the CPU per row, a tenth of the memory."""
    def against(cpu, peak):
        return f"1/{cpu / real['rows'] / max(ours['cpu'] / ours['rows'], 1e-12):.1f} of the CPU per row, 1/{peak / ours['peak']:.1f} of the memory"
    print(f"  ours: {rate(ours) / rate(real):.2f} of the throughput, {against(real['cpu'], real['peak'])}\n"
          f"  against the tablet server alone: {against(*real['each'][0])}", flush=True)


def main(arguments):
    only = arguments[arguments.index("--only") + 1] if "--only" in arguments else ""
    quick = "--quick" in arguments
    sluice, lookups = arguments[0], arguments[1]
    signal.signal(signal.SIGTERM, cluster.interrupted)
    servers, clients = [], []
    try:
        servers.append(Ours(sluice))
        servers.append(Real())
        clients += [Client(server.bootstrap) for server in servers]
        print(f"servers on core {SERVER_CORE}, clients on core {CLIENT_CORE}; krows/s and latency at the client, CPU s per million rows and "
              "peak MiB\nof the server\n")
        print(f"{'':23} {'server':11} {'krows/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'CPU s/M':>7} {'MiB':>5}")
        for name, workload, shorter in WORKLOADS:
            needed = only in name or only in workload.split()[0]
            results = []
            for server, client in zip(servers, clients):
                if needed or workload.startswith("upsert 1"):  # lookups need its rows
                    client.run(shorter)
                if needed:
                    results.append(measure(server, lambda: client.run(shorter if quick else workload)))
                    show(name, server, results[-1])
            if needed:
                compare(*results)
        if only in "lookup, our client":
            for server in servers:
                run = subprocess.run([lookups, server.bootstrap, "2000"], stdout=subprocess.PIPE, text=True, check=True, preexec_fn=pin(CLIENT_CORE))
                got = json.loads(run.stdout)
                print(f"{'lookup, our client':23} {server.name:11} {rate(got) / 1e3:8.1f} {got['p50_ms']:8.3f} {got['p99_ms']:8.3f}")
        return 0
    except jars.Missing as missing:
        print("SKIPPED:", missing)
        return 77
    except cluster.Failed as failed:
        print("bench:", failed, file=sys.stderr)
        return 1
    finally:
        for client in clients:
            client.stop()
        for server in servers:
            server.stop()


if __name__ == "__main__":
    begun = time.monotonic()
    status = main(sys.argv[1:])
    print(f"\n{time.monotonic() - begun:.0f} s", file=sys.stderr)
    sys.exit(status)
