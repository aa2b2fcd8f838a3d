"""model.py: what the matrix expects: tables, their rows, and the offsets, changelog and state that follow from writing them.

Independent of every client and server: buckets are computed here, a changelog is simulated here. Values are those of drivers/PROTOCOL.md.
"""
import random
import struct

BUCKETS = 3


# ---- Types and values ----

def t(name, nullable=True, **more):
    return {"type": name, **more, **({} if nullable else {"nullable": False})}


def f32(value):
    return struct.pack(">f", value).hex()


def f64(value):
    return struct.pack(">d", value).hex()


def f32_bits(bits):
    return f"{bits:08x}"


# Milliseconds: the years 1 and 9999 (two days before its end: the Rust library of times ends there), the last second before the epoch, the epoch; where 64 bits of nanoseconds end. Before the epoch
# there are whole milliseconds only: the Java client writes others into an Arrow log, and fails when it reads them.
MS = [-62135596800000, 253402207199000, -1000, 0]
NS_MS = [-9223372036000, 9223372036000, -1000, 0]

# name: (type, extremes, ordinary value by number)
TYPES = {
    "bo": (t("BOOLEAN"), [False, True], lambda i: i % 3 == 0),
    "ti": (t("TINYINT"), [-128, 127, 0], lambda i: i % 256 - 128),
    "si": (t("SMALLINT"), [-32768, 32767, 0], lambda i: i * 7919 % 65536 - 32768),
    "bi": (t("BIGINT"), [-2**63, 2**63 - 1, 0, -1], lambda i: (i << 33) - 12345),
    "fl": (t("FLOAT"), [f32_bits(0x00000001), f32_bits(0x7f7fffff), f32_bits(0xff800000), f32_bits(0x7fc00000), f32(-0.0)], lambda i: f32(i / 4)),
    "db": (t("DOUBLE"), ["0000000000000001", "7fefffffffffffff", "fff0000000000000", "7ff8000000000000", f64(-0.0)], lambda i: f64(i / 8)),
    "ch": (t("CHAR", length=5), ["abcde", "zzzzz", "     "], lambda i: f"c{i % 10000:04d}"),
    "st": (t("STRING"), ["", "x" * 3000, "grüße, 世界 \U0001f30d", "a\"b\\c\n\t"], lambda i: f"text {i}"),
    "bn": (t("BINARY", length=4), ["00000000", "ffffffff", "00ff00ff"], lambda i: f"{i * 2654435761 % 2**32:08x}"),
    "by": (t("BYTES"), ["", "00", "ff" * 2000], lambda i: f"{i * i:06x}"),
    "de": (t("DECIMAL", precision=10, scale=2), ["-9999999999", "9999999999", "0", "-1"], lambda i: str(i * 37 - 500)),
    "dl": (t("DECIMAL", precision=38, scale=10), [str(1 - 10**38), str(10**38 - 1), "0", "-128", "128"], lambda i: str(i * 10**25 - 77)),
    "dx": (t("DECIMAL", precision=18, scale=0), [str(1 - 10**18), str(10**18 - 1), "0"], lambda i: str(i * 10**12)),
    "da": (t("DATE"), [-719162, 2932896, 0, -1], lambda i: 19000 + i),
    "t0": (t("TIME_WITHOUT_TIME_ZONE", precision=0), [0, 86399000], lambda i: i * 1000),
    "t3": (t("TIME_WITHOUT_TIME_ZONE", precision=3), [0, 86399999, 1], lambda i: i * 1001),
    "t6": (t("TIME_WITHOUT_TIME_ZONE", precision=6), [0, 86399999, 1], lambda i: i * 1001),
    "t9": (t("TIME_WITHOUT_TIME_ZONE", precision=9), [0, 86399999, 1], lambda i: i * 1001),
    "s0": (t("TIMESTAMP_WITHOUT_TIME_ZONE", precision=0), [[ms, 0] for ms in MS], lambda i: [1700000000000 + i * 1000, 0]),
    "s3": (t("TIMESTAMP_WITHOUT_TIME_ZONE", precision=3), [[ms + (ms > 0) * 999, 0] for ms in MS], lambda i: [1700000000000 + i, 0]),
    "s6": (t("TIMESTAMP_WITHOUT_TIME_ZONE", precision=6), [[ms, (ms >= 0) * 999000] for ms in MS], lambda i: [1700000000000 + i, i * 1000]),
    "s9": (t("TIMESTAMP_WITHOUT_TIME_ZONE", precision=9), [[ms, (ms >= 0) * 999999] for ms in NS_MS], lambda i: [1700000000000 + i, i]),
    "z0": (t("TIMESTAMP_WITH_LOCAL_TIME_ZONE", precision=0), [[ms, 0] for ms in MS], lambda i: [1700000000000 + i * 1000, 0]),
    "z3": (t("TIMESTAMP_WITH_LOCAL_TIME_ZONE", precision=3), [[ms + (ms > 0) * 999, 0] for ms in MS], lambda i: [1700000000000 + i, 0]),
    "z6": (t("TIMESTAMP_WITH_LOCAL_TIME_ZONE", precision=6), [[ms, (ms >= 0) * 999000] for ms in MS], lambda i: [1700000000000 + i, i * 1000]),
    "z9": (t("TIMESTAMP_WITH_LOCAL_TIME_ZONE", precision=9), [[ms, (ms >= 0) * 1] for ms in NS_MS], lambda i: [1700000000000 + i, i]),
}
NESTED = {
    "ar": (t("ARRAY", element_type=t("INTEGER")), [[], [None], [-2**31, 2**31 - 1, None]], lambda i: list(range(i % 5))),
    "as": (t("ARRAY", element_type=t("STRING")), [[], ["", None, "x" * 100]], lambda i: [f"e{k}" for k in range(i % 4)]),
    "ma": (t("MAP", key_type=t("STRING", False), value_type=t("BIGINT")), [[], [["", None]], [["a", -2**63], ["longer than eight", 2**63 - 1]]],
           lambda i: [[f"k{k}", k * i] for k in range(i % 3)]),
    "ro": (t("ROW", fields=[{"name": "x", "field_type": t("INTEGER")}, {"name": "y", "field_type": t("STRING")},
                            {"name": "z", "field_type": t("DECIMAL", precision=20, scale=3)}]),
           [[None, None, None], [0, "", "0"], [-2**31, "y" * 50, str(10**20 - 1)]], lambda i: [i, f"r{i}", str(i * 10**15)]),
    "aa": (t("ARRAY", element_type=t("ARRAY", element_type=t("BIGINT"))), [[], [[]], [None, [1, None], [2**63 - 1]]], lambda i: [[i], [i, i]]),
    "rr": (t("ROW", fields=[{"name": "l", "field_type": t("ARRAY", element_type=t("STRING"))},
                            {"name": "m", "field_type": t("MAP", key_type=t("INTEGER", False), value_type=t("STRING"))}]),
           [[None, None], [[], []], [["q"], [[1, None]]]], lambda i: [[f"{i}"], [[i, f"v{i}"]]]),
}


