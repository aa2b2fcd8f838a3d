"""judge.py SLUICE [NAME ...]: sluice on a real REST catalog and a real S3 server, plain, demanding and bad ones, judged by readers that are
not ours. A NAME is one of the functions below that begin with `judge_`; without one, all. 77 with the reason where a server cannot be had.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import demo  # noqa: E402
import front  # noqa: E402
import readers  # noqa: E402
import servers  # noqa: E402
import jars  # noqa: E402

TRANSACTIONS = 20000
FRAUDS = TRANSACTIONS // 10
COLUMNS = ["transactionId", "accountId", "name"]
WEATHER_SEED = int(os.environ.get("SLUICE_SEED", "7"))


class Wrong(Exception):
    """Something is not as it must be; said in a sentence."""


def must(what, truth):
    if not truth:
        raise Wrong(what)


def sluice_run(sluice, words, env, seconds=180):
    """(status, what it said on both streams). Keys in the environment are those of `env` alone."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SLUICE_"))}
    clean.update({"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", **env})
    done = subprocess.run([sluice, *words], env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=seconds)
    return done.returncode, done.stdout, done.stderr


def demo_run(sluice, settings, env):
    status, out, err = sluice_run(sluice, ["demo", "--quiet", "--json", "-n", str(TRANSACTIONS), *settings], env)
    must(f"the demo ended with {status}: {out}{err[-3000:]}", status == 0)
    said = json.loads(out)
    must(f"the demo found {said}", said["frauds_lake"] == said["frauds_union"] == said["frauds_named"] == FRAUDS)


def table_drop(lake):
    """Each judge begins without the table; its files go with it."""
    from pyiceberg.catalog import load_catalog
    from pyiceberg.exceptions import NoSuchTableError
    catalog = load_catalog("lake", **{"type": "rest", "uri": lake.rest_uri})
    try:
        catalog.drop_table("fluss.fraud")
    except NoSuchTableError:
        pass


def check_rows(who, rows):
    wrong = demo.frauds_wrong(rows, FRAUDS)
    must(f"{who} reads {wrong}", wrong is None)


def judge_readers(sluice, lake):
    """The demo, then pyiceberg, DuckDB and Java read the same rows."""
    demo_run(sluice, lake.settings(), lake.keys())
    rows = readers.pyiceberg(lake, "fluss.fraud", COLUMNS)
    check_rows("pyiceberg", rows)
    must("DuckDB reads other rows than pyiceberg", readers.duckdb(lake, "fluss.fraud", COLUMNS) == rows)
    must("Java reads other rows than pyiceberg", readers.java(lake, "fluss.fraud", COLUMNS) == readers.as_texts(rows))


def judge_directory(sluice, lake):
    """The file-system catalog in S3: commits by conditional PUT."""
    import pyiceberg.table
    demo_run(sluice, ["--datalake.iceberg.warehouse", f"s3://{lake.bucket}/plain", "--datalake.iceberg.s3.endpoint", lake.s3_endpoint], lake.keys())
    folder = os.path.join(lake.folder, "s3", lake.bucket, "plain", "fluss", "fraud", "metadata")
    newest = max(glob.glob(folder + "/v*.metadata.json"), key=lambda path: int(re.search(r"/v(\d+)\.", path)[1]))
    location = f"s3://{lake.bucket}/plain/fluss/fraud/metadata/{os.path.basename(newest)}"
    must("a probe was left behind", not glob.glob(folder + "/sluice-probe-*"))
    table = pyiceberg.table.StaticTable.from_metadata(location, {"s3.endpoint": lake.s3_endpoint, "s3.access-key-id": lake.access,
                                                                 "s3.secret-access-key": lake.secret, "s3.region": lake.region})
    rows = table.scan(selected_fields=tuple(COLUMNS)).to_arrow()
    rows = sorted(zip(*(rows[column].to_pylist() for column in COLUMNS)))
    check_rows("pyiceberg", rows)
    query = f"SELECT {', '.join(COLUMNS)} FROM iceberg_scan('{location}')"
    must("DuckDB reads other rows than pyiceberg", sorted(readers.duckdb_connection(lake).execute(query).fetchall()) == rows)


def fill(sluice, lake, table, seed):
    """5,000 rows more by a job's sink, which makes the table where it is missing."""
    with tempfile.TemporaryDirectory() as folder:
        job = os.path.join(folder, "job.yaml")
        with open(job, "w") as file:
            file.write(f"job: filled-{seed}\noperators:\n  - id: rows\n    use: datagen\n    with: {{ kind: transactions, rows: 5000, seed: {seed} }}\n"
                       f"  - id: lake\n    use: iceberg_sink\n    from: rows\n    with: {{ table: {table}, create: true }}\n")
        status, out, err = sluice_run(sluice, ["run", "--local", job, *lake.settings()], lake.keys())
        must(f"the job ended with {status}: {out}{err[-2000:]}", status == 0)


