#!/usr/bin/env python3
"""bench.py SLUICE JOBS FILES [--quick] [--only WORD]: our tiering and Flink's bring the same rows into a lake, in turn, in one call.

SLUICE is the program, JOBS the folder of tiering.yaml, FILES our Parquet reader and writer alone (bench_lake_files). Each side has a table
server of ours with the same rows and a lake of its own; tables: the seed's frauds (three columns), events (12), wide (100); lakes: a
directory, then a REST catalog with its files in S3. What a tiering costs is counted from when it has the table to the commit that completes
it: of ours, a process per table, from the start of the process; of Flink's, one JVM (job and task manager), from its log's "has been
requested"; its first table (cold) is told apart. CPU seconds and peak memory are those of the tiering process; the server's CPU is beside
them. DuckDB counts both lakes. Then the files that Flink wrote into the directory are read and written by ours, DuckDB and pyarrow
(files.py). A WORD names a table or a lake. 77 where there is no JDK or Maven.
"""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, ".."), *(os.path.join(here, "..", "..", "interop", name) for name in ("lake", "flink"))]
import files  # noqa: E402
import flink  # noqa: E402
import servers  # noqa: E402
from flink import cluster, jars  # noqa: E402
from flink_on_sluice import Server  # noqa: E402
from processes import cpu_seconds, peak_mib, peak_reset  # noqa: E402

WAIT_SECONDS = 600
STEP_SECONDS = 0.02
# What a new table waits before it is due; Flink's service cuts a round that lasts longer.
FRESHNESS = "30s"
FRAUD = "transactionId BIGINT, accountId BIGINT, name STRING"
EVENTS = ("id BIGINT, userId BIGINT, at TIMESTAMP(3), kind STRING, page STRING, referrer STRING, device STRING, country STRING, "
          "amount DECIMAL(12,2), price DOUBLE, quantity INT, done BOOLEAN")
WIDE = "id BIGINT, " + ", ".join(f"c{number} {('STRING', 'BIGINT', 'DOUBLE', 'INT', 'DECIMAL(10,2)', 'TIMESTAMP(3)')[number % 6]}"
                                 for number in range(1, 100))
# name, columns, rows, rows when quick; the first one only warms Flink up.
TABLES = [("first", FRAUD, 5000000, 500000), ("fraud", FRAUD, 5000000, 1000000), ("events", EVENTS, 1000000, 100000), ("wide", WIDE, 100000, 20000)]
MADE = """job: load
operators:
  - {{ id: made, use: datagen, with: {{ kind: columns, columns: "{columns}", rows: {rows} }} }}
  - {{ id: stored, use: fluss_sink, from: made, with: {{ table: {table} }} }}
"""
MADE_FRAUD = """job: load
operators:
  - {{ id: made, use: datagen, with: {{ kind: transactions, rows: {rows} }} }}
  - id: named
    use: project
    from: made
    with: {{ columns: {{ transactionId: id, accountId: "mod(id, 4) + 1006", name: "concat('account', cast(mod(id, 4) + 1006 as string))" }} }}
  - {{ id: stored, use: fluss_sink, from: named, with: {{ table: {table} }} }}
"""


class Wrong(Exception):
    """A lake does not hold what it must, or somebody did not do his work; said in a sentence."""


class Directory:
    """A lake in a folder."""
    name, env, jars = "directory", {}, ()

    def __init__(self, folder):
        self.warehouse = os.path.join(folder, "warehouse")
        self.settings = ["--datalake.iceberg.type", "hadoop", "--datalake.iceberg.warehouse", self.warehouse]
        self.files = self.warehouse

    def stop(self):
        pass


class S3:
    """A lake behind a REST catalog, its files in S3."""
    name = "S3"

    def __init__(self, unused):
        self.lake = servers.Lake().start()
        self.env, self.settings = self.lake.keys(), self.lake.settings()
        self.files = os.path.join(self.lake.folder, "s3", self.lake.bucket, "wh")  # versitygw keeps a bucket in a folder
        self.jars = [jar for jar in self.lake.class_path.split(":") if "iceberg-aws-bundle" in jar]

    def stop(self):
        self.lake.stop()


