"""evolve.py SLUICE DRIVER: what a lake table goes through while its Fluss table lives, read by pyiceberg, DuckDB and our own union read.

    columns   ALTER TABLE ... ADD between two rounds, with rows before, between and after: of a log, a partitioned log, a primary-key table
    nested    ARRAY, MAP and ROW, nested in each other, with nulls at every depth and empty ones
"""
import csv
import io
import itertools
import json
import os
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lake"))
sys.path.insert(0, os.path.join(HERE, "..", "fluss"))
import cluster  # noqa: E402
import pyarrow.parquet  # noqa: E402
import readers  # noqa: E402
from pyiceberg.table import StaticTable  # noqa: E402

SLUICE = sys.argv[1]
OPTIONS = "WITH ('bucket.num' = '2', 'table.datalake.enabled' = 'true', 'table.datalake.freshness' = '200ms'"


class Wrong(Exception):
    pass


def same(what, seen, wanted):
    if seen != wanted:
        raise Wrong(f"{what}:\n  {seen}\nnot\n  {wanted}")


class Stack:
    def __init__(self, folder):
        self.folder, self.warehouse = folder, os.path.join(folder, "warehouse")
        ports = cluster.free_ports(2)
        self.address = f"127.0.0.1:{ports[0]}"
        self.run("up", "--data-dir", folder, "--server-listen", self.address, "--jobmanager-listen", f"127.0.0.1:{ports[1]}", "--rest-listen", "")

    def run(self, *words):
        done = subprocess.run([SLUICE, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        if done.returncode != 0:
            raise Wrong(f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def sql(self, text):
        out = self.run("sql", "-b", self.address, "-f", "csv", "--datalake.iceberg.warehouse", self.warehouse, "-e", text)
        return list(csv.reader(io.StringIO(out)))[1:]

    def down(self):
        self.run("down", "--data-dir", self.folder)

    def location(self, table, database="fluss"):
        folder = f"{self.warehouse}/{database}/{table}/metadata"
        with open(folder + "/version-hint.text") as hint:
            return f"{folder}/v{hint.read().strip()}.metadata.json"

    def tiered(self, table, rows, database="fluss"):
        """Waits until the lake has so many rows."""
        end = time.monotonic() + 60
        while True:
            try:
                seen = readers.duckdb_connection(None).execute(f"SELECT count(*) FROM iceberg_scan('{self.location(table, database)}')").fetchone()[0]
            except Exception as failure:  # noqa: BLE001: before the first snapshot, and between two versions
                seen = failure
            if seen == rows:
                return
            if time.monotonic() > end:
                raise Wrong(f"{table}: the lake has {seen}, not {rows} rows, after 60 s")
            time.sleep(0.3)

    def duckdb(self, table, columns, database="fluss"):
        return readers.duckdb_connection(None).execute(
            f"SELECT {columns} FROM iceberg_scan('{self.location(table, database)}') ORDER BY id").fetchall()

    def pyiceberg(self, table, columns, database="fluss"):
        rows = StaticTable.from_metadata(self.location(table, database)).scan(selected_fields=tuple(columns)).to_arrow()
        return sorted(zip(*(rows[column].to_pylist() for column in columns)), key=lambda row: row[0])

    def pyarrow(self, table, columns, database):
        files = StaticTable.from_metadata(self.location(table, database)).inspect.files()["file_path"].to_pylist()
        rows = [pyarrow.parquet.read_table(path.removeprefix("file:"), partitioning=None).select(columns) for path in files]
        return sorted((tuple(row.values()) for part in rows for row in part.to_pylist()), key=lambda row: row[0])


# ---- columns ----------------------------------------------------------------------------------------------------------------------------


def insert(stack, table, ids, more, columns):
    values = ", ".join("(" + ", ".join([str(i), f"'d{i % 2}'", *(value % i if "%" in value else value for value in more)]) + ")" for i in ids)
    stack.sql(f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values}")


def judge_columns(stack, table, keyed, partitioned):
    key = ", PRIMARY KEY (id" + (", day" if partitioned else "") + ") NOT ENFORCED" if keyed else ""
    stack.sql(f"CREATE TABLE {table} (id BIGINT NOT NULL, day STRING NOT NULL{key})" + (" PARTITIONED BY (day)" if partitioned else "")
              + f" {OPTIONS}" + ("" if keyed else ", 'bucket.key' = 'id'") + ")")
    insert(stack, table, range(20), [], ["id", "day"])
    stack.tiered(table, 20)
    insert(stack, table, range(20, 30), [], ["id", "day"])  # perhaps still in the log when the table changes
    stack.sql(f"ALTER TABLE {table} ADD (note STRING COMMENT 'said later', at TIMESTAMP(3))")
    insert(stack, table, range(30, 40), ["'n%d'", "'2026-01-02 03:04:05.%03d'"], ["id", "day", "note", "at"])
    if keyed:  # rows from before are changed after
        insert(stack, table, (3, 25), ["'new%d'", "NULL"], ["id", "day", "note", "at"])
    stack.tiered(table, 40)
    stack.sql(f"ALTER TABLE {table} ADD COLUMN more BIGINT")
    insert(stack, table, range(40, 45), ["NULL", "NULL"], ["id", "day", "note", "at"])
    stack.tiered(table, 45)
    note = {**{i: f"n{i}" for i in range(30, 40)}, **({3: "new3", 25: "new25"} if keyed else {})}
    wanted = [(i, f"d{i % 2}", note.get(i)) for i in range(45)]
    times = [f"2026-01-02 03:04:05.{i:03d}" if 30 <= i < 40 else None for i in range(45)]
    seen = stack.duckdb(table, "id, day, note, CAST(\"at\" AS VARCHAR), more")
    same(f"{table}, DuckDB", [row[:3] for row in seen], wanted)
    same(f"{table}, DuckDB's times", [row[3] and (row[3] + "000")[:23] for row in seen], times)
    same(f"{table}, DuckDB's newest", {row[4] for row in seen}, {None})
    if not keyed:
        same(f"{table}, pyiceberg", [row[:3] for row in stack.pyiceberg(table, ["id", "day", "note"])], wanted)
    fields = [field.name for field in StaticTable.from_metadata(stack.location(table)).schema().fields]
    same(f"{table}, columns", fields, ["id", "day", "note", "at", "more", "__bucket", "__offset", "__timestamp"])
    for name in (f"{table}$lake", table):
        rows = stack.sql(f"SELECT id, day, note FROM {name} ORDER BY id")
        same(f"{name}, sluice sql", rows, [[str(i), day, said or ""] for i, day, said in wanted])
    insert(stack, table, (45,), ["'late'", "NULL"], ["id", "day", "note", "at"])
    rows = stack.sql(f"SELECT count(*), count(note), max(id) FROM {table} WHERE id >= 0")
    same(f"{table}, the union", rows, [["46", str(len(note) + 1), "45"]])
    print(f"columns of {table}: right")


# ---- nested -----------------------------------------------------------------------------------------------------------------------------

NESTED = [  # id, numbers, words, pairs, deep
    (1, [1, None, 3], {"a": 1, "b": None}, {"x": 7, "y": "seven"}, [{"k": {"p": [1.5, None]}}, None]),
    (2, [], {}, {"x": None, "y": None}, []),
    (3, None, None, None, None),
    (4, [None], {"é": -5}, {"x": -1, "y": ""}, [{"k": {}}, {"k": None}, {"k": {"q": None, "r": []}}]),
    (5, list(range(100)), {f"k{i}": i for i in range(40)}, {"x": 0, "y": "z" * 300}, [{"k": {"p": [float(i)]}} for i in range(20)]),
]
LATE = (6, [6], {"six": 6}, {"x": 6, "y": "six \"\\\n"}, None)  # still in the log when it is read
COLUMNS = ["id", "numbers", "words", "pair", "deep"]


TYPES = {"numbers": ("ARRAY", "INTEGER"), "words": ("MAP", "STRING", "BIGINT"), "pair": ("ROW", ("x", "INTEGER"), ("y", "STRING")),
         "deep": ("ARRAY", ("ROW", ("k", ("MAP", "STRING", ("ARRAY", "DOUBLE")))))}


FIELD_IDS = itertools.count(1 + len(TYPES))  # behind those of the columns


def type_json(of, nullable=True):
    if isinstance(of, str):
        return {"type": of} if nullable else {"type": of, "nullable": False}
    if of[0] == "ARRAY":
        return {"type": "ARRAY", "element_type": type_json(of[1])}
    if of[0] == "MAP":
        return {"type": "MAP", "key_type": type_json(of[1], False), "value_type": type_json(of[2])}
    return {"type": "ROW", "fields": [{"name": name, "field_type": type_json(one), "field_id": next(FIELD_IDS)} for name, one in of[1:]]}


def driven(of, value):
    """A value as tests/interop/fluss/drivers/PROTOCOL.md has it."""
    if value is None:
        return None
    if of == "DOUBLE":
        return struct.pack(">d", value).hex()
    if isinstance(of, str):
        return value
    if of[0] == "ARRAY":
        return [driven(of[1], item) for item in value]
    if of[0] == "MAP":
        return [[key, driven(of[2], item)] for key, item in value.items()]
    return [driven(one, value[name]) for name, one in of[1:]]


class Driver:
    """Our client, which writes nested values."""

    def __init__(self, address):
        self.address = address
        self.process = subprocess.Popen([sys.argv[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        columns = [{"name": "id", "data_type": {"type": "BIGINT", "nullable": False}, "id": 0}]
        columns += [{"name": name, "data_type": type_json(of), "id": i + 1} for i, (name, of) in enumerate(TYPES.items())]
        self.descriptor = {"version": 1, "schema": {"version": 1, "columns": columns, "highest_field_id": next(FIELD_IDS) - 1}, "partition_key": [],
                           "bucket_key": ["id"], "bucket_count": 2, "custom_properties": {},
                           "properties": {"table.datalake.enabled": "true", "table.datalake.freshness": "200ms"}}

    def ask(self, what, **more):
        self.process.stdin.write(json.dumps({"do": what, "at": self.address, "table": "nested", "descriptor": self.descriptor, **more}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        same(f"nested, {what}", answer, {"ok": True})

    def append(self, rows):
        self.ask("append", rows=[[row[0]] + [driven(of, value) for of, value in zip(TYPES.values(), row[1:])] for row in rows])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def plain(value):
    """pyarrow gives a map as a list of pairs, DuckDB as a dict."""
    if isinstance(value, list) and value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
        return {key: plain(item) for key, item in value}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def unified(rows):
    """An empty map and an empty list look alike in pyarrow's plain values."""
    return json.loads(json.dumps([[plain(value) for value in row] for row in rows]).replace("{}", "[]"))


def judge_nested(stack):
    driver = Driver(stack.address)
    try:
        driver.ask("create")
        driver.append(NESTED)
        stack.tiered("nested", len(NESTED), "interop")
        wanted = unified(NESTED)
        same("nested, DuckDB", unified(stack.duckdb("nested", ", ".join(COLUMNS), "interop")), wanted)
        same("nested, pyiceberg", unified(stack.pyiceberg("nested", COLUMNS[:-1], "interop")), [row[:-1] for row in wanted])
        # pyiceberg makes [] of a null ARRAY of ROW; the files as pyarrow reads them are right.
        same("nested, pyarrow", unified(stack.pyarrow("nested", COLUMNS, "interop")), wanted)
        driver.append([LATE])
    finally:
        driver.close()
    for name, more in (("interop.nested$lake", []), ("interop.nested", [list(LATE)])):
        rows = stack.sql(f"SELECT {', '.join(COLUMNS)} FROM {name} ORDER BY id")
        rows = [[int(row[0])] + [json.loads(value) if value else None for value in row[1:]] for row in rows]
        same(f"{name}, sluice sql", unified(rows)[:5], wanted)
        same(f"{name}, sluice sql", [row for row in rows if row[0] == 6][-len(more):] if more else [], more)
    same("a field", stack.sql("SELECT pair ->> '$.y' FROM interop.nested WHERE id = 6"), [["six \"\\\n"]])
    print("nested: right")


def main():
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(folder)
        try:
            judge_nested(stack)
            for table, keyed, partitioned in (("plain_log", False, False), ("parted_log", False, True), ("keyed", True, False),
                                              ("keyed_parted", True, True)):
                judge_columns(stack, table, keyed, partitioned)
        finally:
            stack.down()


try:
    main()
except Wrong as wrong:
    print("WRONG:", wrong)
    sys.exit(1)
