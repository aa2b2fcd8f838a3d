"""race.py SLUICE [SECONDS]: two tiering services, a compactor and an expirer race on two tables (a log, a primary key) of a real REST catalog
and a real S3 server, in bad weather between them and both: answers lost or late, 409, 429, 5xx, uploads cut. Rows are written meanwhile; the
services are killed and stopped for a while, and the table server is killed, so that both may commit a round of one table.

At the end the sky clears. Then pyiceberg, DuckDB and Java must read every row once, `sluice lake verify` must find nothing, and after
`sluice lake orphans` nothing may lie below the tables that no snapshot, as pyiceberg reads them, needs. SLUICE_SEED names another weather.
"""
import collections
import csv
import glob
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import front  # noqa: E402
import readers  # noqa: E402
import servers  # noqa: E402
from judge import Wrong, is_commit, must  # noqa: E402
from servers import cluster, jars  # noqa: E402

ROWS = 400         # one INSERT
KEYS = 900         # of the primary-key table
SETTLE_SECONDS = 150
REST_KINDS = ["before-drop", "after-drop", "before-500", "after-500", "after-503", "before-503", "before-409", "before-429", "slow"]
S3_KINDS = ["before-drop", "after-drop", "before-500", "after-500", "before-503", "cut", "slow"]
JOB = """job: {name}
params: {{ fluss.bootstrap.servers: 127.0.0.1:9123, datalake.format: iceberg, datalake.iceberg.type: rest, datalake.iceberg.uri: "" }}
operators:
  - {{ id: rounds, use: fluss_tiering_source, with: {{ poll-interval: 100ms, pause: 200ms }} }}
  - {{ id: files, use: iceberg_writer, from: rounds }}
  - {{ id: commits, use: iceberg_committer, from: files, partition: {{ hash: [table_id] }}, with: {{ compaction: on, upkeep-interval: 3s }} }}
"""


