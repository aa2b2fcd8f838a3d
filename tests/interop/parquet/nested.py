"""nested.py DUMP COPY DIR [SEED [COUNT]]: random schemas, nested to any depth, written by pyarrow: DUMP must show the same rows, and what
COPY makes of them (our reader into our writer) must be the same table for pyarrow and the same rows for DuckDB."""
import datetime as dt
import decimal
import os
import random
import struct
import subprocess
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

LEAVES = [pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.bool_(), pa.string(), pa.binary(), pa.date32(), pa.timestamp("us"),
          pa.timestamp("us", "UTC"), pa.decimal128(9, 2), pa.decimal128(18, 4), pa.decimal128(30, 3), pa.binary(5), pa.time64("us")]
CODECS = ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]


def random_type(rng, depth):
    shape = rng.random()
    if depth == 0 or shape < 0.4:
        return rng.choice(LEAVES)
    if shape < 0.65:
        return pa.list_(pa.field("element", random_type(rng, depth - 1), nullable=rng.random() < 0.7))
    if shape < 0.85:
        return pa.struct([pa.field(f"f{i}", random_type(rng, depth - 1), nullable=rng.random() < 0.7) for i in range(rng.randint(1, 3))])
    return pa.map_(rng.choice([pa.int32(), pa.string(), pa.int64()]), pa.field("value", random_type(rng, depth - 1), nullable=rng.random() < 0.7))


def random_leaf(rng, t):
    few = rng.random() < 0.5
    n = rng.randint(0, 20) if few else rng.randint(-(2 ** 31) + 1, 2 ** 31 - 1)
    if t == pa.bool_():
        return n % 2 == 0
    if pa.types.is_integer(t):
        return n
    if pa.types.is_floating(t):
        return float(n % 10000) / 8
    if t == pa.string():
        return f"text {n}" if n % 7 else ""
    if t == pa.binary():
        return str(n).encode()
    if pa.types.is_fixed_size_binary(t):
        return b"%05d" % (abs(n) % 100000)
    if pa.types.is_decimal(t):
        return decimal.Decimal(n % 10 ** 7).scaleb(-t.scale)
    if t == pa.date32():
        return dt.date(2000, 1, 1) + dt.timedelta(days=n % 20000)
    if pa.types.is_time(t):
        return dt.time(abs(n) % 24, abs(n) % 60, 7, abs(n) % 1000000)
    return dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc if t.tz else None) + dt.timedelta(microseconds=n)


def random_value(rng, t, nullable, width):
    if nullable and rng.random() < 0.2:
        return None
    if pa.types.is_list(t):
        return [random_value(rng, t.value_type, t.value_field.nullable, width) for _ in range(rng.choice([0, 1, 2, width]))]
    if pa.types.is_struct(t):
        return {t.field(i).name: random_value(rng, t.field(i).type, t.field(i).nullable, width) for i in range(t.num_fields)}
    if pa.types.is_map(t):
        keys = {random_leaf(rng, t.key_type): None for _ in range(rng.choice([0, 1, 3]))}
        return [(k, random_value(rng, t.item_type, t.item_field.nullable, width)) for k in keys]
    return random_leaf(rng, t)


def show(value, t):
    """The words of dump.c."""
    if value is None:
        return "null"
    if pa.types.is_list(t):
        return "[" + ",".join(show(v, t.value_type) for v in value) + "]"
    if pa.types.is_map(t):
        return "[" + ",".join("{" + show(k, t.key_type) + "," + show(v, t.item_type) + "}" for k, v in value) + "]"
    if pa.types.is_struct(t):
        return "{" + ",".join(show(value[t.field(i).name], t.field(i).type) for i in range(t.num_fields)) + "}"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return struct.pack(">f" if t == pa.float32() else ">d", value).hex()
    if isinstance(value, decimal.Decimal):
        return str(int(value.scaleb(t.scale)))
    if isinstance(value, dt.datetime):
        return str((value.replace(tzinfo=None) - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1))
    if isinstance(value, dt.date):
        return str((value - dt.date(1970, 1, 1)).days)
    if isinstance(value, dt.time):
        return str(((value.hour * 60 + value.minute) * 60 + value.second) * 1000000 + value.microsecond)
    return "=" + (value if isinstance(value, bytes) else value.encode()).hex()


def run(*command):
    got = subprocess.run(list(command), capture_output=True, text=True)
    assert got.returncode == 0, (command, got.stderr)
    return got.stdout


def expected(t):
    columns = [[show(v, f.type) for v in t.column(f.name).to_pylist()] for f in t.schema]
    return ["\t".join(row) for row in zip(*columns)]


def one(rng, dump, copy, folder, number):
    fields = [pa.field(f"c{i}", random_type(rng, rng.choice([0, 1, 2, 3, 4])), nullable=rng.random() < 0.7) for i in range(rng.randint(1, 6))]
    rows = rng.choice([0, 1, 50, 700, 3000])
    width = rng.choice([3, 5, 8]) if rows < 1000 else 3
    schema = pa.schema(fields)
    t = pa.table([pa.array([random_value(rng, f.type, f.nullable, width) for _ in range(rows)], f.type) for f in fields], schema=schema)
    path, copied = os.path.join(folder, "in.parquet"), os.path.join(folder, "out.parquet")
    pq.write_table(t, path, compression=rng.choice(CODECS), data_page_version=rng.choice(["1.0", "2.0"]), use_dictionary=rng.random() < 0.6,
                   row_group_size=rng.choice([100, 1000, 10 ** 6]), data_page_size=rng.choice([500, 10 ** 6]))
    want = expected(t)
    got = run(dump, path).split("\n")[1:-1]
    for i, (a, b) in enumerate(zip(got, want)):
        assert a == b, (number, schema, i, a, b)
    assert len(got) == len(want), (number, len(got), len(want))
    run(copy, path, copied, rng.choice("01267"), str(rng.choice([200, 5000, 1 << 20])), str(rng.choice([4000, 1 << 27])), rng.choice("01"),
        str(rng.choice([7, 1000, 8192])))
    back = pq.read_table(copied)
    assert back.schema.equals(t.schema), (number, back.schema, t.schema)
    assert back.equals(t), (number, schema)
    db = duckdb.connect()
    db.execute("set timezone='UTC'")
    a = db.execute("select columns(*)::varchar from t").fetchall()
    b = db.execute(f"select columns(*)::varchar from '{copied}'").fetchall()
    assert a == b, (number, schema)


def main():
    dump, copy, folder = sys.argv[1:4]
    seed, count = (int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(10 ** 9)), (int(sys.argv[5]) if len(sys.argv) > 5 else 60)
    os.makedirs(folder, exist_ok=True)
    rng = random.Random(seed)
    print(f"seed {seed}")
    for number in range(count):
        one(rng, dump, copy, folder, number)
    print(f"{count} random schemas: the same rows for us, pyarrow and DuckDB")


main()