class Side:
    """A table server and where its tables go."""

    def __init__(self, sluice, place, database, folder):
        self.sluice, self.place, self.database, self.folder = sluice, place, database, folder
        os.makedirs(folder)
        os.environ.update(place.env)
        self.server = Server(sluice, folder, place.settings)

    def add(self, name, columns, rows):
        """A table with its rows; it is due when its freshness has passed."""
        self.run("tables", "create", f"{self.database}.{name}", columns, "--create-database", "--buckets", "4", "--bucket-key", columns.split()[0],
                 "--table.datalake.enabled", "true", "--table.datalake.freshness", FRESHNESS)
        self.load(name, columns, rows)

    def run(self, *words):
        done = subprocess.run([self.sluice, *words, "-b", self.server.address], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise Wrong(f"sluice {' '.join(words)[:200]}: {done.stdout[-2000:]}")

    def load(self, name, columns, rows):
        job = os.path.join(self.folder, "load.yaml")
        with open(job, "w") as file:
            file.write((MADE_FRAUD if columns == FRAUD else MADE).format(columns=columns, rows=rows, table=f"{self.database}.{name}"))
        done = subprocess.run([self.sluice, "run", "--local", job, "--fluss.bootstrap.servers", self.server.address], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise Wrong(f"loading {name}: {done.stdout[-2000:]}")

    def metadata(self, table):
        """The files of a table's metadata, the newest last."""
        return sorted(glob.glob(os.path.join(self.place.files, self.database, table, "metadata", "*.metadata.json")), key=os.path.getmtime)

    def lake_rows(self, table):
        """How many rows the newest metadata says that there are."""
        try:
            with open(self.metadata(table)[-1]) as file:
                said = json.load(file)
        except (IndexError, ValueError, OSError):  # none yet, or half written
            return 0
        current = [shot for shot in said.get("snapshots", []) if shot["snapshot-id"] == said.get("current-snapshot-id")]
        return int(current[0]["summary"]["total-records"]) if current else 0

    def stop(self):
        self.server.stop()


class Meter:
    """What a tiering process and its server have spent since the meter was made."""

    def __init__(self, pid, server):
        self.pid, self.server = pid, server
        self.at, self.cpu, self.server_cpu = time.monotonic(), cpu_seconds(pid), cpu_seconds(server)

    def read(self):
        return {"seconds": time.monotonic() - self.at, "cpu": cpu_seconds(self.pid) - self.cpu, "server": cpu_seconds(self.server) - self.server_cpu,
                "peak": peak_mib(self.pid)}


def ours(side, jobs, name, rows):
    """One table by a process of ours."""
    with open(os.path.join(side.folder, "tiering.log"), "a") as log:
        process = subprocess.Popen([side.sluice, "run", "--local", os.path.join(jobs, "tiering.yaml"), "--tables", f"{side.database}.{name}",
                                    "--fluss.bootstrap.servers", side.server.address, *side.place.settings], stdout=log, stderr=log,
                                   preexec_fn=cluster.die_with_parent)
    try:
        begun = time.monotonic()
        server = cpu_seconds(side.server.process.pid)
        while side.lake_rows(name) != rows:
            if process.poll() is not None or time.monotonic() > begun + WAIT_SECONDS:
                with open(os.path.join(side.folder, "tiering.log")) as log:
                    raise Wrong(f"our tiering did not bring {name}: {log.read()[-2000:]}")
            time.sleep(STEP_SECONDS)
        return {"seconds": time.monotonic() - begun, "cpu": cpu_seconds(process.pid), "peak": peak_mib(process.pid),
                "server": cpu_seconds(side.server.process.pid) - server}
    finally:
        process.terminate()
        process.wait()


class Theirs:
    """Flink's service, in one JVM; its log tells of its rounds."""

    def __init__(self, side):
        self.side = side
        self.engine = flink.Flink(os.path.join(side.folder, "flink"), flags=(), more_jars=side.place.jars)
        self.jvm = self.engine.start("tiering", flink.TIERING, "--fluss.bootstrap.servers", side.server.address, "--datalake.format", "iceberg",
                                     *side.place.settings)
        self.log_read = 0

    def requested(self, name):
        """Whether its log says that it was given the table, in what was not read yet."""
        path = os.path.join(self.engine.folder, "tiering.log")
        if not os.path.exists(path):
            return False
        with open(path, errors="replace") as log:
            log.seek(self.log_read)
            text = log.read()
            self.log_read = log.tell()
        return re.search(rf"Tiering table .*\b{self.side.database}\.{name}\b.* has been requested", text) is not None

    def tier(self, name, rows):
        """What one table cost: the sum of its rounds, each from its request to its commit. `waited` is the time before the first of them."""
        begun, cost, meter, seen = time.monotonic(), {"seconds": 0, "cpu": 0, "server": 0, "peak": 0}, None, 0
        peak_reset(self.jvm.pid)
        while seen != rows:
            if self.requested(name):
                cost.setdefault("waited", time.monotonic() - begun)
                meter = Meter(self.jvm.pid, self.side.server.process.pid)
            now = self.side.lake_rows(name)
            if meter and now > seen:
                spent, seen, meter = meter.read(), now, None
                cost.update({key: max(value, cost[key]) if key == "peak" else cost[key] + value for key, value in spent.items()})
            self.engine.alive(self.jvm, "tiering")
            if time.monotonic() > begun + WAIT_SECONDS:
                raise Wrong(f"Flink's tiering did not bring {name} within {WAIT_SECONDS} s\n{self.engine.log('tiering')}")
            time.sleep(STEP_SECONDS)
        return cost


def duckdb_rows(side, name):
    """By a reader that is neither's; the newest metadata lies in a folder either way."""
    import readers
    connection = readers.duckdb_connection(side.place.lake if side.place.name == "S3" else None)
    newest = side.metadata(name)[-1]
    if side.place.name == "S3":
        newest = f"{side.place.lake.warehouse}/{os.path.relpath(newest, side.place.files)}"
    return connection.execute(f"SELECT count(*) FROM iceberg_scan('{newest}')").fetchone()[0]


def data_files(side, name):
    return sorted(glob.glob(os.path.join(side.place.files, side.database, name, "data", "**", "*.parquet"), recursive=True))


def data_bytes(side, name):
    return sum(os.path.getsize(path) for path in data_files(side, name))


def show(title, who, rows, cost, size):
    print(f"{title:18} {who:8} {rows / cost['seconds'] / 1e3:9.0f} {cost['seconds']:7.2f} {cost['cpu'] / rows * 1e6:8.3f} "
          f"{rows / cost['cpu'] / 1e6:8.3f} {cost['server'] / rows * 1e6:8.3f} {cost['peak']:6.0f} {size / rows:7.2f}", flush=True)


def judged(name, rows, place, sides, costs):
    """Both lakes hold every row, says DuckDB; what that cost."""
    counted = [duckdb_rows(side, name) for side in sides]
    if counted != [rows, rows]:
        raise Wrong(f"{name}: DuckDB counts {counted[0]} rows in Flink's lake and {counted[1]} in ours, not {rows}")
    title = f"{name}, {place.name}" if name != "first" else f"fraud cold, {place.name}"
    theirs, mine = costs
    show(title, "Flink", rows, theirs, data_bytes(sides[0], name))
    show(title, "sluice", rows, mine, data_bytes(sides[1], name))
    print(f"  ours: {theirs['cpu'] / mine['cpu']:.1f} times Flink's rows per CPU second, {theirs['seconds'] / mine['seconds']:.1f} times its rows per "
          f"second, 1/{theirs['peak'] / mine['peak']:.1f} of its memory; Flink waited {theirs['waited']:.1f} s first, load average "
          f"{os.getloadavg()[0]:.1f}", flush=True)


def tiering(sluice, jobs, program, place, folder, tables):
    sides, theirs = [], None
    try:
        for database in ("theirs", "ours"):
            sides.append(Side(sluice, place, database, os.path.join(folder, database)))
        theirs = Theirs(sides[0])
        print(f"\n{'':18} {'':8} {'krows/s':>9} {'s':>7} {'CPU s/M':>8} {'M/CPU s':>8} {'server/M':>8} {'MiB':>6} {'B/row':>7}", flush=True)
        for name, columns, rows in tables:
            for side in sides:
                side.add(name, columns, rows)
            cost = theirs.tier(name, rows)
            judged(name, rows, place, sides, (cost, ours(sides[1], jobs, name, rows)))
        theirs.engine.stop()
        for name, _, rows in tables[1:] if place.name == "directory" else ():
            files.compare(program, name, data_files(sides[0], name), rows, folder)
    finally:
        if theirs:
            theirs.engine.stop()
        for side in sides:
            side.stop()


def main(arguments):
    quick = "--quick" in arguments
    only = arguments[arguments.index("--only") + 1] if "--only" in arguments else ""
    sluice, jobs, program = (os.path.abspath(path) for path in arguments[:3])
    signal.signal(signal.SIGTERM, cluster.interrupted)
    places = [place for place in (Directory, S3) if only in place.name] or [Directory, S3]
    tables = [(name, columns, fewer if quick else rows) for name, columns, rows, fewer in TABLES
              if name == "first" or only in name or any(only in place.name for place in (Directory, S3))]
    folder = tempfile.mkdtemp(prefix="sluice-bench-lake-")
    place = None
    try:
        for kind in places:
            room = os.path.join(folder, kind.name)
            place = kind(room)
            tiering(sluice, jobs, program, place, room, tables)
            place.stop()
            place = None
        return 0
    except jars.Missing as missing:
        print("SKIPPED:", missing)
        return 77
    except (Wrong, AssertionError, servers.Failed) as wrong:
        print("bench lake:", wrong, file=sys.stderr)
        return 1
    finally:
        if place:
            place.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    begun = time.monotonic()
    status = main(sys.argv[1:])
    print(f"\n{time.monotonic() - begun:.0f} s", file=sys.stderr)
    sys.exit(status)
