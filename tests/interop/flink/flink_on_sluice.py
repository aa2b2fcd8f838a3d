#!/usr/bin/env python3
"""flink_on_sluice.py SLUICE: the real Flink works on our table server as it would on a cluster.

Flink's SQL client makes a catalog on `sluice server`, creates tables, inserts, joins by lookup (streaming), selects streaming and in
batch; Flink's tiering job brings the frauds into Iceberg; `select * from fraud` (union read) and `fraud$lake` find each of them. 77 where
there is no JDK or Maven.
"""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import flink  # noqa: E402
from flink import cluster, jars  # noqa: E402

ROWS = 200  # transactions; every tenth is a fraud

CREATE = """
CREATE DATABASE shop;
USE shop;
CREATE TABLE `transaction` (id BIGINT, accountId BIGINT, createdAt BIGINT, amount DECIMAL(10, 2)) WITH ('bucket.num' = '2', 'bucket.key' = 'accountId');
CREATE TABLE account (id BIGINT NOT NULL, name STRING, updatedAt BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('bucket.num' = '2');
CREATE TABLE fraud (transactionId BIGINT, accountId BIGINT, name STRING) WITH ('bucket.num' = '2', 'bucket.key' = 'transactionId',
    'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s');
CREATE TABLE day_sales (shop STRING, dt STRING, amount INT, PRIMARY KEY (shop, dt) NOT ENFORCED) PARTITIONED BY (dt) WITH ('bucket.num' = '1');
SHOW TABLES;
DESCRIBE account;
SET 'table.dml-sync' = 'true';
"""
FRAUD = """
INSERT INTO fraud SELECT t.id, t.accountId, a.name FROM (SELECT *, PROCTIME() AS asked FROM `transaction`) AS t
    JOIN account FOR SYSTEM_TIME AS OF t.asked AS a ON t.accountId = a.id WHERE t.amount > 1000;
"""


def transactions():
    return ", ".join(f"({i}, {1 + i % 7}, {1700000000000 + i}, CAST({'1001.00' if i % 10 == 0 else '12.50'} AS DECIMAL(10, 2)))"
                     for i in range(1, ROWS + 1))


def frauds():
    return [[str(i), str(1 + i % 7), f"name{1 + i % 7}"] for i in range(10, ROWS + 1, 10)]


class Server:
    def __init__(self, sluice, folder, lake=None):
        """lake: the settings of its lake as words; a directory in the folder without any."""
        lake = lake or ["--datalake.iceberg.type", "hadoop", "--datalake.iceberg.warehouse", os.path.join(folder, "warehouse")]
        self.process = subprocess.Popen(
            [sluice, "server", "--listen", "127.0.0.1:0", "--data-dir", os.path.join(folder, "data"), "--datalake.format", "iceberg", *lake],
            stderr=subprocess.PIPE, text=True, preexec_fn=cluster.die_with_parent)
        for line in self.process.stderr:
            if line.startswith("server: ready at "):
                self.address = line.split()[-1]
                return
        raise AssertionError("sluice server did not become ready")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def same(got, expected, what):
    if sorted(got) != sorted(expected):
        raise AssertionError(f"{what}: got {len(got)} rows {sorted(got)[:5]}..., expected {len(expected)} {sorted(expected)[:5]}...")
    print(f"ok: {what}", flush=True)


