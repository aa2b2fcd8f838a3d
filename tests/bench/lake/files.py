"""files.py: Parquet files of a lake read and written by our reader and writer, by DuckDB and by pyarrow, each in a process of its own and with
one thread. Reading brings every column of every row into Arrow batches; writing is counted from rows in memory, at the same codec and level.

    files.py scan duckdb|pyarrow FILE ...       files.py write duckdb CODEC OUT FILE ...      one line of JSON
"""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from processes import peak_mib  # noqa: E402

CODECS = {"zstd": 6, "snappy": 1}  # zstd at level 1 on both sides
BATCH_ROWS = 8192


def measured(work):
    cpu, begun = time.process_time(), time.monotonic()
    rows = work()
    print(json.dumps({"rows": rows, "seconds": time.monotonic() - begun, "cpu": time.process_time() - cpu,
                      "peak": peak_mib(os.getpid())}))


def duckdb_connection():
    import duckdb
    return duckdb.connect(config={"threads": 1})


def duckdb_scan(paths):
    import pyarrow.dataset  # noqa: F401  DuckDB loads it for its first batch: not what is measured
    connection = duckdb_connection()
    connection.execute("SELECT 1").to_arrow_reader(1).read_all()
    measured(lambda: sum(batch.num_rows for batch in connection.execute("SELECT * FROM read_parquet($1)", [paths]).to_arrow_reader(BATCH_ROWS)))


def pyarrow_scan(paths):
    import pyarrow.parquet

    def work():
        return sum(batch.num_rows for path in paths for batch in pyarrow.parquet.ParquetFile(path).iter_batches(BATCH_ROWS, use_threads=False))
    measured(work)


def duckdb_write(codec, out, paths):
    connection = duckdb_connection()
    connection.execute("CREATE TABLE held AS SELECT * FROM read_parquet($1)", [paths])
    level = ", COMPRESSION_LEVEL 1" if codec == "zstd" else ""
    measured(lambda: connection.execute(f"COPY held TO '{out}' (FORMAT parquet, COMPRESSION {codec}{level})").fetchone()[0])


def asked(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)[:200]}: {done.stderr[-1000:]}")
    return json.loads(done.stdout)


def same_rows(paths, out):
    """Ours is judged by DuckDB: the same rows, in whatever order."""
    one, two = (duckdb_connection().execute("SELECT count(*), sum(hash(t)) FROM read_parquet($1, hive_partitioning = false) t", [files]).fetchone() for files in (paths, [out]))
    if one != two:
        raise AssertionError(f"what was written is not what was read: {two} for {one}")


def by_python(*words):
    return asked([sys.executable, "-B", os.path.abspath(__file__), *words])


def best(run):
    """The least CPU of three: what others on the machine do to caches only adds to it."""
    return min((run() for _ in range(3)), key=lambda result: result["cpu"])


def compare(program, title, paths, rows, folder):
    """Scans and writes of one table's files."""
    size = sum(os.path.getsize(path) for path in paths)
    print(f"\n{title}: {len(paths)} files, {size / 1e6:.1f} MB, {rows} rows; one thread each, least CPU of three\n"
          f"{'':24} {'CPU s/M':>8} {'M/CPU s':>8} {'MiB':>6} {'B/row':>7}")

    def show(what, result, out_bytes):
        if result["rows"] != rows:
            raise AssertionError(f"{title}: {what} saw {result['rows']} rows, not {rows}")
        print(f"{what:24} {result['cpu'] / rows * 1e6:8.3f} {rows / result['cpu'] / 1e6:8.2f} {result['peak']:6.0f} {out_bytes / rows:7.2f}", flush=True)

    scans = {"sluice": best(lambda: asked([program, "scan", *paths])), "DuckDB": best(lambda: by_python("scan", "duckdb", *paths)),
             "pyarrow": best(lambda: by_python("scan", "pyarrow", *paths))}
    for who, result in scans.items():
        show(f"scan, {who}", result, size)
    more = {who: scans[who]["cpu"] / scans["sluice"]["cpu"] for who in ("DuckDB", "pyarrow")}
    print("  ours: " + ", ".join(f"{times:.2f} times the rows per CPU second of {who}" for who, times in more.items()))
    for codec, number in CODECS.items():
        out = os.path.join(folder, "written.parquet")
        mine = best(lambda: asked([program, "write", str(number), out, *paths]))
        same_rows(paths, out)
        show(f"write {codec}, sluice", mine, os.path.getsize(out))
        mine["bytes"] = os.path.getsize(out)
        other = best(lambda: by_python("write", "duckdb", codec, out, *paths))
        show(f"write {codec}, DuckDB", other, os.path.getsize(out))
        print(f"  ours: {mine['cpu'] / other['cpu']:.2f} of the CPU per row, {mine['bytes'] / os.path.getsize(out):.2f} of the bytes")
        os.remove(out)


if __name__ == "__main__":
    kind, who, *rest = sys.argv[1:]
    if (kind, who) == ("scan", "duckdb"):
        duckdb_scan(rest)
    elif (kind, who) == ("scan", "pyarrow"):
        pyarrow_scan(rest)
    elif (kind, who) == ("write", "duckdb"):
        duckdb_write(rest[0], rest[1], rest[2:])
    else:
        sys.exit(__doc__)
