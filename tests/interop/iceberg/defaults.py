"""defaults.py DUMP FOLDER: a table of format 3 whose files lack columns that have an initial-default, as our reader sees it and as pyiceberg does.

pyiceberg writes the rows; the columns with defaults are put into the metadata by hand, since nobody here writes such tables yet.
"""
import csv
import datetime
import json
import os
import shutil
import subprocess
import sys

import pyarrow
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import StaticTable

DEFAULTS = [  # type, its JSON single value
    ("boolean", True), ("int", -34), ("long", 1 << 40), ("float", 1.5), ("double", -0.1),
    ("decimal(9, 2)", "14.20"), ("date", "2017-11-16"), ("time", "22:31:08.123456"),
    ("timestamp", "2017-11-16T22:31:08.123456"), ("timestamptz", "2017-11-16T22:31:08.123456+00:00"),
    ("string", "it's \"é\""), ("string", ""), ("binary", "00ff10"), ("fixed[3]", "010203")]


def as_dumped(value):
    """A value of pyiceberg as dump.c prints it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.17g}"
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds") + ("Z" if value.tzinfo else "")
    return str(value)


def main(dump, folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    catalog = SqlCatalog("local", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
    catalog.create_namespace("d")
    rows = pyarrow.table({"id": pyarrow.array([1, 2, 3], pyarrow.int64())})
    table = catalog.create_table("d.t", schema=rows.schema)
    table.append(rows)
    with open(table.metadata_location.removeprefix("file://")) as file:
        metadata = json.load(file)
    fields = metadata["schemas"][-1]["fields"]
    for number, (kind, value) in enumerate(DEFAULTS):
        fields.append({"id": 100 + number, "name": f"c{number}", "required": False, "type": kind.replace(" ", ""), "initial-default": value,
                       "write-default": value})
    metadata.update({"format-version": 3, "last-column-id": 100 + len(DEFAULTS), "next-row-id": 3})
    location = f"{folder}/v3.metadata.json"
    with open(location, "w") as file:
        json.dump(metadata, file)
    ours = subprocess.run([dump, location, "/nonexistent/", "/nonexistent/"], stdout=subprocess.PIPE, text=True)
    if ours.returncode != 0:
        sys.exit(f"our reader ended with {ours.returncode}")
    seen = list(csv.DictReader(ours.stdout.splitlines()))
    theirs = StaticTable.from_metadata(location).scan().to_arrow().to_pylist()
    wanted = [{name: as_dumped(value) for name, value in row.items()} for row in theirs]
    if not 3 == len(seen) == len(wanted) or any(value is None for row in theirs for value in row.values()):
        sys.exit(f"{len(seen)} rows, pyiceberg: {theirs}")
    for row, other in zip(seen, wanted):
        if row != other:
            sys.exit(f"ours:\n  {row}\npyiceberg:\n  {other}")
    print(f"{len(DEFAULTS)} defaults as pyiceberg reads them")


main(sys.argv[1], os.path.abspath(sys.argv[2]))
