"""judge.py WRITE_SAMPLE DIR: files written by sluice, read by pyarrow and DuckDB, against the formulas of sample.c."""
import datetime as dt
import decimal
import math
import os
import struct
import subprocess
import sys

import duckdb
import pyarrow.parquet as pq

D = decimal.Decimal
EPOCH = dt.datetime(1970, 1, 1)
UTC = dt.timezone.utc
NAMES = ["id", "flag", "small", "number", "wide", "real", "double", "d9", "d18", "d38", "day", "clock", "at", "instant", "name", "unique",
         "bytes", "five", "nothing"]


def wrap(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def value(column, i):
    if column == 18 or (column != 0 and i % (column + 3) == 1):
        return None
    if column == 0:
        return i
    if column == 1:
        return i % 3 == 0
    if column == 2:
        return i % 200 - 100
    if column == 3:
        return (i * 7919) % 2000003 - 1000000
    if column == 4:
        return wrap(i * 1000000007 * (1 if i % 2 == 0 else -1), 64)
    if column == 5:
        return math.nan if i % 50 == 7 else (i % 1000) / 4 - 100
    if column == 6:
        return i * 1.5 - 7
    if column == 7:
        return D(i % 1999999 - 999999).scaleb(-2)
    if column == 8:
        return D(i * 123456789 - 5).scaleb(-4)
    if column == 9:
        return D((i - 500) * 1000000000000000003 * 1000003).scaleb(-10, decimal.Context(prec=40))
    if column == 10:
        return dt.date(1970, 1, 1) + dt.timedelta(days=i % 40000 - 10000)
    if column == 11:
        return (EPOCH + dt.timedelta(milliseconds=i * 997 % 86400000)).time()
    if column == 12:
        return EPOCH + dt.timedelta(milliseconds=(i - 1000) * 86399999)
    if column == 13:
        return (EPOCH + dt.timedelta(microseconds=(i - 1000) * 3600000001)).replace(tzinfo=UTC)
    if column == 14:
        return f"name-{i % 100}"
    if column == 15:
        return f"a unique text of row {i} \u00e4"
    if column == 16:
        return b"\xff\x01abcdefghijklmnopqrstuv"[: i % 20]
    return b"%05d" % (i % 100000)


def same(a, b):
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


def check_columns(who, columns, rows):
    for c, name in enumerate(NAMES):
        got = columns[name]
        assert len(got) == rows, (who, name, len(got), rows)
        for i in range(rows):
            want = value(c, i)
            have = got[i]
            if isinstance(have, dt.datetime) and have.tzinfo is not None:
                have = have.astimezone(UTC)
            assert same(have, want), (who, name, i, have, want)


def check_statistics(path, rows):
    """Footer statistics as pyarrow reads them: null counts always, min and max for what Arrow can order."""
    meta = pq.ParquetFile(path).metadata
    at = 0
    for g in range(meta.num_row_groups):
        group = meta.row_group(g)
        for c, name in enumerate(NAMES):
            column = group.column(c)
            values = [value(c, i) for i in range(at, at + group.num_rows)]
            present = [v for v in values if v is not None and not (isinstance(v, float) and math.isnan(v))]
            stats = column.statistics
            assert stats.null_count == values.count(None), (name, stats.null_count)
            assert stats.has_min_max == bool(present), name
            if present:
                assert stats.min == min(present), (name, g, stats.min, min(present))
                assert stats.max == max(present), (name, g, stats.max, max(present))
        at += group.num_rows
    assert at == rows
    schema = pq.read_schema(path)
    for c, name in enumerate(NAMES):
        assert schema.field(name).metadata[b"PARQUET:field_id"] == str(c + 1).encode(), name
    assert meta.metadata[b"iceberg.schema"] == b"{}"


def single_value(column, v):
    """Iceberg's single-value bytes (spec, appendix D)."""
    if column == 1:
        return b"\1" if v else b"\0"
    if column in (2, 3):
        return struct.pack("<i", v)
    if column in (0, 4):
        return struct.pack("<q", v)
    if column == 5:
        return struct.pack("<f", v)
    if column == 6:
        return struct.pack("<d", v)
    if column in (7, 8, 9):
        n = int(v.scaleb((2, 4, 10)[column - 7], decimal.Context(prec=40)))
        bits = (n if n >= 0 else ~n).bit_length() + 1
        return n.to_bytes((bits + 7) // 8, "big", signed=True)
    if column == 10:
        return struct.pack("<i", (v - dt.date(1970, 1, 1)).days)
    if column == 11:
        return struct.pack("<q", ((v.hour * 60 + v.minute) * 60 + v.second) * 1000000 + v.microsecond)
    if column in (12, 13):
        return struct.pack("<q", (v.replace(tzinfo=None) - EPOCH) // dt.timedelta(microseconds=1))
    return v if isinstance(v, bytes) else v.encode()


def cut(column, v, upper):
    """Truncated to 16 code points or bytes; an upper bound is then incremented."""
    if column not in (14, 15, 16) or len(v) <= 16:
        return v
    v = v[:16]
    if not upper:
        return v
    return v[:-1] + chr(ord(v[-1]) + 1) if isinstance(v, str) else v[:-1] + bytes([v[-1] + 1])


def check_metrics(lines, path, rows):
    head = dict(p.split("=") for p in lines[0].split())
    meta = pq.ParquetFile(path).metadata
    assert int(head["rows"]) == rows == meta.num_rows
    assert int(head["bytes"]) == os.path.getsize(path)
    starts = [min(x for x in (meta.row_group(g).column(0).dictionary_page_offset, meta.row_group(g).column(0).data_page_offset)
                  if x) for g in range(meta.num_row_groups)]
    assert [int(x) for x in head["splits"].split(",") if x] == starts, (head["splits"], starts)
    for c, line in enumerate(lines[1:]):
        got = dict(p.split("=") for p in line.split())
        values = [value(c, i) for i in range(rows)]
        present = [v for v in values if v is not None and not (isinstance(v, float) and math.isnan(v))]
        assert int(got["values"]) == rows and int(got["nulls"]) == values.count(None), line
        nans = sum(1 for v in values if isinstance(v, float) and math.isnan(v))
        assert int(got["nans"]) == (nans if c in (5, 6) else -1), line
        assert int(got["bytes"]) == sum(meta.row_group(g).column(c).total_compressed_size for g in range(meta.num_row_groups)), line
        if not present:
            assert got["lower"] == got["upper"] == "none"
            continue
        lower, upper = min(present), max(present)
        if c in (5, 6):
            lower, upper = (-0.0 if lower == 0 else lower), (0.0 if upper == 0 else upper)
        assert got["lower"] == single_value(c, cut(c, lower, False)).hex(), (c, got["lower"], lower)
        assert got["upper"] == single_value(c, cut(c, upper, True)).hex(), (c, got["upper"], upper)


def judge(tool, path, codec, rows, group_bytes, dictionary):
    out = subprocess.run([tool, path, str(codec), str(rows), str(group_bytes), str(dictionary)], check=True, capture_output=True, text=True)
    table = pq.read_table(path)
    table.validate(full=True)
    check_columns("pyarrow", {n: table.column(n).to_pylist() for n in NAMES}, rows)
    check_statistics(path, rows)
    check_metrics(out.stdout.strip().split("\n"), path, rows)
    db = duckdb.connect()
    db.execute("set timezone='UTC'")
    quoted = ", ".join(f'"{n}"' for n in NAMES if n != "instant")
    rows_of = db.execute(f"select {quoted}, epoch_us(instant) from read_parquet('{path}', file_row_number=true) order by file_row_number").fetchall()
    names = [n for n in NAMES if n != "instant"] + ["instant"]
    columns = {n: [r[k] for r in rows_of] for k, n in enumerate(names)}
    columns["instant"] = [None if x is None else (EPOCH + dt.timedelta(microseconds=x)).replace(tzinfo=UTC) for x in columns["instant"]]
    check_columns("duckdb", columns, rows)
    if rows:
        low, high = rows // 3, rows // 3 + 10
        assert db.execute(f"select count(*) from '{path}' where id >= {low} and id < {high}").fetchone()[0] == min(high, rows) - low
    print(f"codec {codec}: {rows} rows in {pq.ParquetFile(path).metadata.num_row_groups} row groups read alike by pyarrow and DuckDB")


def main():
    tool, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    for codec, rows, group_bytes, dictionary in [(6, 0, 1 << 27, 1), (6, 1, 1 << 27, 1), (6, 30011, 1 << 27, 1), (6, 12000, 200000, 1),
                                                 (6, 5003, 1 << 27, 0), (0, 2003, 1 << 27, 1), (1, 2003, 1 << 27, 1), (2, 2003, 1 << 27, 1),
                                                 (7, 2003, 1 << 27, 1)]:
        judge(tool, os.path.join(folder, f"sample-{codec}-{rows}-{dictionary}.parquet"), codec, rows, group_bytes, dictionary)


main()
