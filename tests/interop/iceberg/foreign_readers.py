"""foreign_readers.py: how the readers that are not ours are asked, for the judges of this folder."""
import glob
import os

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg
from pyiceberg.table import StaticTable


def metadata_of(warehouse, table):
    """The newest metadata of a table ("lake/fraud") of a file-system catalog."""
    folder = f"{warehouse}/{table}/metadata"
    version = open(f"{folder}/version-hint.text").read().strip()
    return f"{folder}/v{version}.metadata.json"


def duck():
    """DuckDB with the extensions that came as packages: nothing is downloaded while a test runs."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    for module in (duckdb_extension_httpfs, duckdb_extension_avro, duckdb_extension_iceberg):
        path, = glob.glob(os.path.join(os.path.dirname(module.__file__), "extensions", "*", "*.duckdb_extension"))
        connection.execute(f"LOAD '{path}'")
    return connection


def tuples(arrow):
    return [tuple(row[name] for name in arrow.column_names) for row in arrow.to_pylist()]


def pyiceberg_rows(location, snapshot_id=None):
    """ValueError: it has no reader for equality deletes."""
    return tuples(StaticTable.from_metadata(location).scan(snapshot_id=snapshot_id).to_arrow())


def duckdb_rows(location, connection=None):
    return tuples((connection or duck()).execute(f"SELECT * FROM iceberg_scan('{location}')").to_arrow_table())


def key(row):
    """A row of any types, nulls and NaN included, as something that can be compared and sorted."""
    return tuple((value is not None, value.hex() if isinstance(value, float) else str(value)) for value in row)
