"""lake_judges.py WAREHOUSE FRAUDS: the demo's lake table, read by pyiceberg and by DuckDB: every fraud once, by its very values.

Round r of the generator holds a fraud whose second transaction has id 10 r + 2, on one of the accounts 1006..1009, whose name is
"account" and the id.
"""
import glob
import os
import sys

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg
import pyarrow.compute as pc
from pyiceberg.table import StaticTable

warehouse, frauds = sys.argv[1], int(sys.argv[2])
folder = f"{warehouse}/fluss/fraud/metadata"
version = open(f"{folder}/version-hint.text").read().strip()
location = f"{folder}/v{version}.metadata.json"
failures = []


def check(what, got, wanted):
    print(f"{what}: {got}")
    if got != wanted:
        failures.append(f"{what}: got {got}, wanted {wanted}")


table = StaticTable.from_metadata(location)
rows = table.scan(selected_fields=("transactionId", "accountId", "name", "__bucket", "__offset")).to_arrow()
check("pyiceberg rows", rows.num_rows, frauds)
ids = pc.unique(rows["transactionId"])
check("pyiceberg distinct ids", len(ids), frauds)
check("pyiceberg smallest id", pc.min(rows["transactionId"]).as_py(), 2)
check("pyiceberg largest id", pc.max(rows["transactionId"]).as_py(), 10 * frauds - 8)
check("pyiceberg ids of another form", pc.sum(pc.not_equal(pc.subtract(rows["transactionId"], pc.multiply(pc.divide(rows["transactionId"], 10), 10)), 2)).as_py(), 0)
named = pc.equal(rows["name"], pc.binary_join_element_wise("account", pc.cast(rows["accountId"], "string"), ""))
check("pyiceberg rows with the account's name", pc.sum(named).as_py(), frauds)
check("pyiceberg rows with an offset of their own", rows.group_by(["__bucket", "__offset"]).aggregate([]).num_rows, frauds)

connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
for module in (duckdb_extension_httpfs, duckdb_extension_avro, duckdb_extension_iceberg):
    path, = glob.glob(os.path.join(os.path.dirname(module.__file__), "extensions", "*", "*.duckdb_extension"))
    connection.execute(f"LOAD '{path}'")
got = connection.execute(
    f"SELECT count(*), count(DISTINCT transactionId), count(*) FILTER (name = 'account' || accountId) FROM iceberg_scan('{location}')").fetchone()
check("DuckDB rows, distinct ids, named", got, (frauds, frauds, frauds))
for failure in failures:
    print("WRONG", failure)
sys.exit(1 if failures else 0)
