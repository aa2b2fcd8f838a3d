"""foreign.py DUMP DIR: files that pyarrow and DuckDB write, in every encoding and page version that we claim to read, against DUMP."""
import datetime as dt
import decimal
import os
import struct
import subprocess
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 7000
D = decimal.Decimal


def null_some(values, every):
    return [None if every and i % every == 1 else v for i, v in enumerate(values)]


def table():
    r = range(ROWS)
    return pa.table({
        "id": pa.array(list(r), pa.int64()),
        "b": pa.array(null_some([i % 3 == 0 for i in r], 5), pa.bool_()),
        "i": pa.array(null_some([(i * 7919) % 65537 - 30000 for i in r], 4), pa.int32()),
        "l": pa.array(null_some([(-1) ** i * i * 1000000007 for i in r], 6), pa.int64()),
        "f": pa.array(null_some([i / 8 for i in r], 7), pa.float32()),
        "g": pa.array(null_some([i / 3 for i in r], 7), pa.float64()),
        "dec": pa.array(null_some([D(i * 12345 - 99).scaleb(-2) for i in r], 9), pa.decimal128(20, 2)),
        "day": pa.array(null_some([dt.date(2020, 1, 1) + dt.timedelta(days=i % 5000) for i in r], 8), pa.date32()),
        "at": pa.array(null_some([dt.datetime(2024, 1, 1) + dt.timedelta(microseconds=i * 1000003) for i in r], 8), pa.timestamp("us")),
        "ms": pa.array(null_some([dt.datetime(2024, 1, 1) + dt.timedelta(milliseconds=i * 17) for i in r], 8), pa.timestamp("ms")),
        "tz": pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(seconds=i) for i in r], pa.timestamp("us", "UTC")),
        "s": pa.array(null_some([f"name-{i % 50}" for i in r], 3), pa.string()),
        "u": pa.array([f"prefix/{i // 10}/{i}" for i in r], pa.string()),
        "z": pa.array(null_some([bytes([i % 256]) * (i % 9) for i in r], 10), pa.binary()),
        "w": pa.array(null_some([b"%07d" % i for i in r], 10), pa.binary(7)),
    })


def plain(value, kind):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return struct.pack(">f" if kind == pa.float32() else ">d", value).hex()
    if isinstance(value, decimal.Decimal):
        return str(int(value.scaleb(kind.scale)))
    if isinstance(value, dt.datetime):
        return str((value.replace(tzinfo=None) - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1))
    if isinstance(value, dt.date):
        return str((value - dt.date(1970, 1, 1)).days)
    return "=" + (value if isinstance(value, bytes) else value.encode()).hex()


def expected(t):
    columns = [[plain(v, t.schema.field(n).type) for v in t.column(n).to_pylist()] for n in t.column_names]
    return ["\t".join(row) for row in zip(*columns)]


def check(dump, path, want, what, *columns):
    got = subprocess.run([dump, path, *columns], capture_output=True, text=True)
    assert got.returncode == 0, (what, got.stderr)
    rows = got.stdout.split("\n")[1:-1]
    assert len(rows) == len(want), (what, len(rows), len(want))
    for i, (a, b) in enumerate(zip(rows, want)):
        assert a == b, (what, i, a, b)
    print(f"{what}: {len(rows)} rows as they were written")


def main():
    dump, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    t = table()
    want = expected(t)
    path = os.path.join(folder, "foreign.parquet")
    for version in ("1.0", "2.0"):
        for codec in ("none", "snappy", "gzip", "zstd", "lz4"):
            pq.write_table(t, path, compression=codec, data_page_version=version, row_group_size=3000, data_page_size=4000)
            check(dump, path, want, f"pyarrow dictionary, pages {version}, {codec}")
        pq.write_table(t, path, compression="zstd", use_dictionary=False, data_page_version=version)
        check(dump, path, want, f"pyarrow PLAIN, pages {version}")
        encodings = {"id": "DELTA_BINARY_PACKED", "i": "DELTA_BINARY_PACKED", "l": "DELTA_BINARY_PACKED", "at": "DELTA_BINARY_PACKED",
                     "f": "BYTE_STREAM_SPLIT", "g": "BYTE_STREAM_SPLIT", "w": "BYTE_STREAM_SPLIT", "s": "DELTA_LENGTH_BYTE_ARRAY",
                     "u": "DELTA_BYTE_ARRAY", "z": "DELTA_BYTE_ARRAY", "b": "RLE"}
        pq.write_table(t, path, use_dictionary=False, column_encoding=encodings, data_page_version=version, data_page_size=9000)
        check(dump, path, want, f"pyarrow DELTA, SPLIT and RLE, pages {version}")
    pq.write_table(t, path, dictionary_pagesize_limit=2000, data_page_size=2000)
    check(dump, path, want, "pyarrow falling back from dictionary to PLAIN")
    check(dump, path, ["\t".join(row.split("\t")[c] for c in (12, 0)) for row in want], "pyarrow, two columns", "u", "id")
    arrow = t.drop_columns(["ms"])
    want = expected(arrow.set_column(arrow.column_names.index("w"), "w", arrow.column("w").cast(pa.binary())))
    db = duckdb.connect()
    db.execute("set timezone='UTC'")
    for version in ("V1", "V2"):
        for codec in ("snappy", "zstd", "gzip", "lz4_raw"):
            db.execute(f"copy (select * from arrow) to '{path}' (format parquet, parquet_version '{version}', compression '{codec}', row_group_size 2048)")
            check(dump, path, want, f"DuckDB {version}, {codec}")


main()