# The Java client strips zero bytes from the end of a BINARY in an indexed row, as of a CHAR.
INDEXED_TYPES = {**TYPES, "bn": (TYPES["bn"][0], ["00000001", "ffffffff", "00ff00ff"], lambda i: f"{i * 2654435761 % 2**32 | 1:08x}")}


def canonical(of, value, micros=False):
    """A map has no order: its entries sorted. `micros`: a client that has no more than microseconds."""
    if value is None:
        return None
    if of["type"] == "ARRAY":
        return [canonical(of["element_type"], item, micros) for item in value]
    if of["type"] == "MAP":
        return sorted(([canonical(of["key_type"], key, micros), canonical(of["value_type"], item, micros)] for key, item in value), key=str)
    if of["type"] == "ROW":
        return [canonical(field["field_type"], item, micros) for field, item in zip(of["fields"], value)]
    if micros and of["type"].startswith("TIMESTAMP"):
        return [value[0], value[1] // 1000 * 1000]
    return value


def small_or_wide(i):
    """Keys whose encoding takes 1, 4 or 5 bytes: see TABLES, pk_signs."""
    return -1 - i * 7919 if i % 3 == 0 else i if i % 3 == 1 else 2**21 + i * 1000003


def mixed_rows(types, first, count):
    """Rows with a key in front: extremes, all null, and ordinary values with nulls here and there."""
    rows = []
    for i in range(first, first + count):
        row = [small_or_wide(i)]
        for c, (_, extremes, ordinary) in enumerate(types.values()):
            if i < 6:
                row.append(extremes[i % len(extremes)])
            elif i == 6 or (i + c) % 7 == 0:
                row.append(None)
            else:
                row.append(ordinary(i))
        rows.append(row)
    return rows


# ---- Buckets (facts of the protocol; not the code of any client) ----

def mix(h, k):
    k = k * 0xcc9e2d51 & 0xffffffff
    k = (k << 15 | k >> 17) & 0xffffffff
    k = k * 0x1b873593 & 0xffffffff
    if h is None:
        return k
    h ^= k
    h = (h << 13 | h >> 19) & 0xffffffff
    return (h * 5 + 0xe6546b64) & 0xffffffff


def avalanche(h):
    h ^= h >> 16
    h = h * 0x85ebca6b & 0xffffffff
    h ^= h >> 13
    h = h * 0xc2b2ae35 & 0xffffffff
    return h ^ h >> 16


def bucket_of(key, buckets=BUCKETS):
    h = 42
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        h = mix(h, struct.unpack_from("<I", key, at)[0])
    for byte in key[whole:]:
        h = mix(h, byte - 256 & 0xffffffff if byte > 127 else byte)
    h = avalanche(h ^ len(key))
    x = mix(None, h)
    x = (x << 13 | x >> 19) & 0xffffffff
    x = avalanche((x * 5 + 0xe6546b64 & 0xffffffff) ^ 4)
    x = x - 2**32 if x >= 2**31 else x
    return (0 if x == -2**31 else abs(x)) % buckets


def compacted_int(value):
    value &= 0xffffffff
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


# ---- Tables ----

class TableKind:
    """A table of the matrix: its columns, keys, properties, and the steps in which it is written."""

    def __init__(self, columns, steps, key=(), bucket_key=("k",), partition_key=(), properties=None):
        self.columns, self.steps, self.key, self.bucket_key, self.partition_key = columns, steps, list(key), list(bucket_key), list(partition_key)
        self.properties = properties or {}
        self.names = [name for name, _ in columns]

    def descriptor(self):
        # Columns and nested fields are numbered in pre-order, as a fresh Fluss schema is.
        counter = [0]
        schema = {"version": 1, "columns": []}
        for name, of in self.columns:
            column = {"name": name, "id": counter[0]}
            counter[0] += 1
            column["data_type"] = number_fields({**of, **({"nullable": False} if name in self.key else {})}, counter)
            schema["columns"].append(column)
        if self.key:
            schema["primary_key"] = self.key
        schema["highest_field_id"] = counter[0] - 1
        return {"version": 1, "schema": schema, "partition_key": self.partition_key, "bucket_key": self.bucket_key, "bucket_count": BUCKETS,
                "properties": self.properties, "custom_properties": {}}

    def canonical(self, row, columns=None, micros=False):
        if row is None:
            return None
        types = [of for _, of in self.columns] if columns is None else [dict(self.columns)[name] for name in columns]
        return [canonical(of, value, micros) for of, value in zip(types, row)]

    def value(self, row, name):
        return row[self.names.index(name)]

    def place(self, row):
        """(partition or None, bucket) of a row: bucket keys are INT columns here."""
        partition = "$".join(str(self.value(row, name)) for name in self.partition_key) if self.partition_key else None
        return partition, bucket_of(b"".join(compacted_int(self.value(row, name)) for name in self.bucket_key))

    def partitions(self):
        found = []
        for _, rows in self.steps:
            for row in rows:
                partition = self.place(row)[0]
                if partition not in found:
                    found.append(partition)
        return found


def number_fields(of, counter):
    of = dict(of)
    for child in ("element_type", "key_type", "value_type"):
        if child in of:
            of[child] = number_fields(of[child], counter)
    if "fields" in of:
        fields = []
        for field in of["fields"]:
            field = dict(field, field_id=counter[0])
            counter[0] += 1
            field["field_type"] = number_fields(field["field_type"], counter)
            fields.append(field)
        of["fields"] = fields
    return of


def log_table(types=TYPES, **properties):
    columns = [("k", t("INTEGER"))] + [(name, of[0]) for name, of in types.items()]
    return TableKind(columns, [("append", mixed_rows(types, 0, 30)), ("append", mixed_rows(types, 30, 12))], properties=dashed(properties))


def key_table(types=TYPES, **properties):
    columns = [("k", t("INTEGER"))] + [(name, of[0]) for name, of in types.items()]
    first = mixed_rows(types, 0, 30)
    changed = [[old[0]] + new[1:] for old, new in zip(first[3:25:2], mixed_rows(types, 50, 30))]
    deleted = [first[2], first[11], first[12]]
    again = [[deleted[1][0]] + first[20][1:]]
    return TableKind(columns, [("upsert", first), ("upsert", changed), ("delete", deleted), ("upsert", again)], key=["k"], properties=dashed(properties))


def dashed(properties):
    return {"table." + key.replace("__", "-").replace("_", "."): value for key, value in properties.items()}


def prefix_table():
    columns = [("a", t("INTEGER")), ("b", t("STRING")), ("c", t("BIGINT")), ("v", t("STRING"))]
    rows = [[i // 4 - 3, f"b{i % 4}", i * 10**12, None if i % 5 == 0 else f"v{i}"] for i in range(40)]
    changed = [row[:3] + [f"new {row[3]}"] for row in rows[::6]]
    return TableKind(columns, [("upsert", rows), ("upsert", changed), ("delete", rows[5:8])], key=["a", "b", "c"], bucket_key=["a"])


def signs_table():
    columns = [("k", t("INTEGER")), ("v", t("STRING"))]
    rows = [[i * 97 + 128, f"v{i}"] for i in range(30)]
    return TableKind(columns, [("upsert", rows), ("upsert", [[k, "new"] for k, _ in rows[::4]]), ("delete", rows[1:4])], key=["k"])


def partial_table():
    columns = [("k", t("INTEGER")), ("x", t("STRING")), ("y", t("BIGINT")), ("z", t("DOUBLE"))]
    rows = [[i, f"x{i}", i, f64(i)] for i in range(20)]
    return TableKind(columns, [("upsert", rows), (("k", "y"), [[i, -i if i % 3 else None] for i in range(10, 26)]),
                               (("k", "z", "x"), [[i, f64(0.5), None] for i in range(0, 26, 4)])], key=["k"])


def partitioned_log():
    columns = [("k", t("INTEGER")), ("day", t("STRING")), ("v", t("STRING")), ("n", t("DECIMAL", precision=12, scale=3))]
    rows = [[i, f"2024-01-0{1 + i % 3}", None if i % 6 == 0 else f"v{i}", str(i * 1001)] for i in range(36)]
    return TableKind(columns, [("append", rows[:24]), ("append", rows[24:])], partition_key=["day"])


def partitioned_keys():
    columns = [("k", t("INTEGER")), ("day", t("STRING")), ("hour", t("INTEGER")), ("v", t("STRING"))]
    rows = [[i // 2, f"d{i % 2}", i % 4, f"v{i}"] for i in range(40)]
    changed = [row[:3] + [None] for row in rows[1::5]]
    return TableKind(columns, [("upsert", rows), ("upsert", changed), ("delete", rows[3:6])], key=["day", "hour", "k"], bucket_key=["k"],
                     partition_key=["day", "hour"])


TABLES = {
    "log_none": log_table(log_arrow_compression_type="NONE"),
    "log_lz4": log_table(log_arrow_compression_type="LZ4_FRAME"),
    "log_zstd": log_table(log_arrow_compression_type="ZSTD"),
    "log_indexed": log_table(INDEXED_TYPES, log_format="INDEXED"),
    "log_compacted": log_table(log_format="COMPACTED"),
    "log_nested": log_table(NESTED),
    "log_parts": partitioned_log(),
    "pk_compacted": key_table(),
    "pk_indexed": key_table(INDEXED_TYPES, kv_format="INDEXED"),
    "pk_rows": key_table(log_format="COMPACTED"),
    "pk_nested": key_table(NESTED),
    "pk_prefix": prefix_table(),
    "pk_partial": partial_table(),
    # Keys of two and three bytes, 128 and above behind the last whole word: the Java client's hash takes such a byte with its sign.
    "pk_signs": signs_table(),
    "pk_parts": partitioned_keys(),
}


# ---- What follows from writing a table ----

class Expected:
    """Logs, states and ends of each (partition, bucket) of a table that was written in its steps."""

    def __init__(self, kind, micros=False):
        self.kind, self.micros = kind, micros
        self.logs = {(partition, bucket): [] for partition in kind.partitions() for bucket in range(BUCKETS)}
        self.state = {}
        self.marks = []  # ends of the logs behind each step
        for verb, rows in kind.steps:
            for row in rows:
                self.apply(verb, kind.canonical(row, verb if isinstance(verb, tuple) else None, micros))
            self.marks.append({place: len(log) for place, log in self.logs.items()})

    def key_of(self, row):
        return tuple(self.kind.value(row, name) for name in self.kind.key)

    def apply(self, verb, row):
        if isinstance(verb, tuple):
            return self.apply_partial(verb, row)
        log = self.logs[self.kind.place(row)]
        if verb == "append":
            log.append(("+A", row))
            return
        key = self.key_of(row)
        old = self.state.pop(key, None)
        if verb == "delete":
            assert old is not None, "the model deletes only what is there"
            log.append(("-D", old))
            return
        log += [("+I", row)] if old is None else [("-U", old), ("+U", row)]
        self.state[key] = row

    def apply_partial(self, columns, row):
        given = dict(zip(columns, row))
        key = tuple(given[name] for name in self.kind.key)
        old = self.state.get(key)
        new = [given.get(name, None if old is None else old[at]) for at, name in enumerate(self.kind.names)]
        self.apply("upsert", new)

    def bucket_rows(self, place):
        """The rows of a bucket: a log's in order; a primary-key table's, in no order."""
        if not self.kind.key:
            return [row for _, row in self.logs[place]]
        return [row for row in self.state.values() if self.kind.place(row) == place]


def shuffled(items, seed):
    items = list(items)
    random.Random(seed).shuffle(items)
    return items
