"""property.py RANDOM_TABLES WAREHOUSE [COUNT [SEED]]: tables of random columns, partitions, rows and deletes; pyiceberg, DuckDB and, where
there is a JDK, Iceberg's Java reader read what was put in, as written and after compaction and expiry. One process of each reads them all.
A failure tells the seed."""
import collections
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import time

import pyarrow as pa
from pyiceberg.table import StaticTable

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "flink"))
import flink  # noqa: E402
from flink import jars  # noqa: E402
from foreign_readers import duck, metadata_of  # noqa: E402

program, warehouse = sys.argv[1:3]
count = int(sys.argv[3]) if len(sys.argv) > 3 else 200
seed = int(sys.argv[4]) if len(sys.argv) > 4 else int(time.time())
failures = []
connection = None
refused = 0


def texts(column):
    """An Arrow column as the texts of random_tables.c."""
    kind = column.type
    if pa.types.is_date32(kind):
        column, kind = column.cast(pa.int32()), pa.int32()
    elif pa.types.is_time64(kind) or pa.types.is_timestamp(kind):
        if kind.unit != "us":
            column = column.cast(pa.time64("us") if pa.types.is_time64(kind) else pa.timestamp("us", kind.tz))
        column, kind = column.cast(pa.int64()), pa.int64()
    values = column.to_pylist()
    if pa.types.is_boolean(kind):
        make = lambda value: "true" if value else "false"
    elif pa.types.is_floating(kind):
        make = lambda value: "nan" if math.isnan(value) else struct.pack(">d", value).hex()
    elif pa.types.is_decimal(kind):
        make = lambda value: str(int(value.scaleb(kind.scale)))
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        make = lambda value: value.hex()
    else:
        make = str
    return [None if value is None else make(value) for value in values]


def rows(table):
    return collections.Counter(zip(*(texts(table.column(i)) for i in range(table.num_columns))))


def compare(what, got, wanted):
    if got == wanted:
        return
    lost, extra = wanted - got, got - wanted
    failures.append(f"seed {seed}, {what}: {sum(lost.values())} rows missing, such as {next(iter(lost), None)}; "
                    f"{sum(extra.values())} too many, such as {next(iter(extra), None)}")


def duckdb_table(location):
    global connection
    if connection is None:
        connection = duck()
        connection.execute("SET TimeZone='UTC'")
    try:
        return connection.execute(f"SELECT * FROM iceberg_scan('{location}')").to_arrow_table()
    except Exception:
        connection = None  # some failures are the end of it
        raise


def expected(number):
    with open(f"{warehouse}/r{number}.rows") as lines:
        return collections.Counter(tuple(json.loads(line)) for line in lines)


def java_judge(when):
    """Iceberg's own reader, all tables in one JVM."""
    try:
        path = flink.class_path()
    except jars.Missing as missing:
        print("without Iceberg's Java reader:", missing)
        return
    run = subprocess.run([jars.java(), "-Xmx1g", "-XX:TieredStopAtLevel=1", *flink.FLAGS, "-cp", path,
                          os.path.join(os.path.dirname(os.path.abspath(__file__)), "Rows.java"), warehouse, str(count)],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=500)
    if run.returncode != 0:
        failures.append(f"seed {seed}, {when}, Java: {run.stdout[-1500:]}")
        return
    for number in range(count):
        with open(f"{warehouse}/r{number}.java", newline="\n") as lines:
            got = collections.Counter(tuple(None if cell == "\\N" else cell for cell in line[:-1].split("\t")) for line in lines)
        compare(f"r{number} {when}, Java", got, expected(number))


def judge(number, when):
    global refused
    location = metadata_of(warehouse, f"lake/r{number}")
    wanted = expected(number)
    try:
        compare(f"r{number} {when}, DuckDB", rows(duckdb_table(location)), wanted)
    except Exception as failure:
        failures.append(f"seed {seed}, r{number} {when}, DuckDB: {failure}")
    try:
        compare(f"r{number} {when}, pyiceberg", rows(StaticTable.from_metadata(location).scan().to_arrow()), wanted)
    except ValueError as failure:  # it has no reader for equality deletes
        refused += 1
        if "equality" not in str(failure) or when != "as written":
            failures.append(f"seed {seed}, r{number} {when}, pyiceberg: {failure}")
    except Exception as failure:
        failures.append(f"seed {seed}, r{number} {when}, pyiceberg: {failure}")


shutil.rmtree(warehouse, ignore_errors=True)
os.makedirs(warehouse)
subprocess.run([program, warehouse, str(seed), str(count)], check=True)
for number in range(count):
    judge(number, "as written")
java_judge("as written")
subprocess.run([program, warehouse, "care", str(count)], check=True)
for number in range(count):
    judge(number, "compacted")
java_judge("compacted")
for failure in failures[:20]:
    print("FAILED", failure)
print(f"seed {seed}: {count} tables twice, {refused} with equality deletes, {len(failures)} failures")
sys.exit(1 if failures else 0)
