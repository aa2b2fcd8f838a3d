#!/usr/bin/env python3
"""lakes_on_fluss.py SLUICE JOBS: our tiering of a primary-key table and of partitioned tables from a real Fluss cluster.

The Java coordinator makes the lake tables, tablet servers of Fluss keep the rows (and kv snapshots of them, from which the first round
reads); our client writes, our job tiers, and the lake holds exactly what the tables hold, after updates, too. 77 where there is no JDK or
Maven.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import flink  # noqa: E402
from flink import cluster, jars  # noqa: E402
from flink_on_sluice import same, stop  # noqa: E402
from sluice_on_fluss import Ours, lake_settings, plugins  # noqa: E402

LAKE = ["--table.datalake.enabled", "true", "--table.datalake.freshness", "1s", "--buckets", "2"]
TABLES = {
    "balance": ["id BIGINT NOT NULL, name STRING", "--primary-key", "id"],
    "visits": ["id BIGINT NOT NULL, day STRING NOT NULL", "--partitioned-by", "day", "--bucket-key", "id"],
    "sales": ["shop STRING NOT NULL, day STRING NOT NULL, amount BIGINT", "--primary-key", "shop,day", "--partitioned-by", "day",
              "--bucket-key", "shop"],
}


def load(ours, table, rows):
    run = subprocess.run([ours.sluice, "tables", "load", f"fluss.{table}", "-", "--format", "json", "-b", ours.address],
                         input="".join(json.dumps(row) + "\n" for row in rows), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=120)
    if run.returncode != 0:
        raise AssertionError(f"load {table}: {run.stdout[-2000:]}")


class Rows:
    def __init__(self):
        self.balance, self.visits, self.sales, self.turn = {}, [], {}, 0

    def change(self, ours):
        self.turn += 1
        changed = {number: f"v{self.turn}" for number in range(50 * self.turn, 50 * self.turn + 100)}
        new = [(1000 * self.turn + number, f"d{number % 2 + self.turn}") for number in range(60)]
        sold = {(f"shop{number}", day): self.turn for number in range(20) for day in ("d1", f"d{self.turn}")}
        load(ours, "balance", [{"id": number, "name": name} for number, name in changed.items()])
        load(ours, "visits", [{"id": number, "day": day} for number, day in new])
        load(ours, "sales", [{"shop": shop, "day": day, "amount": amount} for (shop, day), amount in sold.items()])
        self.balance.update(changed)
        self.visits += new
        self.sales.update(sold)

    def of(self, table):
        if table == "balance":
            return [[str(number), name] for number, name in self.balance.items()]
        if table == "visits":
            return [[str(number), day] for number, day in self.visits]
        return [[shop, day, str(amount)] for (shop, day), amount in self.sales.items()]


def in_lake(ours, rows, columns):
    for table in TABLES:
        try:
            out = ours.sql(f"SELECT {columns[table]} FROM fluss.{table}$lake")
        except AssertionError as why:  # no snapshot yet
            return False, str(why)[-300:]
        got = [line.split(",") for line in out.splitlines()[1:]]
        if sorted(got) != sorted(rows.of(table)):
            return False, (table, len(got), len(rows.of(table)))
    return True, None


def judge(sluice, jobs, folder):
    columns = {"balance": "id, name", "visits": "id, day", "sales": "shop, day, amount"}
    settings = {**lake_settings(os.path.join(folder, "warehouse")), "kv.snapshot.interval": "1s"}
    with cluster.Cluster(tablets=1, settings=settings, plugins=plugins(folder)) as real:
        ours = Ours(sluice, jobs, real.bootstrap, os.path.join(folder, "warehouse"))
        rows = Rows()
        for table, words in TABLES.items():
            ours.run("tables", "create", f"fluss.{table}", *words, *LAKE, "-b", ours.address)
        rows.change(ours)
        time.sleep(5)  # a kv snapshot is taken
        tiering = ours.start("tiering")
        try:
            for _ in range(3):
                flink.until(f"turn {rows.turn}: the lake holds what Fluss holds", 240, lambda: in_lake(ours, rows, columns))
                print(f"ok: turn {rows.turn}", flush=True)
                rows.change(ours)
            flink.until("the last turn", 240, lambda: in_lake(ours, rows, columns))
        finally:
            stop(tiering)
        first = ours.sql("SELECT count(*) FROM fluss.balance$lake WHERE __offset = -1").split()[-1]
        print(f"ok: {first} rows of balance are still those of a kv snapshot", flush=True)
        same([line.split(",") for line in ours.sql("SELECT id, name FROM fluss.balance").splitlines()[1:]], rows.of("balance"),
             "our union read of balance")


def main(arguments):
    with tempfile.TemporaryDirectory(prefix="sluice-lakes-", ignore_cleanup_errors=True) as folder:
        try:
            flink.class_path()
            judge(arguments[0], arguments[1], folder)
            return 0
        except jars.Missing as missing:
            print("SKIPPED:", missing)
            return 77
        except AssertionError as wrong:
            print("lakes_on_fluss:", wrong)
            if os.path.exists(os.path.join(folder, "tiering.log")):
                print(open(os.path.join(folder, "tiering.log")).read()[-1500:])
            return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
