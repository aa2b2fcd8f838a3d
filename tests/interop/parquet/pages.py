"""pages.py DUMP COPY LOOK DIR: page indexes of pyarrow and ours say what the rows hold; rows between pages that were jumped over are the same
rows; DuckDB's Bloom filters never exclude what is there, and nearly always what is not."""
import os
import random
import struct
import subprocess
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 30000


def run(*command):
    got = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    assert got.returncode == 0, (command, got.stderr)
    return got.stdout.split("\n")[:-1]


def table():
    rng = random.Random(5)
    names = [f"name {rng.randrange(400):03d}" for _ in range(ROWS)]
    return pa.table({
        "id": pa.array(range(ROWS), pa.int64()),
        "n": pa.array([None if i // 700 % 3 == 0 or i % 11 == 0 else rng.randrange(-1000, 1000) for i in range(ROWS)], pa.int32()),
        "s": pa.array([None if i % 7 == 0 else n for i, n in enumerate(names)], pa.string()),
        "u": pa.array([f"key {rng.randrange(10 ** 9):09d}" for _ in range(ROWS)], pa.string()),
        "l": pa.array([None if i % 9 == 0 else [n] * (i % 4) for i, n in enumerate(names)], pa.list_(pa.string())),
        "m": pa.array([[(str(k), k * i) for k in range(i % 3)] for i in range(ROWS)], pa.map_(pa.string(), pa.int64())),
        "st": pa.array([None if i % 5 == 0 else {"a": i, "b": [i, None]} for i in range(ROWS)],
                       pa.struct([("a", pa.int64()), ("b", pa.list_(pa.int64()))])),
    })


def plain(value):
    return struct.pack("<q", value) if isinstance(value, int) else value.encode()


def check_index(look, path, t, what):
    groups = [pq.ParquetFile(path).metadata.row_group(g).num_rows for g in range(pq.ParquetFile(path).num_row_groups)]
    pages = 0
    for name in ("id", "n", "s", "u"):
        values, width = t.column(name).to_pylist(), 4 if name == "n" else None
        lines = [line.split(" ") for line in run(look, "pages", path, name)]
        covered = 0
        for group, first, rows, nulls, *bounds in lines:
            start = sum(groups[:int(group)]) + int(first)
            page = values[start:start + int(rows)]
            there = [v for v in page if v is not None]
            assert int(nulls) == len(page) - len(there), (what, name, first)
            want = [] if not there else ["=" + plain(v)[:width].hex() for v in (min(there), max(there))]
            assert [b for b in bounds if b] == want, (what, name, first, bounds, want)
            covered += int(rows)
        assert covered == ROWS, (what, name, covered)
        pages += len(lines)
    print(f"{what}: {pages} pages hold what the index says")
    return pages


def check_jumps(dump, path, what):
    rng = random.Random(7)
    whole = run(dump, path)[1:]
    groups = [pq.ParquetFile(path).metadata.row_group(g).num_rows for g in range(pq.ParquetFile(path).num_row_groups)]
    for _ in range(6):
        a = rng.randrange(0, groups[0] - 1)
        b = rng.randrange(a + 1, groups[0] + 1)
        if a < 256:
            a = 0
        if groups[0] - b < 256:
            b = groups[0]
        want, start = [], 0
        for rows in groups:
            # A gap below 256 rows is read over.
            end = rows if rows - b < 256 else b
            want += whole[start + a:start + end]
            start += rows
        assert run(dump, "-r", a, b, path)[1:] == want, (what, a, b)
    print(f"{what}: rows behind a jump are the right ones")


def check_bloom(look, path, column, there, absent, what):
    got = run(look, "excludes", path, column, *[plain(v).hex() for v in there])
    assert "1" not in got, what
    got = run(look, "excludes", path, column, *[plain(v).hex() for v in absent])
    assert got.count("1") > 0.95 * len(absent), (what, got.count("1"))
    print(f"{what}: {got.count('1')} of {len(absent)} absent values excluded, none that is there")


def main():
    dump, copy, look, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    t = table()
    path, ours = os.path.join(folder, "theirs.parquet"), os.path.join(folder, "ours.parquet")
    for group in (ROWS, 10000):
        pq.write_table(t, path, write_page_index=True, data_page_size=3000, row_group_size=group, write_batch_size=100)
        assert check_index(look, path, t, f"pyarrow, {group} rows a group") > 40
        check_jumps(dump, path, f"pyarrow, {group} rows a group")
    for dictionary in (0, 1):
        run(copy, path, ours, 6, 4000, 1 << 27, dictionary, 8192)
        meta = pq.ParquetFile(ours).metadata.row_group(0)
        assert all(meta.column(c).has_column_index and meta.column(c).has_offset_index for c in range(meta.num_columns))
        assert check_index(look, ours, t, f"ours, dictionary {dictionary}") > 40
        check_jumps(dump, ours, f"ours, dictionary {dictionary}")
    db = duckdb.connect()
    db.execute(f"copy (select id % 500 * 3 as k, 'v' || (id % 300) as s from t) to '{path}' (format parquet, row_group_size 10000)")
    check_bloom(look, path, "k", [3 * i for i in range(500)], [3 * i + 1 for i in range(500)], "DuckDB, BIGINT")
    check_bloom(look, path, "s", [f"v{i}" for i in range(300)], [f"w{i}" for i in range(300)], "DuckDB, VARCHAR")


main()
