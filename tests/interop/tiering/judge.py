"""judge.py TEST_TIERING TEST_CHANGES DIR: runs the tiering tests, then reads the lakes they leave with pyiceberg and DuckDB (which applies
row-level deletes; pyiceberg refuses equality deletes), and Fluss's offsets files."""
import collections
import decimal
import glob
import json
import os
import shutil
import subprocess
import sys

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg
from pyiceberg.table import StaticTable
from pyiceberg.transforms import BucketTransform
from pyiceberg.types import LongType

D = decimal.Decimal
TABLES = {"log": 25000, "first": 3000, "second": 4000, "restarted": 11000, "frugal": 20000, "program": 41000}


def duck():
    """DuckDB with the extensions that came as packages: nothing is downloaded while a test runs."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    for module in (duckdb_extension_httpfs, duckdb_extension_avro, duckdb_extension_iceberg):
        path, = glob.glob(os.path.join(os.path.dirname(module.__file__), "extensions", "*", "*.duckdb_extension"))
        connection.execute(f"LOAD '{path}'")
    return connection


def metadata_of(warehouse, table):
    folder = f"{warehouse}/lake_test/{table}/metadata"
    return f"{folder}/v{open(folder + '/version-hint.text').read().strip()}.metadata.json"


def check_rows(who, rows, count):
    """Each row once, each value right, offsets dense in every bucket, buckets as Iceberg's own transform gives them."""
    assert len(rows) == count, (who, len(rows), count)
    bucket_of = BucketTransform(3).transform(LongType())
    offsets = collections.defaultdict(list)
    for number, (ident, amount, name, bucket, offset) in enumerate(sorted(rows)):
        assert (ident, amount, name) == (number, D(number).scaleb(-2), f"name{number}"), (who, number, ident, amount, name)
        assert bucket == bucket_of(ident), (who, ident, bucket)
        offsets[bucket].append(offset)
    for bucket, seen in offsets.items():
        assert sorted(seen) == list(range(len(seen))), (who, bucket)
    return {bucket: len(seen) for bucket, seen in offsets.items()}


def check_snapshots(table, ends):
    """Every snapshot was committed as Fluss's tiering service does, and the newest offsets file says where the log was."""
    snapshots = table.metadata.snapshots
    for snapshot in snapshots:
        assert snapshot.summary["commit-user"] == "__fluss_lake_tiering", snapshot
        assert "{" not in snapshot.summary["fluss-offsets"], snapshot
    path = table.current_snapshot().summary["fluss-offsets"]
    said = json.load(open(path.removeprefix("file:").replace("///", "/")))
    assert said["version"] == 1, said
    assert said["bucket_offsets"] == [ends.get(bucket, -1) for bucket in range(3)], (said, ends)


def run(program, folder):
    os.makedirs(folder)
    subprocess.run([program], env={**os.environ, "SLUICE_TEST_DIR": folder}, check=True, stdout=subprocess.DEVNULL)


def check_changes(folder):
    """Tables that changed at random: each row as the table had it, once, and its partition and bucket as the spec says."""
    bucket_of = BucketTransform(3).transform(LongType())
    for path in sorted(glob.glob(f"{folder}/expected.*")):
        name = os.path.basename(path).removeprefix("expected.")
        wanted = sorted((int(ident), int(version), day) for ident, version, day in (line.split() for line in open(path)))
        location = metadata_of(f"{folder}/warehouse", name)
        rows = duck().execute(f"SELECT id, version, day, __bucket FROM iceberg_scan('{location}')").fetchall()
        assert sorted(row[:3] for row in rows) == wanted, (name, len(rows), len(wanted))
        assert all(bucket == bucket_of(ident) for ident, _, _, bucket in rows), name
        table = StaticTable.from_metadata(location)
        keys = [table.schema().find_column_name(ident) for ident in table.schema().identifier_field_ids]
        fields = [(field.name, str(field.transform)) for field in table.spec().fields]
        parts = "parts" in name or name == "snapshots"
        assert fields == [("day", "identity")] * parts + [("id_bucket", "bucket[3]")], (name, fields)
        assert sorted(keys) == ([] if name == "parts" else ["day", "id"] if parts else ["id"]), (name, keys)
        if keys:
            assert table.properties["write.delete.mode"] == "merge-on-read", table.properties
        print(f"{name}: {len(rows)} rows read by DuckDB as the table has them")


def main():
    program, changes, folder = sys.argv[1:4]
    shutil.rmtree(folder, ignore_errors=True)
    run(changes, f"{folder}/changes")
    check_changes(f"{folder}/changes")
    folder = f"{folder}/logs"
    run(program, folder)
    columns = ["id", "amount", "name", "__bucket", "__offset"]
    for name, count in TABLES.items():
        location = metadata_of(f"{folder}/warehouse", name)
        table = StaticTable.from_metadata(location)
        arrow = table.scan().to_arrow()
        ends = check_rows(f"{name}, pyiceberg", list(zip(*(arrow.column(c).to_pylist() for c in columns))), count)
        rows = duck().execute(f"SELECT {', '.join(columns)} FROM iceberg_scan('{location}')").fetchall()
        check_rows(f"{name}, DuckDB", rows, count)
        check_snapshots(table, ends)
        print(f"{name}: {count} rows read alike by pyiceberg and DuckDB, offsets as Fluss has them")
    assert StaticTable.from_metadata(metadata_of(f"{folder}/warehouse", "empty")).current_snapshot() is None


main()
