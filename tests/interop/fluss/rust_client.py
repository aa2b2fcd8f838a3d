"""rust_client.py SERVER: the Rust client of Apache Fluss (through its Python face, pyfluss) judges our table server.

Log table by Arrow batches, records and projections; primary-key table by upserts, deletes, partial updates and lookups; prefix lookups;
partitions; limit scans; offsets; and what the server forgets when it is killed: nothing.
"""
import asyncio
import subprocess
import sys
import tempfile

import pyarrow as pa

try:
    import fluss
except ImportError as missing:
    print("SKIPPED: pyfluss is not installed:", missing)
    sys.exit(77)

ROWS = 20000


def same(got, expected, what):
    if got != expected:
        raise AssertionError(f"{what}: got {got!r}, expected {expected!r}")


class Server:
    def __init__(self, program, data):
        self.program, self.data, self.address = program, data, "127.0.0.1:0"

    def start(self):
        self.process = subprocess.Popen([self.program, self.data, self.address], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self.process.stdout.readline().strip()

    def kill(self):
        self.process.kill()
        self.process.wait()


async def connect(server):
    return await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": server.address}))


def path(name):
    return fluss.TablePath("rust", name)


async def create_all(admin):
    await admin.create_database("rust", None, True)
    log = pa.schema([("id", pa.int64()), ("text", pa.string()), ("amount", pa.decimal128(10, 2)), ("at", pa.timestamp("us")), ("ok", pa.bool_())])
    for compression in ("ZSTD", "LZ4_FRAME", "NONE"):
        await admin.create_table(path(compression.lower()), fluss.TableDescriptor(fluss.Schema(log), bucket_count=3, bucket_keys=["id"],
            properties={"table.log.arrow.compression.type": compression}), False)
    keyed = pa.schema([pa.field("k", pa.int32(), False), ("name", pa.string()), ("n", pa.int64())])
    await admin.create_table(path("keyed"), fluss.TableDescriptor(fluss.Schema(keyed, primary_keys=["k"]), bucket_count=2), False)
    prefix = pa.schema([pa.field("a", pa.int32(), False), pa.field("b", pa.string(), False), ("v", pa.int64())])
    await admin.create_table(path("prefix"), fluss.TableDescriptor(fluss.Schema(prefix, primary_keys=["a", "b"]), bucket_count=2,
        bucket_keys=["a"]), False)
    days = pa.schema([("id", pa.int64()), ("day", pa.string())])
    await admin.create_table(path("days"), fluss.TableDescriptor(fluss.Schema(days), bucket_count=2, partition_keys=["day"]), False)
    try:
        await admin.create_table(path("days"), fluss.TableDescriptor(fluss.Schema(days), bucket_count=2), False)
        raise AssertionError("a table that exists is made again")
    except fluss.FlussError as error:
        same(error.error_code, 8, "the code of a table that exists")


def log_batch(first, rows):
    from decimal import Decimal
    ids = list(range(first, first + rows))
    return pa.record_batch([pa.array(ids, pa.int64()), pa.array([None if i % 7 == 0 else f"text {i}" for i in ids]),
        pa.array([Decimal(i).scaleb(-2) for i in ids], pa.decimal128(10, 2)), pa.array([1700000000000000 + i for i in ids], pa.timestamp("us")),
        pa.array([i % 2 == 0 for i in ids])], names=["id", "text", "amount", "at", "ok"])


async def fill(connection, admin):
    for name in ("zstd", "lz4_frame", "none"):
        table = await connection.get_table(path(name))
        writer = table.new_append().create_writer()
        for first in range(0, ROWS, 4000):
            writer.write_arrow_batch(log_batch(first, 4000))
        await writer.flush()
    keyed = await connection.get_table(path("keyed"))
    writer = keyed.new_upsert().create_writer()
    for k in range(500):
        writer.upsert({"k": k, "name": f"name {k}", "n": k})
    for k in range(0, 500, 10):
        writer.delete({"k": k})
    await writer.flush()
    partial = keyed.new_upsert().partial_update_by_name(["k", "n"]).create_writer()
    for k in range(1, 500, 10):
        partial.upsert({"k": k, "n": -k})
    await partial.flush()
    writer = (await connection.get_table(path("prefix"))).new_upsert().create_writer()
    for i in range(90):
        writer.upsert({"a": i // 3, "b": f"b{i % 3}", "v": i})
    await writer.flush()
    for day in ("2024-01-01", "2024-01-02"):
        await admin.create_partition(path("days"), {"day": day}, True)
    writer = (await connection.get_table(path("days"))).new_append().create_writer()
    for i in range(40):
        writer.append({"id": i, "day": f"2024-01-0{1 + i % 2}"})
    await writer.flush()


async def read_logs(connection, admin):
    for name in ("zstd", "lz4_frame", "none"):
        table = await connection.get_table(path(name))
        scanner = await table.new_scan().create_record_batch_log_scanner()
        scanner.subscribe_buckets({b: fluss.EARLIEST_OFFSET for b in range(3)})
        got = (await scanner.to_arrow()).sort_by("id")
        if not got.equals(pa.Table.from_batches([log_batch(0, ROWS)]).cast(got.schema)):
            raise AssertionError(f"the rows of {name} are not those that were written")
        scanner = await table.new_scan().project_by_name(["amount", "id"]).create_record_batch_log_scanner()
        scanner.subscribe_buckets({b: fluss.EARLIEST_OFFSET for b in range(3)})
        got = (await scanner.to_arrow()).sort_by("id")
        same(sorted(got.column_names), ["amount", "id"], "projected columns")
        same(got.column("id").to_pylist(), list(range(ROWS)), "projected rows")
        ends = await admin.list_offsets(path(name), [0, 1, 2], fluss.OffsetSpec.latest())
        same(sum(ends.values()), ROWS, "offsets")


async def read_rows(connection, admin):
    keyed = await connection.get_table(path("keyed"))
    lookuper = keyed.new_lookup().create_lookuper()
    for k in range(0, 500, 7):
        row = await lookuper.lookup({"k": k})
        expected = None if k % 10 == 0 else {"k": k, "name": f"name {k}", "n": -k if k % 10 == 1 else k}
        same(row, expected, f"key {k}")
    scanner = await keyed.new_scan().create_log_scanner()
    scanner.subscribe_buckets({0: fluss.EARLIEST_OFFSET, 1: fluss.EARLIEST_OFFSET})
    state, changes = {}, 0
    for _ in range(100):
        for record in await scanner.poll(500):
            changes += 1
            if record.change_type in (fluss.ChangeType.Insert, fluss.ChangeType.UpdateAfter):
                state[record.row["k"]] = record.row["n"]
            elif record.change_type == fluss.ChangeType.Delete:
                del state[record.row["k"]]
        if changes == 500 + 50 + 100:
            break
    same(changes, 650, "changes")
    same(len(state), 450, "rows by the changelog")
    table_id = (await admin.get_table_info(path("keyed"))).table_id
    rows = 0
    for bucket in range(2):
        scan = keyed.new_scan().limit(100000).create_bucket_batch_scanner(fluss.TableBucket(table_id, bucket))
        rows += (await scan.to_arrow()).num_rows
    same(rows, 450, "rows by limit scans")
    prefix = (await connection.get_table(path("prefix"))).new_lookup().lookup_by(["a"]).create_lookuper()
    for a in (0, 7, 29):
        same(sorted(row["v"] for row in await prefix.lookup({"a": a})), [3 * a, 3 * a + 1, 3 * a + 2], f"prefix {a}")
    same(await prefix.lookup({"a": 1000}), [], "a prefix that was never there")


async def read_partitions(connection, admin):
    days = await connection.get_table(path("days"))
    partitions = await admin.list_partition_infos(path("days"))
    same(sorted(p.partition_name for p in partitions), ["2024-01-01", "2024-01-02"], "partitions")
    scanner = await days.new_scan().create_record_batch_log_scanner()
    scanner.subscribe_partition_buckets({(p.partition_id, b): fluss.EARLIEST_OFFSET for p in partitions for b in range(2)})
    same(sorted((await scanner.to_arrow()).column("id").to_pylist()), list(range(40)), "rows of partitions")


async def main(program):
    with tempfile.TemporaryDirectory() as data:
        server = Server(program, data)
        server.start()
        try:
            for turn in ("written", "after kill -9"):
                connection = await connect(server)
                admin = connection.get_admin()
                if turn == "written":
                    await create_all(admin)
                    await fill(connection, admin)
                same(sorted(await admin.list_tables("rust")), ["days", "keyed", "lz4_frame", "none", "prefix", "zstd"], "tables")
                await read_logs(connection, admin)
                await read_rows(connection, admin)
                await read_partitions(connection, admin)
                print("judged by the Rust client:", turn)
                await connection.close()
                server.kill()
                server.start()
        finally:
            server.kill()


asyncio.run(main(sys.argv[1]))
