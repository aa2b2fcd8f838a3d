"""against.py BENCH DIR: CPU seconds of our Parquet reader and writer next to DuckDB's and pyarrow's, one thread each, in one call: the same rows,
zstd level 1. Prints per table the ratio ours / theirs (below 1: we are faster)."""
import os
import subprocess
import sys
import time

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 1000000
TABLES = {
    "frauds (4 accounts)": "select range * 10 as id, hash(range) % 4 + 1006 as account, 'Person ' || (hash(range) % 4) as name",
    "10,000 people": "select range * 10 as id, hash(range) % 10000 as account, 'Person ' || (hash(range) % 10000) as name",
    "names all different": "select range * 10 as id, hash(range) % 1000000000 as account, 'Person ' || (hash(range) % 1000000000) as name",
    "12 columns": "select range as id, (hash(range) % 100)::int as i, hash(range + 1) % 1000000 as l, (hash(range) % 1000) / 8.0 as g, "
                  "(hash(range) % 10000000)::decimal(10,2) as amount, date '2020-01-01' + (hash(range) % 1000)::int as d, "
                  "timestamp '2024-01-01' + to_microseconds(range * 1000) as ts, 'city ' || (hash(range) % 300) as city, hash(range) % 2 = 0 as b, "
                  "case when hash(range) % 5 = 0 then null else hash(range) % 77 end as n, md5(range::varchar) as m, 'v' || (range % 50) as v",
    "nested": "select range as id, [hash(range) % 100, hash(range + 1) % 100, range] as li, {'a': range, 'b': 'x' || (range % 100)} as st, "
              "map {'k' || (range % 20): hash(range) % 1000} as m",
}


def cpu(work):
    start = time.process_time()
    work()
    return time.process_time() - start


def one(bench, folder, db, name, sql):
    path = os.path.join(os.path.abspath(folder), "bench.parquet")
    db.execute(f"create or replace table t as {sql} from range({ROWS})")
    duck_write = min(cpu(lambda: db.execute(f"copy t to '{path}' (format parquet, compression zstd, compression_level 1)")) for _ in range(2))
    rows = pq.read_table(path)
    # UBIGINT is no Iceberg type.
    rows = rows.cast(pa.schema([pa.field(f.name, pa.int64()) if f.type == pa.uint64() else f for f in rows.schema]))
    if name == "nested":
        rows = rows.cast(pa.schema([("id", pa.int64()), ("li", pa.list_(pa.int64())), ("st", rows.schema.field("st").type), ("m", pa.map_(pa.string(), pa.int64()))]))
    arrow_write = min(cpu(lambda: pq.write_table(rows, path, compression="zstd", compression_level=1)) for _ in range(2))
    arrow_read = min(cpu(lambda: pq.read_table(path, use_threads=False)) for _ in range(2))
    duck_read = min(cpu(lambda: db.execute(f"select * from '{path}'").to_arrow_table()) for _ in range(2))
    ours = [subprocess.run([bench, path], capture_output=True, text=True, check=True).stdout.split() for _ in range(2)]
    read, write = min(float(o[1]) for o in ours), min(float(o[2]) for o in ours)
    assert int(ours[0][0]) == ROWS
    print(f"{name:24} write {write:6.3f} s  DuckDB {duck_write:6.3f} ({write / duck_write:4.2f})  pyarrow {arrow_write:6.3f} ({write / arrow_write:4.2f})   "
          f"read {read:6.3f} s  DuckDB {duck_read:6.3f} ({read / duck_read:4.2f})  pyarrow {arrow_read:6.3f} ({read / arrow_read:4.2f})", flush=True)


def main():
    bench, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    pa.set_cpu_count(1)
    db = duckdb.connect()
    db.execute("set threads=1")
    print(f"CPU seconds for {ROWS} rows; in brackets ours / theirs")
    for name, sql in TABLES.items():
        one(os.path.abspath(bench), folder, db, name, sql)


main()
