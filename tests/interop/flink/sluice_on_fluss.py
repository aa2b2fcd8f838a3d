#!/usr/bin/env python3
"""sluice_on_fluss.py SLUICE JOBS: our fraud job and our tiering, unchanged, on a real Fluss cluster of two tablet servers and on our own
server, side by side: nothing differs but fluss.bootstrap.servers.

Both times: tables are made, a job of ours loads transactions and accounts, jobs/fraud_detection.yaml finds the frauds,
jobs/tiering.yaml brings them into an Iceberg warehouse, and our SQL counts them in the log, in the lake and in the union. On the real
cluster Fluss's own Java client and coordinator stand on the other side. 77 where there is no JDK or Maven.
"""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import flink  # noqa: E402
from flink import cluster, jars  # noqa: E402
from flink_on_sluice import Server, stop  # noqa: E402

ROWS = 20000
TABLES = [
    ["fluss.transaction", "id BIGINT, accountId BIGINT, createdAt BIGINT, amount DECIMAL(10,2)", "--bucket-key", "accountId"],
    ["fluss.account", "id BIGINT NOT NULL, name STRING, updatedAt BIGINT", "--primary-key", "id"],
    ["fluss.fraud", "transactionId BIGINT, accountId BIGINT, name STRING", "--bucket-key", "transactionId", "--table.datalake.enabled", "true",
     "--table.datalake.freshness", "1s"],
]
LOAD = """job: load-{kind}
operators:
  - {{ id: made, use: datagen, with: {{ kind: {kind}, rows: {rows} }} }}
  - {{ id: stored, use: fluss_sink, from: made, with: {{ table: fluss.{table} }} }}
"""


def lake_settings(warehouse):
    return {"datalake.format": "iceberg", "datalake.iceberg.type": "hadoop", "datalake.iceberg.warehouse": warehouse}


def plugins(folder):
    """What a coordinator needs to make Iceberg tables: a folder of links to jars."""
    place = os.path.join(folder, "plugins", "iceberg")
    os.makedirs(place)
    wanted = [jar for jar in flink.class_path().split(":") if any(name in jar for name in ("fluss-lake-iceberg", "hadoop-apache", "failsafe"))]
    for jar in wanted:
        os.symlink(jar, os.path.join(place, os.path.basename(jar)))
    return os.path.dirname(place)


class Ours:
    def __init__(self, sluice, jobs, address, warehouse):
        self.sluice, self.jobs, self.address, self.warehouse = sluice, jobs, address, warehouse

    def settings(self):
        return ["--fluss.bootstrap.servers", self.address, "--datalake.iceberg.warehouse", self.warehouse]

    def run(self, *words):
        run = subprocess.run([self.sluice, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        if run.returncode != 0:
            raise AssertionError(f"sluice {' '.join(words)[:200]}: status {run.returncode}\n{run.stdout[-2000:]}")
        return run.stdout

    def sql(self, statements):
        return self.run("sql", "-f", "csv", "-e", statements, *self.settings())

    def job(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            self.run("run", "--local", file.name, "--fluss.bootstrap.servers", self.address)

    def start(self, name):
        log = open(os.path.join(os.path.dirname(self.warehouse), f"{name}.log"), "w")
        return subprocess.Popen([self.sluice, "run", "--local", os.path.join(self.jobs, f"{name}.yaml"), *self.settings()], stdout=log,
                                stderr=subprocess.STDOUT, preexec_fn=cluster.die_with_parent)

    def count(self, table):
        return int(self.sql(f"SELECT count(*) FROM {table}").split()[-1])


def walk(ours, name):
    """The whole way; what was found in log, lake and union, with a sum over each that knows every row."""
    for table in TABLES:
        ours.run("tables", "create", *table, "--buckets", "4", "-b", ours.address)
    ours.job(LOAD.format(kind="accounts", table="account", rows=100))
    ours.job(LOAD.format(kind="transactions", table="transaction", rows=ROWS))
    running = [ours.start("fraud_detection"), ours.start("tiering")]
    try:
        def found():
            for process in running:
                if process.poll() is not None:
                    raise AssertionError(f"{name}: a job ended with {process.returncode}: {logs(ours)}")
            count = ours.count("fluss.fraud$log")
            return count == ROWS // 10, count
        flink.until(f"{name}: frauds in the stream", 60, found)

        def tiered():
            try:
                count = ours.count("fluss.fraud$lake")
            except AssertionError as why:  # no snapshot yet
                return False, str(why)[-300:]
            return count == ROWS // 10, count
        flink.until(f"{name}: frauds in the lake", 90, tiered)
    finally:
        for process in running:
            stop(process)
    got = [ours.sql(f"SELECT count(*), count(DISTINCT transactionId), sum(transactionId), sum(accountId), count(name) FROM fluss.fraud{part}")
           .split()[-1] for part in ("$log", "$lake", "")]
    files = int(ours.sql("SELECT sum(record_count) FROM fluss.fraud$files").split()[-1])
    if files != ROWS // 10 or ours.count("fluss.fraud$snapshots") < 1:
        raise AssertionError(f"{name}: the files of the lake's snapshot say {files} rows")
    print(f"ok: {name}: {got[0]} (rows, distinct, sums, names) in log, lake and union", flush=True)
    return got


def logs(ours):
    folder, text = os.path.dirname(ours.warehouse), ""
    for name in ("fraud_detection.log", "tiering.log"):
        if os.path.exists(os.path.join(folder, name)):
            with open(os.path.join(folder, name)) as file:
                text += file.read()[-1500:]
    return text


def judge(sluice, jobs, folder):
    results = {}
    for name in ("own", "real"):
        os.makedirs(os.path.join(folder, name))
        warehouse = os.path.join(folder, name, "warehouse")
        if name == "own":
            server = Server(sluice, os.path.join(folder, name))
            try:
                results[name] = walk(Ours(sluice, jobs, server.address, warehouse), "sluice server")
            finally:
                server.stop()
        else:
            with cluster.Cluster(tablets=2, settings=lake_settings(warehouse), plugins=plugins(folder)) as real:
                results[name] = walk(Ours(sluice, jobs, real.bootstrap, warehouse), "Fluss 0.9.1")
    for name, parts in results.items():
        if len(set(parts)) != 1 or not parts[0].startswith(f"{ROWS // 10},{ROWS // 10},"):
            raise AssertionError(f"{name}: log, lake and union differ: {parts}")
    if results["own"] != results["real"]:
        raise AssertionError(f"the same jobs found different rows: {results}")


def main(arguments):
    folder = tempfile.mkdtemp(prefix="sluice-on-fluss-")
    try:
        flink.class_path()
        judge(arguments[0], arguments[1], folder)
        return 0
    except jars.Missing as missing:
        print("SKIPPED:", missing)
        return 77
    except (AssertionError, cluster.Failed, subprocess.TimeoutExpired) as wrong:
        print("sluice_on_fluss:", wrong)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
