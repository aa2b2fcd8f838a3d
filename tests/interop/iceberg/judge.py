"""judge.py WRITE_TABLES WAREHOUSE: tables written by sluice, read by pyiceberg and DuckDB, against the formulas of write_tables.c."""
import collections
import datetime as dt
import decimal
import math
import os
import shutil
import subprocess
import sys

import duckdb
import fastavro
from pyiceberg.table import StaticTable
from pyiceberg.transforms import BucketTransform
from pyiceberg.types import LongType

import foreign_readers
from foreign_readers import duck

D = decimal.Decimal
UTC = dt.timezone.utc
program, warehouse = sys.argv[1:3]
failures = []


def check(what, got, wanted):
    if got != wanted:
        failures.append(f"{what}: got {got!r}, wanted {wanted!r}")


def metadata_of(table):
    return foreign_readers.metadata_of(warehouse, f"lake/{table}")


def key(row):
    return tuple((value is not None, str(value)) for value in row)


def same(a, b):
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return a == b and (a is None) == (b is None)


def compare(what, got, wanted):
    got, wanted = sorted(got, key=key), sorted(wanted, key=key)
    check(f"{what}: rows", len(got), len(wanted))
    for left, right in zip(got, wanted):
        if len(left) != len(right) or not all(same(a, b) for a, b in zip(left, right)):
            failures.append(f"{what}: row {left!r}, wanted {right!r}")
            return


def readers(table, wanted, equality_deletes=False):
    location = metadata_of(table)
    try:
        compare(f"{table}, pyiceberg", foreign_readers.pyiceberg_rows(location), wanted)
        check(f"{table}, pyiceberg reads it", equality_deletes, False)
    except ValueError as failure:  # it has no reader for equality deletes
        check(f"{table}, pyiceberg: {failure}", equality_deletes and "equality" in str(failure), True)
    try:
        compare(f"{table}, DuckDB", foreign_readers.duckdb_rows(location), wanted)
    except duckdb.Error as failure:
        failures.append(f"{table}, DuckDB: {failure}")


def fraud():
    rows, offsets, transform = [], collections.Counter(), BucketTransform(4).transform(LongType())
    for number in range(1200):
        bucket = transform(number)
        offset = offsets[bucket]
        offsets[bucket] += 1
        name = None if number % 10 == 3 else f"name-{number % 7}"
        at = dt.datetime.fromtimestamp(1700000000, UTC) + dt.timedelta(milliseconds=offset)
        rows.append((number, 1006 + number % 4, name, bucket, offset, at))
    readers("fraud", rows)
    table = StaticTable.from_metadata(metadata_of("fraud"))
    check("fraud: snapshots", len(table.metadata.snapshots), 4)
    check("fraud: spec", [(f.name, str(f.transform)) for f in table.spec().fields], [("transactionId_bucket", "bucket[4]")])
    check("fraud: order", [(f.source_id, str(f.direction), str(f.null_order)) for f in table.sort_order().fields], [(5, "ASC", "NULLS FIRST")])
    check("fraud: required", [f.required for f in table.schema().fields], [False, False, False, True, True, True])
    check("fraud: property", table.properties.get("fluss.table.datalake.freshness"), "30s")
    last = table.current_snapshot()
    check("fraud: offsets", last.summary["fluss-offsets"], 'file:/remote/"quoted".offsets')
    check("fraud: user", last.summary["commit-user"], "__fluss_lake_tiering")
    check("fraud: total", (last.summary["total-records"], last.summary["total-data-files"]), ("1200", "12"))
    check("fraud: parent", [s.parent_snapshot_id for s in table.metadata.snapshots][1:], [s.snapshot_id for s in table.metadata.snapshots][:-1])
    # One file is the whole answer to one bucket: pruning by the tuple works in another reader's hands.
    one = list(table.scan(row_filter="transactionId = 5").plan_files())
    check("fraud: planned for one key", [task.file.partition[0] for task in one], [transform(5)])


def types():
    far = dt.datetime(9999, 12, 31, 23, 59, 59, 999999)
    stamps = [dt.datetime(1, 1, 1), dt.datetime(1969, 12, 31, 23, 59, 59, 999999), dt.datetime(1970, 1, 1), far]
    wanted = [
        (True, -128, -2**31, -2**63, -0.0, -math.inf, D("-123.45"), D("-1E-10"), dt.date(1, 1, 1), dt.time(0), stamps[0], stamps[0].replace(tzinfo=UTC), "", b""),
        (False, -1, None, -1, 1.5, math.nan, D("0.00"), D("0E-10"), dt.date(1969, 12, 31), dt.time(0, 0, 0, 1), stamps[1], None, 'a"b\\c', b"\xff\xff"),
        (True, 0, 0, 0, math.nan, 0.0, D("0.01"), D("255E-10"), dt.date(1970, 1, 1), dt.time(23, 59, 59, 999999), stamps[2], stamps[2].replace(tzinfo=UTC), "0123456789abcdef\u00e4\u00f6", None),
        (False, 127, 2**31 - 1, 2**63 - 1, math.inf, 1e300, D("99999999.99"), D("256E-10"), dt.date(9999, 12, 31), dt.time(12), stamps[3], stamps[3].replace(tzinfo=UTC), None, b"\x01"),
    ]
    readers("types", wanted)