class Race:
    def __init__(self, sluice, lake, folder, seconds, seed):
        self.sluice, self.lake, self.folder, self.seconds = sluice, lake, folder, seconds
        self.random = random.Random(seed)
        self.over = threading.Event()
        self.gate = threading.Lock()  # whoever needs the table server, and who kills it
        self.fed, self.keys = 0, {}
        self.counts = collections.Counter()
        self.trouble = []
        self.port, = cluster.free_ports(1)
        self.address = f"127.0.0.1:{self.port}"
        self.environment = {**{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SLUICE_"))}, **lake.keys()}
        self.server, self.services = None, {}
        self.job = os.path.join(folder, "race.yaml")

    # ---- what runs ----

    def launch(self, name, words):
        with open(os.path.join(self.folder, name + ".log"), "ab") as log:
            return subprocess.Popen([self.sluice, *words], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    preexec_fn=cluster.die_with_parent)

    def serve(self):
        self.server = self.launch("server", ["server", "--listen", self.address, "--data-dir", os.path.join(self.folder, "data"),
                                             "--datalake.format", "iceberg", *self.lake.settings()])
        deadline = time.monotonic() + 30
        while not cluster.port_open(self.port):
            must("the table server does not start: " + self.log("server"), self.server.poll() is None and time.monotonic() < deadline)
            time.sleep(0.05)

    def service(self, name):
        self.services[name] = self.launch(name, ["run", "--local", self.job, "--fluss.bootstrap.servers", self.address, *self.weather_settings])

    def log(self, name):
        with open(os.path.join(self.folder, name + ".log"), errors="replace") as log:
            return log.read()[-1500:]

    def process(self, name):
        return self.server if name == "server" else self.services.get(name)

    def stop(self):
        for process in [self.server, *self.services.values()]:
            if process is not None:
                process.kill()
                process.wait()

    def sql(self, text):
        done = subprocess.run([self.sluice, "sql", "-b", self.address, "-f", "csv", "-e", text, *self.lake.settings()], env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        must(f"{text}: {done.stderr[-1500:]}", done.returncode == 0)
        return list(csv.reader(io.StringIO(done.stdout)))[1:]

    def care(self, *words, settings=None):
        done = subprocess.run([self.sluice, "lake", *words, *(settings or self.lake.settings())], env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=180)
        return done.returncode, done.stdout

    # ---- what they do, each on a thread ----

    def feed(self):
        """Only what was acknowledged counts; the server is not killed meanwhile."""
        while not self.over.is_set():
            with self.gate:
                begin = self.fed
                self.sql(f"insert into events with recursive n(i) as (select {begin} union all select i + 1 from n where i < {begin + ROWS - 1}) "
                         "select i, 'd' || (i % 3), 'n' || i from n")
                self.fed += ROWS
                keys, version = {self.random.randrange(KEYS) for _ in range(150)}, begin
                self.sql("insert into accounts values " + ", ".join(f"({key}, {version})" for key in sorted(keys)))
                self.keys.update(dict.fromkeys(keys, version))
            self.over.wait(0.2)

    def compact(self):
        while not self.over.is_set():
            for table in ("fluss.events", "fluss.accounts"):
                status, _ = self.care("compact", table, settings=self.weather_settings)
                self.counts["compactions", status == 0] += 1
            self.over.wait(1)

    def expire(self):
        while not self.over.is_set():
            for table in ("fluss.events", "fluss.accounts"):
                status, _ = self.care("expire", table, "--older-than", "2s", settings=self.weather_settings)
                self.counts["expiries", status == 0] += 1
            self.over.wait(1)

    def disturb(self):
        """A service dies or sleeps, or the table server dies, which makes what both hold stale. On the main thread: what a thread launched
        dies with it."""
        end = time.monotonic() + self.seconds
        self.over.wait(3)
        while not self.over.is_set() and time.monotonic() < end:
            what = self.random.choice(["kill", "sleep", "server"])
            name = self.random.choice(list(self.services))
            self.counts[what] += 1
            if what == "kill":
                self.services[name].kill()
                self.services[name].wait()
                self.service(name)
            elif what == "sleep":
                self.services[name].send_signal(signal.SIGSTOP)
                self.over.wait(self.random.uniform(0.5, 6))
                self.services[name].send_signal(signal.SIGCONT)
            else:
                with self.gate:
                    self.server.kill()
                    self.server.wait()
                    self.serve()
            self.over.wait(self.random.uniform(1, 5))
        self.over.set()

    def guarded(self, work):
        try:
            work()
        except Exception as failure:  # noqa: BLE001: said at the end, by the main thread
            self.trouble.append(f"{work.__name__}: {failure}")
            self.over.set()

    # ---- the race ----

    def run(self, catalog_weather, file_weather):
        with front.Front(self.lake.rest_uri, faults=catalog_weather) as catalog, front.Front(self.lake.s3_endpoint, faults=file_weather) as files:
            self.weather_settings = self.lake.settings(catalog.url, files.url)
            with open(self.job, "w") as file:
                file.write(JOB.format(name="race"))
            self.serve()
            options = "WITH ('bucket.num' = '2', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '500ms'"
            self.sql(f"create table events (id BIGINT, day STRING, name STRING) {options}, 'bucket.key' = 'id')")
            self.sql(f"create table accounts (id BIGINT NOT NULL, version BIGINT, PRIMARY KEY (id)) {options})")
            for name in ("first", "second"):
                self.service(name)
            threads = [threading.Thread(target=self.guarded, args=(work,), daemon=True)
                       for work in (self.feed, self.compact, self.expire)]
            for thread in threads:
                thread.start()
            self.guarded(self.disturb)
            for thread in threads:
                thread.join()
            must("; ".join(self.trouble), not self.trouble)
            catalog_weather.calm = file_weather.calm = True
            self.settle()

    def settle(self):
        """The services go on under a clear sky until all is in the lake."""
        deadline = time.monotonic() + SETTLE_SECONDS
        wanted = [[str(self.fed)]]
        while (seen := self.sql("select count(*) from events$lake")) != wanted:
            must(f"the lake has {seen} rows of {wanted}: " + self.log("first") + self.log("second"), time.monotonic() < deadline)
            time.sleep(0.5)
        wanted = sorted((key, version) for key, version in self.keys.items())
        while readers.duckdb(self.lake, "fluss.accounts", ["id", "version"]) != wanted:
            must("DuckDB does not read the accounts as they are: " + self.log("first") + self.log("second"), time.monotonic() < deadline)
            time.sleep(0.5)

    # ---- the judges ----

    def check_events(self):
        columns = ["id", "day", "name"]
        wanted = [(i, f"d{i % 3}", f"n{i}") for i in range(self.fed)]
        for who, rows in (("pyiceberg", readers.pyiceberg(self.lake, "fluss.events", columns)),
                          ("DuckDB", readers.duckdb(self.lake, "fluss.events", columns))):
            twice = [row for row, count in collections.Counter(rows).items() if count > 1]
            must(f"{who} reads {len(rows)} events of {self.fed}, {len(twice)} of them more than once: {twice[:5]}", rows == wanted)
        must("Java reads other events", readers.java(self.lake, "fluss.events", columns) == readers.as_texts(wanted))

    def check_accounts(self):
        wanted = sorted(self.keys.items())
        must("DuckDB reads other accounts", readers.duckdb(self.lake, "fluss.accounts", ["id", "version"]) == wanted)
        must("Java reads other accounts", readers.java(self.lake, "fluss.accounts", ["id", "version"]) == readers.as_texts(wanted))

    def files_needed(self, name):
        """Below the table's location, by pyiceberg: metadata, manifest lists, manifests, and files that any snapshot has."""
        table = readers.pyiceberg_table(self.lake, name)
        needed = {table.metadata_location} | {entry.metadata_file for entry in table.metadata.metadata_log}
        for snapshot in table.metadata.snapshots:
            needed.add(snapshot.manifest_list)
            for manifest in snapshot.manifests(table.io):
                needed.add(manifest.manifest_path)
                needed.update(entry.data_file.file_path for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True))
        return table.location(), needed

    def check_left(self, table):
        """(5): what no snapshot needs was found."""
        status, said = self.care("verify", table)
        must(f"verify of {table}: {said}", status == 0)
        status, said = self.care("orphans", table, "--older-than", "0s", "--force")
        must(f"orphans of {table}: {said}", status == 0)
        location, needed = self.files_needed(table)
        root = os.path.join(self.lake.folder, "s3")
        place = os.path.join(root, location.partition("://")[2])
        there = {"s3://" + os.path.relpath(path, root) for path in glob.glob(place + "/**", recursive=True) if os.path.isfile(path)}
        must(f"{table}: files are missing: {sorted(needed - there)[:5]}", needed <= there)
        must(f"{table}: orphans that were not found: {sorted(there - needed)[:5]}", there <= needed)
        return said.strip().splitlines()[-1] if said.strip() else ""


def race(sluice, lake, seconds, seed):
    catalog_weather = front.Faults(seed, 5, REST_KINDS, lambda method, path: method == "GET" or is_commit(method, path))
    file_weather = front.Faults(seed + 1, 12, S3_KINDS, is_s3=True)
    with tempfile.TemporaryDirectory() as folder:
        one = Race(sluice, lake, folder, seconds, seed)
        try:
            one.run(catalog_weather, file_weather)
            one.check_events()
            one.check_accounts()
            left = [one.check_left(table) for table in ("fluss.events", "fluss.accounts")]
            one.check_events()
            one.check_accounts()
        except Exception:
            for name in ("server", "first", "second"):
                print(f"---- {name}, {'it ended' if one.process(name) is None or one.process(name).poll() is not None else 'it runs'}:\n{one.log(name)}")
            raise
        finally:
            one.stop()
    print(f"race: {one.fed} events and {len(one.keys)} accounts once each; seed {seed}; of the catalog {catalog_weather.met}, of the files "
          f"{file_weather.met}; {dict(one.counts)}; {left}", flush=True)
    must("there was hardly any weather", min(sum(catalog_weather.met.values()), sum(file_weather.met.values())) > seconds / 2)


if __name__ == "__main__":
    chosen = int(os.environ.get("SLUICE_SEED", "11"))
    try:
        with servers.Lake() as one_lake:
            race(sys.argv[1], one_lake, int(sys.argv[2]) if len(sys.argv) > 2 else 30, chosen)
    except jars.Missing as missing:
        print("SKIPPED:", missing)
        sys.exit(77)
    except (Wrong, servers.Failed, RuntimeError) as problem:
        print(f"race: WRONG (SLUICE_SEED={chosen}): {problem}")
        sys.exit(1)