def judge_sink(sluice, lake):
    """A job's sink makes a table and fills it."""
    fill(sluice, lake, "judged.filled", 1)
    rows = readers.pyiceberg(lake, "judged.filled", ["id", "amount"])
    must(f"pyiceberg reads {len(rows)} rows with {len(set(row[0] for row in rows))} ids", len(set(row[0] for row in rows)) == len(rows) == 5000)
    must("DuckDB reads other rows", readers.duckdb(lake, "judged.filled", ["id", "amount"]) == rows)
    must("Java reads other rows", readers.java(lake, "judged.filled", ["id", "amount"]) == readers.as_texts(rows))


def judge_care(sluice, lake):
    """Three snapshots are compacted and expired through the catalog; what is left is whole, and nothing lies about."""
    def care(*words):
        status, out, err = sluice_run(sluice, ["lake", words[0], "judged.kept", *words[1:], *lake.settings()], lake.keys())
        must(f"lake {' '.join(words)} ended with {status}: {out}{err}", status == 0)
        return out
    for seed in (1, 2, 3):
        fill(sluice, lake, "judged.kept", seed)
    rows = readers.pyiceberg(lake, "judged.kept", ["id", "amount"])
    must(f"pyiceberg reads {len(rows)} rows", len(rows) == 15000)
    care("compact")
    table = readers.pyiceberg_table(lake, "judged.kept")
    must("compaction left more than one file", len(table.inspect.files()) == 1)
    care("expire", "--older-than", "0s")
    table = readers.pyiceberg_table(lake, "judged.kept")
    must(f"{len(table.snapshots())} snapshots are left", len(table.snapshots()) == 1)
    care("verify")
    must("pyiceberg reads other rows than before", readers.pyiceberg(lake, "judged.kept", ["id", "amount"]) == rows)
    must("DuckDB reads other rows", readers.duckdb(lake, "judged.kept", ["id", "amount"]) == rows)
    stray = os.path.join(lake.folder, "s3", lake.bucket, table.location().partition(f"{lake.bucket}/")[2], "data", "stray.parquet")
    with open(stray, "w") as file:
        file.write("nobody's")
    care("orphans", "--older-than", "0s", "--force", "--dry-run")
    must("a dry run removed the stray file", os.path.exists(stray))
    care("orphans", "--older-than", "0s", "--force")
    must("the stray file is still there", not os.path.exists(stray))
    must("pyiceberg reads other rows after that", readers.pyiceberg(lake, "judged.kept", ["id", "amount"]) == rows)


def is_commit(method, path):
    return method == "POST" and re.fullmatch(r"/v1/namespaces/[^/]+/tables/[^/]+", path) is not None


def judge_weather(sluice, lake):
    """Lost and wrong answers from both servers, uploads that are cut: every row is there once."""
    catalog_weather = front.Faults(WEATHER_SEED, 3, ["before-drop", "after-drop", "before-500", "after-500", "after-503", "before-503", "before-409",
                                                     "before-429"], lambda method, path: method == "GET" or is_commit(method, path))
    file_weather = front.Faults(WEATHER_SEED + 1, 6, ["before-drop", "after-drop", "before-500", "after-500", "before-503", "cut"], is_s3=True)
    with front.Front(lake.rest_uri, faults=catalog_weather) as catalog, front.Front(lake.s3_endpoint, faults=file_weather) as files:
        demo_run(sluice, lake.settings(catalog.url, files.url), lake.keys())
    print(f"  seed {WEATHER_SEED}; of the catalog {catalog_weather.met}, of the files {file_weather.met}")
    must("there was hardly any weather", sum(catalog_weather.met.values()) > 2 and sum(file_weather.met.values()) > 2)
    rows = readers.pyiceberg(lake, "fluss.fraud", COLUMNS)
    check_rows("pyiceberg", rows)


