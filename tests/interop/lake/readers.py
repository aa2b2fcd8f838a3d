"""readers.py: a lake's table read by those who did not write it: pyiceberg, DuckDB and Iceberg's Java reader, each through the REST catalog
and from S3. Every function gives a sorted list of tuples of the columns asked for.
"""
import glob
import os
import subprocess


def pyiceberg_table(lake, name, **more):
    from pyiceberg.catalog import load_catalog
    catalog = load_catalog("lake", **{"type": "rest", "uri": lake.rest_uri, "s3.endpoint": lake.s3_endpoint, "s3.access-key-id": lake.access,
                                      "s3.secret-access-key": lake.secret, "s3.region": lake.region, **more})
    return catalog.load_table(name)


def pyiceberg(lake, name, columns):
    rows = pyiceberg_table(lake, name).scan(selected_fields=tuple(columns)).to_arrow()
    return sorted(zip(*(rows[column].to_pylist() for column in columns))) if rows.num_rows else []


def duckdb_connection(lake):
    """With the keys of the lake's S3; without them where there is none (None)."""
    import duckdb
    import duckdb_extension_avro
    import duckdb_extension_httpfs
    import duckdb_extension_iceberg
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    for module in (duckdb_extension_httpfs, duckdb_extension_avro, duckdb_extension_iceberg):
        path, = glob.glob(os.path.join(os.path.dirname(module.__file__), "extensions", "*", "*.duckdb_extension"))
        connection.execute(f"LOAD '{path}'")
    if lake is None:
        return connection
    secure, _, host = lake.s3_endpoint.partition("://")
    connection.execute(f"CREATE SECRET (TYPE s3, KEY_ID '{lake.access}', SECRET '{lake.secret}', REGION '{lake.region}', ENDPOINT '{host}', "
                       f"URL_STYLE 'path', USE_SSL {str(secure == 'https').lower()})")
    return connection


def duckdb(lake, name, columns):
    location = pyiceberg_table(lake, name).metadata_location  # by its file: what the catalog says is pyiceberg's to judge
    return sorted(duckdb_connection(lake).execute(f"SELECT {', '.join(columns)} FROM iceberg_scan('{location}')").fetchall())


def java(lake, name, columns):
    """Texts, as Java prints them."""
    namespace, table = name.rsplit(".", 1)
    options = {"s3.endpoint": lake.s3_endpoint, "s3.access-key-id": lake.access, "s3.secret-access-key": lake.secret,
               "s3.path-style-access": "true", "client.region": lake.region}
    env = {f"OPTION_{number}": f"{key}={value}" for number, (key, value) in enumerate(options.items())}
    done = subprocess.run([lake.java, "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", lake.class_path, "ReadTable", lake.rest_uri,
                           namespace, table, *columns], env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"Iceberg's Java reader: {done.stderr[-1500:]}")
    return sorted(tuple(line.split("\t")) for line in done.stdout.splitlines())


def as_texts(rows):
    return sorted(tuple("null" if value is None else str(value) for value in row) for row in rows)
