"""care.py SLUICE WRITE_TABLES WAREHOUSE: after each verb of `sluice lake` a table reads the same, by pyiceberg and DuckDB, and what the
verb freed is free."""
import json
import os
import shutil
import subprocess
import sys

from pyiceberg.table import StaticTable

from foreign_readers import duck, duckdb_rows, key, metadata_of, pyiceberg_rows

sluice, program, warehouse = sys.argv[1:4]
failures = []
connection = duck()


def check(what, got, wanted):
    if got != wanted:
        failures.append(f"{what}: got {got!r}, wanted {wanted!r}")


def lake(verb, table, *words):
    run = subprocess.run([sluice, "lake", verb, f"lake.{table}", "--datalake.iceberg.warehouse", warehouse, "--json", *words],
                         capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        failures.append(f"lake {verb} {table}: exit {run.returncode}: {run.stderr.strip()} {run.stdout[:2000]}")
        return {}
    return json.loads(run.stdout)


def rows(table):
    """What DuckDB reads, and pyiceberg, where it can (it has no reader for equality deletes)."""
    location = metadata_of(warehouse, f"lake/{table}")
    by_duck = sorted(map(key, duckdb_rows(location, connection)))
    try:
        by_python = sorted(map(key, pyiceberg_rows(location)))
    except ValueError as refusal:
        return by_duck, str(refusal)
    check(f"{table}: pyiceberg and DuckDB see the same rows", by_python == by_duck, True)
    return by_duck, None


def files_below(table):
    return sum(len(names) for _, _, names in os.walk(f"{warehouse}/lake/{table}"))


def sound(table, when):
    """Nothing wrong and nothing odd, by our own verify."""
    said = lake("verify", table)
    check(f"{table}: verify {when}", said.get("findings"), [])
    check(f"{table}: footers were read {when}", said.get("footers"), said.get("data_files", 0) + said.get("delete_files", 0))


def cared_for(table):
    sound(table, "as written")
    before, refusal = rows(table)
    deletes = [file for file in lake("files", table) if file["content"] != "data"]
    check(f"{table}: pyiceberg refuses equality deletes only", refusal is not None,
          any(file["content"] == "equality deletes" for file in deletes))
    would = lake("compact", table, "--dry-run")
    check(f"{table}: a dry run changes nothing", rows(table), (before, refusal))
    did = lake("compact", table)
    check(f"{table}: compact did what it said", [did.get(k) for k in ("files_before", "delete_files")],
          [would.get(k) for k in ("files_before", "delete_files")])
    check(f"{table}: compact keeps the rows, and pyiceberg reads them", rows(table), (before, None))
    sound(table, "compacted")
    check(f"{table}: no delete is left", [file["file_path"] for file in lake("files", table) if file["content"] != "data"], [])
    check(f"{table}: a second compact has nothing to do", lake("compact", table).get("files_before"), 0)
    snapshots = lake("snapshots", table)
    if did.get("files_before"):
        summary = json.loads(snapshots[-1]["summary"])
        check(f"{table}: a compaction is a replace of nobody's", (summary["operation"], "commit-user" in summary, "fluss-offsets" in summary),
              ("replace", False, False))
        check(f"{table}: total", int(summary["total-records"]), len(before))
    would = lake("expire", table, "--older-than", "0s", "--dry-run")
    there = files_below(table)
    did = lake("expire", table, "--older-than", "0s")
    counts = ("snapshots", "data_files", "delete_files", "manifests", "manifest_lists")
    check(f"{table}: expire did what it said", [did.get(k) for k in counts], [would.get(k) for k in counts])
    check(f"{table}: expire keeps the rows", rows(table), (before, None))
    # One metadata file more, and what was expired less.
    check(f"{table}: files freed", there + (did.get("snapshots", 0) > 0) - files_below(table), sum(did.get(k, 0) for k in counts[1:]))
    check(f"{table}: no orphan after it", lake("orphans", table, "--older-than", "0s", "--force").get("orphans"), 0)
    for name in ("data/lost.parquet", "metadata/lost-m0.avro", "metadata/other.txt"):
        open(f"{warehouse}/lake/{table}/{name}", "w").write("lost")
    check(f"{table}: young orphans stay", lake("orphans", table).get("orphans"), 0)
    check(f"{table}: orphans are found", lake("orphans", table, "--older-than", "0s", "--force").get("orphans"), 2)
    check(f"{table}: and nothing else goes", os.path.exists(f"{warehouse}/lake/{table}/metadata/other.txt"), True)
    sound(table, "expired and cleaned")
    check(f"{table}: orphans keep the rows", rows(table), (before, None))


def kept(table):
    """A tiering snapshot stays findable, with its offsets."""
    users = [snapshot.summary["commit-user"] for snapshot in StaticTable.from_metadata(metadata_of(warehouse, f"lake/{table}")).metadata.snapshots
             if "commit-user" in snapshot.summary.additional_properties]
    check(f"{table}: the tiering snapshot stays", users, ["__fluss_lake_tiering"])


shutil.rmtree(warehouse, ignore_errors=True)
subprocess.run([program, warehouse], check=True)
for name in sorted(os.listdir(f"{warehouse}/lake")):
    cared_for(name)
kept("fraud")
for failure in failures:
    print("FAILED", failure)
print(f"{len(failures)} failures")
sys.exit(1 if failures else 0)