def certificate(folder):
    """A CA of our own and a server's certificate by it: (certificate, key), the CA's file."""
    def openssl(*words):
        done = subprocess.run(["openssl", *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        must(f"openssl: {done.stdout}", done.returncode == 0)
    with open(os.path.join(folder, "names"), "w") as file:
        file.write("subjectAltName=IP:127.0.0.1\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=sluice tests", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out",
            "server.pem")
    return (os.path.join(folder, "server.pem"), os.path.join(folder, "server.key")), os.path.join(folder, "ca.pem")


def judge_demanding(sluice, lake):
    """TLS under a CA of our own, tokens by client credentials that end after 2 s, a token per table, files only by vended keys that end after
    4 s: sluice brings no key of its own and knows not where the files are."""
    keys = front.TemporaryKeys(lake.access, lake.secret, lake.region, 4)
    with tempfile.TemporaryDirectory() as folder:
        pair, authority = certificate(folder)
        with front.Front(lake.s3_endpoint, certificate=pair, keys=keys) as files:
            demands = front.Demands("sluice", "client-secret", 2, keys, {"s3.endpoint": files.url, "s3.path-style-access": "true"})
            with front.Front(lake.rest_uri, certificate=pair, catalog=demands) as catalog:
                settings = ["--datalake.iceberg.type", "rest", "--datalake.iceberg.uri", catalog.url, "--datalake.iceberg.rest.ca-file", authority,
                            "--datalake.iceberg.s3.ca-file", authority]
                secret = {"SLUICE_DATALAKE_ICEBERG_CREDENTIAL": "sluice:client-secret"}
                demo_run(sluice, settings, secret)
                sql = ["sql", "-f", "csv", "-e", "select 1", "--datalake.iceberg.type", "rest", "--datalake.iceberg.uri", catalog.url]
                status, _, err = sluice_run(sluice, sql, secret)
                must(f"without the CA: status {status}, {err}", status != 0 and "certificate" in err)
                status, _, err = sluice_run(sluice, [*sql, "--datalake.iceberg.rest.ca-file", authority],
                                            {"SLUICE_DATALAKE_ICEBERG_CREDENTIAL": "sluice:wrong-secret"})
                must(f"with a wrong credential: status {status}, {err}", status != 0 and "invalid_client" in err and "wrong-secret" not in err)
    print(f"  {len(demands.tokens)} tokens, {len(keys.given)} keys vended, {len(keys.used)} used, {demands.commits} commits by the table's token")
    must("no key was renewed", len(keys.used) > 1)
    must("no commit carried the table's token", demands.commits > 0)
    check_rows("pyiceberg", readers.pyiceberg(lake, "fluss.fraud", COLUMNS))


def judge_secret(sluice, lake):
    """A wrong secret: the server's words, once, and never the secret."""
    keys = {**lake.keys(), "AWS_SECRET_ACCESS_KEY": "not-the-right-secret"}
    place = ["--datalake.iceberg.warehouse", f"s3://{lake.bucket}/secret", "--datalake.iceberg.s3.endpoint", lake.s3_endpoint]
    status, out, err = sluice_run(sluice, ["demo", "--quiet", "-n", "1000", *place], keys)
    must(f"status {status}, {out}{err}", status != 0)
    must(f"the server's words are there once: {err}", err.count("SignatureDoesNotMatch") == 1)
    must(f"the secret is not said: {err}", "not-the-right-secret" not in out + err)


def judge_overwriter(sluice, lake):
    """A server that ignores If-None-Match is refused by the file-system catalog before anything is committed."""
    with front.Front(lake.s3_endpoint, forget="if-none-match", own=(lake.access, lake.secret, lake.region)) as files:
        place = ["--datalake.iceberg.warehouse", f"s3://{lake.bucket}/over", "--datalake.iceberg.s3.endpoint", files.url]
        status, out, err = sluice_run(sluice, ["demo", "--quiet", "-n", "1000", *place], lake.keys())
    must(f"status {status}, {out}{err}", status != 0 and "If-None-Match" in err)
    must("something was left behind", not glob.glob(os.path.join(lake.folder, "s3", lake.bucket, "over", "**", "*.*"), recursive=True))


def main(sluice, names):
    judges = {name[6:]: function for name, function in globals().items() if name.startswith("judge_")}
    failed = 0
    with servers.Lake() as lake:
        for name in names or judges:
            table_drop(lake)
            begun = time.monotonic()
            try:
                judges[name](sluice, lake)
                print(f"lake.{name}: right, {time.monotonic() - begun:.1f} s", flush=True)
            except (Wrong, RuntimeError, subprocess.TimeoutExpired) as wrong:
                failed += 1
                print(f"lake.{name}: WRONG: {wrong}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except jars.Missing as missing:
        print("SKIPPED:", missing)
        sys.exit(77)
    except servers.Failed as problem:
        print("lake:", problem, file=sys.stderr)
        sys.exit(1)