def counted(sluice, address, table):
    """Rows of a table's log, by our own SQL; what it says instead when it cannot."""
    run = subprocess.run([sluice, "sql", "-f", "csv", "-e", f"SELECT count(*) FROM {table}$log", "--fluss.bootstrap.servers", address],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    last = (run.stdout.split() or [""])[-1]
    return int(last) if last.isdigit() else run.stdout


def found(engine, job, sluice, address):
    engine.alive(job, "fraud")
    count = counted(sluice, address, "shop.fraud")
    return count == ROWS // 10, count


def judge(sluice, server, engine, folder):
    use = f"CREATE CATALOG it WITH ('type' = 'fluss', 'bootstrap.servers' = '{server.address}');\nUSE CATALOG it;\n"
    accounts = ", ".join(f"({i}, 'old{i}', 1)" for i in range(1, 8))
    renamed = ", ".join(f"({i}, 'name{i}', 2)" for i in range(1, 8))
    out = engine.sql("create", use + CREATE + f"INSERT INTO account VALUES {accounts};\nINSERT INTO account VALUES {renamed};\n"
                     f"INSERT INTO `transaction` VALUES {transactions()};\n"
                     "INSERT INTO day_sales VALUES ('a', '2026-11-23', 1), ('a', '2026-11-24', 2), ('b', '2026-11-24', 3);\n"
                     "SET 'execution.runtime-mode' = 'batch';\nSELECT name, updatedAt FROM account WHERE id = 3;\n"
                     "SELECT * FROM day_sales WHERE shop = 'a' AND dt = '2026-11-24';\nSHOW PARTITIONS day_sales;\n"
                     "DELETE FROM account WHERE id = 7;\nUPDATE account SET name = 'six' WHERE id = 6;\n"
                     "SELECT 'after', name FROM account WHERE id = 6;\nSELECT 'after', name FROM account WHERE id = 7;\n")
    cells = flink.rows(out)
    for expected in (["name3", "2"], ["a", "2026-11-24", "2"], ["transaction"], ["id", "BIGINT", "FALSE"]):
        if not any(row[:len(expected)] == expected for row in cells):
            raise AssertionError(f"no row {expected} in\n{out[-4000:]}")
    same([row for row in cells if row[0] == "after"], [["after", "six"]], "the row that was updated, and not the one that was deleted")
    print("ok: DDL, INSERT, point queries, partitions, DELETE and UPDATE by SQL", flush=True)
    engine.sql("restore", use + "USE shop;\nSET 'table.dml-sync' = 'true';\n"
               f"INSERT INTO account VALUES {renamed};\n")

    job = engine.start_sql("fraud", use + "USE shop;\nSET 'table.dml-sync' = 'true';\n" + FRAUD)
    flink.until("frauds of the streaming lookup join", 120,
                lambda: found(engine, job, sluice, server.address))
    stop(job)
    print("ok: a streaming job with a lookup join", flush=True)

    stream = engine.start_sql("stream", use + "USE shop;\nSELECT * FROM fraud;\n")
    got = []
    for line in stream.stdout:
        if line.startswith("| +I |"):
            got.append([cell.strip() for cell in line.strip("|\n ").split("|")][1:])
        if len(got) == ROWS // 10 or "[ERROR]" in line:
            break
    stop(stream)
    same(got, frauds(), "a streaming SELECT")

    tiering = engine.start("tiering", flink.TIERING, "--fluss.bootstrap.servers", server.address, "--datalake.format", "iceberg",
                           "--datalake.iceberg.type", "hadoop", "--datalake.iceberg.warehouse", os.path.join(folder, "warehouse"))
    batch = use + "USE shop;\nSET 'execution.runtime-mode' = 'batch';\n"
    flink.until("the frauds in the lake, by Flink's tiering job", 180, lambda: tiered(tiering, engine, os.path.join(folder, "warehouse")))
    out = engine.sql("lake", batch + "SELECT transactionId, accountId, name FROM fraud$lake;\n")
    same([row for row in flink.rows(out) if row[0].isdigit()], frauds(), "fraud$lake after Flink's tiering job")
    stop(tiering)
    engine.sql("more", use + "USE shop;\nSET 'table.dml-sync' = 'true';\nINSERT INTO fraud VALUES (9999, 1, 'late');\n")
    out = engine.sql("union", batch + "SELECT * FROM fraud;\n")
    same([row for row in flink.rows(out) if row[0].isdigit()], frauds() + [["9999", "1", "late"]], "a union read: lake and what is newer")


def tiered(job, engine, warehouse):
    engine.alive(job, "tiering")
    metadata = os.path.join(warehouse, "shop", "fraud", "metadata")
    made = [name for name in os.listdir(metadata) if name.startswith("snap-")] if os.path.isdir(metadata) else []
    return bool(made), made


def stop(jvm):
    jvm.kill()
    jvm.wait()


def main(arguments):
    folder = tempfile.mkdtemp(prefix="sluice-flink-")
    engine = server = None
    try:
        engine = flink.Flink(os.path.join(folder, "flink"))
        server = Server(arguments[0], folder)
        judge(arguments[0], server, engine, folder)
        return 0
    except jars.Missing as missing:
        print("SKIPPED:", missing)
        return 77
    except AssertionError as wrong:
        print("flink_on_sluice:", wrong)
        return 1
    finally:
        if engine:
            engine.stop()
        if server:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
