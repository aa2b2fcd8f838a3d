"""corpus.py DUMP CORPUS [--record]: the files of apache/parquet-testing that the project carries. What SUMS says is read must show what
pyarrow reads; what it says is refused must be refused with that status. --record writes SUMS from what DUMP does now, and fails
where pyarrow disagrees."""
import datetime as dt
import decimal
import glob
import hashlib
import os
import struct
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq


# Where pyarrow is wrong and we are not: 290000-12-31T01:00+02:00 does not fit the nanoseconds that it goes through.
NOT_PYARROW = {("int96_from_spark.parquet", 5): "9089380393200000000"}


def nanos(value, unit):
    return value if unit == "us" else value * 1000 if unit == "ms" else value // 1000


def show(value, t):
    """A pyarrow scalar in the words of dump.c."""
    if not value.is_valid:
        return "null"
    if pa.types.is_map(t):
        return "[" + ",".join("{" + show(k, t.key_type) + "," + show(v, t.item_type) + "}"
                              for k, v in zip(value.values.field(0), value.values.field(1))) + "]"
    if pa.types.is_list(t):
        return "[" + ",".join(show(v, t.value_type) for v in value.values) + "]"
    if pa.types.is_struct(t):
        return "{" + ",".join(show(value[i], t.field(i).type) for i in range(t.num_fields)) + "}"
    if pa.types.is_boolean(t):
        return "1" if value.as_py() else "0"
    if pa.types.is_timestamp(t) or pa.types.is_time(t):
        return str(nanos(value.value, t.unit))
    if pa.types.is_date(t):
        return str(value.value)
    if pa.types.is_integer(t):
        return str(value.as_py())
    if pa.types.is_floating(t):
        return struct.pack(">f" if t == pa.float32() else ">d", value.as_py()).hex()
    if pa.types.is_decimal(t):
        with decimal.localcontext(decimal.Context(prec=60)):
            return str(int(value.as_py().scaleb(t.scale)))
    plain = value.as_py()
    return "=" + (plain if isinstance(plain, bytes) else plain.encode()).hex()


def by_pyarrow(path):
    t = pq.ParquetFile(path, coerce_int96_timestamp_unit="us").read()
    columns = [[show(v, t.schema.field(i).type) for v in t.column(i)] for i in range(t.num_columns)]
    return ["\t".join(row) for row in zip(*columns)]


def by_us(dump, path):
    got = subprocess.run([dump, path], capture_output=True, text=True)
    return (None, got.stderr.strip()) if got.returncode else (got.stdout, "")


def judge(dump, path):
    """What the line of SUMS must be, and what pyarrow has against it."""
    name = os.path.basename(path)
    text, error = by_us(dump, path)
    if text is None:
        return f"{error.split(':')[0]} {name}", None, error
    try:
        want = by_pyarrow(path)
    except Exception as e:  # pyarrow refuses it: then we have to look ourselves
        return f"{hashlib.sha256(text.encode()).hexdigest()} {name}", None, f"pyarrow: {e}"
    rows = text.split("\n")[1:-1]
    wrong = next((f"{name} row {i}: {a[:200]} is {b[:200]} for pyarrow" for i, (a, b) in enumerate(zip(rows, want))
                  if a != NOT_PYARROW.get((name, i), b)), None)
    if len(rows) != len(want):
        wrong = f"{name}: {len(rows)} rows, {len(want)} for pyarrow"
    return f"{hashlib.sha256(text.encode()).hexdigest()} {name}", wrong, ""


def main():
    dump, folder = sys.argv[1:3]
    record = "--record" in sys.argv
    lines, bad = [], []
    for path in sorted(glob.glob(os.path.join(folder, "*.parquet*"))):
        line, wrong, note = judge(dump, path)
        lines.append(line)
        if wrong:
            bad.append(wrong)
        if record:
            print(line.split(" ")[0][:12], os.path.basename(path), note[:250])
    sums = os.path.join(folder, "SUMS")
    if record:
        with open(sums, "w") as f:
            f.write("\n".join(lines) + "\n")
    known = open(sums).read().split("\n")[:-1]
    bad += [f"{a} was recorded, {b} is seen" for a, b in zip(known, lines) if a != b]
    assert len(known) == len(lines), "SUMS and the folder do not have the same files"
    assert not bad, "\n".join(bad)
    print(f"{len(lines)} files: {sum(len(l.split()[0]) == 64 for l in lines)} read as pyarrow reads them, the rest refused as recorded")


main()