def parts():
    at = [dt.datetime(1970, 1, 1, tzinfo=UTC) + dt.timedelta(microseconds=m) for m in (-1, 0, 86400000000, 1700000000000000, 1700000000000000)]
    wanted = list(zip(["a/b=c d", None, "z\u00fcrich", "x", "x"], at, [D("14.20"), D("-0.01"), D("0.00"), D("999.99"), D("999.99")], [-7, 0, 12, 34, None]))
    readers("parts", wanted)
    table = StaticTable.from_metadata(metadata_of("parts"))
    files = [task.file for task in table.scan().plan_files()]
    schema = table.schema()
    for file in files:  # recompute each tuple from the file's own row
        query = f"SELECT city, epoch_us(\"at\"), amount, number FROM read_parquet('{file.file_path}', hive_partitioning=false)"
        row = duck().execute(query).fetchall()[0]
        values = dict(zip(("city", "at", "amount", "number"), row))
        for index, field in enumerate(table.spec().fields):
            name = schema.find_column_name(field.source_id)
            value = values[name]
            wanted_value = field.transform.transform(schema.find_type(field.source_id))(value)
            check(f"parts: {field.name} of {file.file_path}", file.partition[index], wanted_value)
    check("parts: pruned by day", len(list(table.scan(row_filter="at = '1970-01-01T00:00:00+00:00'").plan_files())), 1)
    check("parts: pruned by bucket", len(list(table.scan(row_filter="amount = 14.20").plan_files())), 1)


def places():
    readers("places", [(number,) for number in range(100) if number % 3 != 0])


def changes():
    rows = {number: f"v0 of {number}" for number in range(100)}
    for version in range(1, 13):
        for number in range(version * 5, version * 5 + 10):
            rows[number] = f"v{version} of {number}"
        del rows[version * 5 + 9]
    readers("changes", sorted(rows.items()), equality_deletes=True)
    last = StaticTable.from_metadata(metadata_of("changes")).current_snapshot().summary
    check("changes: summary", (last.operation.value, last["added-equality-deletes"], last["total-position-deletes"], last["total-records"]),
          ("overwrite", "10", "12", "220"))


def race():
    readers("race", [(1,), (2,), (3,), (1,), (2,)])
    table = StaticTable.from_metadata(metadata_of("race"))
    check("race: snapshots", [s.sequence_number for s in table.metadata.snapshots], [1, 2])
    leftovers = [name for name in os.listdir(f"{warehouse}/lake/race/metadata") if name.startswith("snap-")]
    check("race: the lost attempt's list is gone", len(leftovers), 2)


def merged():
    readers("merged", [(number,) for number in range(30)])
    table = StaticTable.from_metadata(metadata_of("merged"))
    check("merged: manifests", len(table.current_snapshot().manifests(table.io)) < 5, True)
    middle = table.metadata.snapshots[14]
    rows = StaticTable.from_metadata(metadata_of("merged")).scan(snapshot_id=middle.snapshot_id).to_arrow()
    check("merged: as of the 15th commit", sorted(rows["number"].to_pylist()), list(range(15)))


def headers():
    """What the specification asks of a manifest's header, by a reader of Avro that knows nothing of Iceberg."""
    for folder, _, names in os.walk(warehouse):
        for name in names:
            if not name.endswith(".avro"):
                continue
            with open(os.path.join(folder, name), "rb") as file:
                reader = fastavro.reader(file)
                list(reader)
                keys = set(reader.metadata)
                wanted = {"snapshot-id", "parent-snapshot-id", "sequence-number", "format-version"} if name.startswith("snap-") else {
                    "schema", "schema-id", "partition-spec", "partition-spec-id", "format-version", "content"}
                check(f"{name}: header", wanted - keys, set())


shutil.rmtree(warehouse, ignore_errors=True)
subprocess.run([program, warehouse], check=True)
for judge in (fraud, types, parts, places, changes, race, merged, headers):
    judge()
for failure in failures:
    print("FAILED", failure)
print(f"{len(failures)} failures")
sys.exit(1 if failures else 0)
