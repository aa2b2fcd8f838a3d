#!/usr/bin/env python3
"""flink_after_care.py SLUICE: Flink's tiering job goes on with tables that `sluice lake` compacted, expired and cleaned under it.

Our server has a log table and a primary-key table; Flink's tiering job brings both into Iceberg, round after round. Then, while it runs,
`sluice lake compact`, `expire` and `orphans` do their work, more rows come, the job tiers them, and Flink's union read and our verify
find everything. 77 where there is no JDK or Maven.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import flink  # noqa: E402
from flink import cluster, jars  # noqa: E402
from flink_on_sluice import Server, same, stop  # noqa: E402

ROUNDS, ROWS = 4, 20  # rounds before and after, rows in each
LAKE = ["--table.datalake.enabled", "true", "--table.datalake.freshness", "1s"]
TABLES = [
    ["shop.event", "id BIGINT, what STRING", "--bucket-key", "id", "--buckets", "2", *LAKE],
    ["shop.item", "id BIGINT NOT NULL, price INT", "--primary-key", "id", "--buckets", "2", *LAKE],
]


class Table:
    """What there is to be read."""

    def __init__(self, sluice, server, warehouse):
        self.sluice, self.server, self.warehouse = sluice, server, warehouse
        self.events, self.items, self.rounds = [], {}, 0

    def run(self, *words, fails=False):
        run = subprocess.run([self.sluice, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        if run.returncode != 0 and not fails:
            raise AssertionError(f"sluice {' '.join(words)[:200]}: status {run.returncode}\n{run.stdout[-3000:]}{run.stderr[-2000:]}")
        return run.stdout

    def sql(self, statements, fails=False):
        return self.run("sql", "-f", "csv", "-e", statements, "--fluss.bootstrap.servers", self.server.address,
                        "--datalake.iceberg.warehouse", self.warehouse, fails=fails)

    def lake(self, verb, table, *words):
        return json.loads(self.run("lake", verb, table, "--json", "--datalake.iceberg.warehouse", self.warehouse, *words))

    def insert(self):
        first = self.rounds * ROWS
        self.rounds += 1
        new = [(first + i, f"e{first + i}") for i in range(ROWS)]
        changed = {i: self.rounds for i in range(self.rounds, self.rounds + ROWS)}  # half of them were there before
        self.events += new
        self.items.update(changed)
        self.sql("INSERT INTO shop.event VALUES " + ", ".join(f"({i}, '{what}')" for i, what in new))
        self.sql("INSERT INTO shop.item VALUES " + ", ".join(f"({i}, {price})" for i, price in changed.items()))

    def tiered(self):
        """Whether the lake alone holds all of it."""
        got = self.sql("SELECT count(*) FROM shop.event$lake", fails=True).split()[-1:]
        sums = self.sql("SELECT count(*), sum(price) FROM shop.item$lake", fails=True).split()[-1:]
        return got == [str(len(self.events))] and sums == [f"{len(self.items)},{sum(self.items.values())}"], (got, sums)


def judge(sluice, server, engine, folder):
    warehouse = os.path.join(folder, "warehouse")
    table = Table(sluice, server, warehouse)
    table.sql("CREATE DATABASE shop")
    for words in TABLES:
        table.run("tables", "create", *words, "-b", server.address)
    job = engine.start("tiering", flink.TIERING, "--fluss.bootstrap.servers", server.address, "--datalake.format", "iceberg",
                       "--datalake.iceberg.type", "hadoop", "--datalake.iceberg.warehouse", warehouse)

    def rounds(what):
        for i in range(ROUNDS):
            table.insert()

            def there():
                engine.alive(job, "tiering")
                return table.tiered()
            flink.until(f"round {i + 1} {what}", 180, there)
        print(f"ok: {ROUNDS} rounds {what}, by Flink's tiering job", flush=True)

    rounds("before")
    for name in ("shop.event", "shop.item"):
        before = table.lake("files", name)
        did = table.lake("compact", name)
        gone = table.lake("expire", name, "--older-than", "0s", "-b", server.address)
        lost = table.lake("orphans", name)
        after = table.lake("files", name)
        if did["files_before"] < ROUNDS or gone["snapshots"] < 1 or len(after) >= len(before):
            raise AssertionError(f"{name}: nothing to take care of: {did} {gone}")
        if any(file["content"] == "equality deletes" for file in after):
            raise AssertionError(f"{name}: {after}")
        print(f"ok: {name}: {len(before)} files became {len(after)}, {gone['snapshots']} snapshots went, {lost['orphans']} orphans", flush=True)
        table.lake("verify", name)
    rounds("after compaction and expiry")
    for name in ("shop.event", "shop.item"):
        table.lake("verify", name)
    stop(job)
    table.insert()  # what only the stream has
    out = engine.sql("union", f"CREATE CATALOG it WITH ('type' = 'fluss', 'bootstrap.servers' = '{server.address}');\nUSE CATALOG it;\nUSE shop;\n"
                     "SET 'execution.runtime-mode' = 'batch';\nSELECT id, what FROM event;\n")
    same([row for row in flink.rows(out) if row[0].isdigit()], [[str(i), what] for i, what in table.events], "Flink's union read of the log table")
    got = table.sql("SELECT count(*), sum(price), sum(id) FROM shop.item").split()[-1]
    if got != f"{len(table.items)},{sum(table.items.values())},{sum(table.items)}":
        raise AssertionError(f"our union read of the primary-key table: {got}")
    print("ok: the union read of the primary-key table", flush=True)


def main(arguments):
    folder = tempfile.mkdtemp(prefix="sluice-flink-care-")
    engine = server = None
    try:
        engine = flink.Flink(os.path.join(folder, "flink"))
        server = Server(arguments[0], folder)
        judge(arguments[0], server, engine, folder)
        return 0
    except jars.Missing as missing:
        print("SKIPPED:", missing)
        return 77
    except (AssertionError, cluster.Failed, subprocess.TimeoutExpired) as wrong:
        print("flink_after_care:", wrong)
        return 1
    finally:
        if engine:
            engine.stop()
        if server:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
