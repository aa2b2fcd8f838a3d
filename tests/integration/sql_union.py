#!/usr/bin/env python3
"""sql_union.py PROGRAM: SQL over tables whose rows lie partly in the lake and partly in the log, with and without partitions and keys."""
import csv, io, os, re, socket, subprocess, sys, tempfile, time

PROGRAM = sys.argv[1]
failed = 0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Stack:
    def __init__(self, work):
        self.work = work
        self.address = f"127.0.0.1:{free_port()}"
        run = subprocess.run([PROGRAM, "up", "--data-dir", work, "--server-listen", self.address, "--jobmanager-listen",
                              f"127.0.0.1:{free_port()}", "--rest-listen", ""], capture_output=True, text=True, timeout=60)
        assert run.returncode == 0, run

    def sql(self, text, *more):
        run = subprocess.run([PROGRAM, "sql", "-b", self.address, "-f", "csv", "--datalake.iceberg.warehouse",
                              os.path.join(self.work, "warehouse"), "-e", text, *more], capture_output=True, text=True, timeout=60)
        self.said = run.stderr
        assert run.returncode == 0, (text, run.stderr)
        return [tuple(row) for row in csv.reader(io.StringIO(run.stdout))][1:]

    def down(self):
        subprocess.run([PROGRAM, "down", "--data-dir", self.work], capture_output=True, timeout=60)


def check(what, got, wanted):
    global failed
    if got != wanted:
        failed = 1
        print(f"{what}: {got}, not {wanted}")


def tiered(stack, table, rows):
    """Waits until the lake shows the rows."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if stack.sql(f"select count(*) from {table}$lake") == [(str(rows),)]:
                return
        except AssertionError as failure:
            if "no snapshot" not in str(failure) and "lake" not in str(failure):
                raise
        time.sleep(0.5)
    raise SystemExit(f"{table}: no {rows} rows in the lake within 60 s: {stack.sql(f'select count(*) from {table}$lake')}")


OPTIONS = "WITH ('bucket.num' = '2', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '1s'"


def log_tables(stack):
    for table, partitioned in (("events", ""), ("parted", " PARTITIONED BY (day)")):
        stack.sql(f"create table {table} (id BIGINT, day STRING, name STRING){partitioned} {OPTIONS}, 'bucket.key' = 'id')")
        stack.sql(f"insert into {table} with recursive n(i) as (select 0 union all select i + 1 from n where i < 999) "
                  "select i, 'd' || (i % 4), 'n' || i from n")
        tiered(stack, table, 1000)
        stack.sql(f"insert into {table} values (5000, 'd1', 'late'), (5001, 'd9', 'new')")
        check(f"{table}: the union", stack.sql(f"select count(*), count(distinct id), sum(id) from {table} where id >= 0"),
              [("1002", "1002", str(499500 + 10001))])
        check(f"{table}: counted", stack.sql(f"select count(*) from {table}", "--timing"), [("1002",)])
        if "counted from metadata" not in stack.said:
            check(f"{table}: said", stack.said, "counted from metadata")
        check(f"{table}: one day", stack.sql(f"select count(*), max(name) from {table} where day = 'd9'", "--timing"), [("1", "new")])
        if partitioned:
            check(f"{table}: files of one day", re.search(r"lake: (\d+) of", stack.said).group(1) in "01", True)
        check(f"{table}: one id", stack.sql(f"select name from {table} where id = 77", "--timing"), [("n77",)])
        snapshots = stack.sql(f"select snapshot_id, total_records from {table}$snapshots order by committed_at")
        first = snapshots[0]
        check(f"{table}: as of then", stack.sql(f"select count(*) from {table}$lake@{first[0]}"), [(first[1],)])
        check(f"{table}: files", stack.sql(f"select sum(record_count) >= 1000, min(file_size_in_bytes) > 0 from {table}$files"), [("1", "1")])


def key_tables(stack):
    for table, partitioned in (("keyed", ""), ("keyparts", " PARTITIONED BY (day)")):
        stack.sql(f"create table {table} (id BIGINT, day STRING, name STRING, PRIMARY KEY (id, day) NOT ENFORCED){partitioned} {OPTIONS}, 'bucket.key' = 'id')")
        stack.sql(f"insert into {table} with recursive n(i) as (select 0 union all select i + 1 from n where i < 399) "
                  "select i / 4, 'd' || (i % 4), 'n' || i from n")
        tiered(stack, table, 400)
        # The same id on another day is another row.
        stack.sql(f"insert into {table} values (7, 'd1', 'changed'), (100, 'd1', 'new')")
        check(f"{table}: the union", stack.sql(f"select count(*), count(distinct id || day) from {table}"), [("401", "401")])
        check(f"{table}: changed", stack.sql(f"select day, name from {table} where id = 7 order by day"),
              [("d0", "n28"), ("d1", "changed"), ("d2", "n30"), ("d3", "n31")])
        check(f"{table}: by key", stack.sql(f"select name from {table} where id = 7 and day = 'd1'", "--timing"), [("changed",)])
        if "looked up by key" not in stack.said:
            check(f"{table}: said", stack.said, "looked up by key")
        tiered(stack, table, 401)  # now with deletes
        check(f"{table}: the lake alone", stack.sql(f"select day, name from {table}$lake where id = 7 order by day"),
              [("d0", "n28"), ("d1", "changed"), ("d2", "n30"), ("d3", "n31")])
        check(f"{table}: again", stack.sql(f"select count(*), min(name), max(id) from {table}"), [("401", "changed", "100")])


with tempfile.TemporaryDirectory() as work:
    stack = Stack(work)
    try:
        log_tables(stack)
        key_tables(stack)
    finally:
        stack.down()
print("failed" if failed else "ok")
sys.exit(failed)
