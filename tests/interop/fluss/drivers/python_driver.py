"""python_driver.py: the Fluss client of the Python world (pyfluss) as a driver (PROTOCOL.md).

Log tables go as Arrow batches in both directions, partitions and primary-key tables as Python rows.
"""
import asyncio
import datetime
import decimal
import json
import os
import struct
import sys
import time

import fluss
import pyarrow as pa

from arrow_types import arrow_type, unit

DATABASE = "interop"
WAIT_SECONDS = 20
EPOCH = datetime.datetime(1970, 1, 1)
UTC = datetime.timezone.utc
decimal.getcontext().prec = 60


# ---- Types and values ----

def in_unit(precision, ms, nanos):
    return {"s": ms // 1000, "ms": ms, "us": ms * 1000 + nanos // 1000, "ns": ms * 1000000 + nanos}[unit(precision)]


def number_of(of, value):
    """Floats and decimals, which are the same for Arrow and for Python."""
    if of["type"] == "DECIMAL":
        return decimal.Decimal(value).scaleb(-of["scale"])
    return struct.unpack(">f" if of["type"] == "FLOAT" else ">d", bytes.fromhex(value))[0]


def to_arrow(of, value):
    name = of["type"]
    if value is None:
        return None
    if name in ("FLOAT", "DOUBLE", "DECIMAL"):
        return number_of(of, value)
    if name in ("BINARY", "BYTES"):
        return bytes.fromhex(value)
    if name == "TIME_WITHOUT_TIME_ZONE":
        return in_unit(of["precision"], value, 0)
    if name.startswith("TIMESTAMP"):
        return in_unit(of["precision"], *value)
    if name == "ARRAY":
        return [to_arrow(of["element_type"], item) for item in value]
    if name == "MAP":
        return [(to_arrow(of["key_type"], key), to_arrow(of["value_type"], item)) for key, item in value]
    if name == "ROW":
        return {f["name"]: to_arrow(f["field_type"], item) for f, item in zip(of["fields"], value)}
    return value


def to_python(of, value):
    name = of["type"]
    if value is None:
        return None
    if name in ("FLOAT", "DOUBLE", "DECIMAL"):
        return number_of(of, value)
    if name in ("BINARY", "BYTES"):
        return bytes.fromhex(value)
    if name == "DATE":
        return datetime.date.fromordinal(value + 719163)
    if name == "TIME_WITHOUT_TIME_ZONE":
        return (EPOCH + datetime.timedelta(milliseconds=value)).time()
    if name.startswith("TIMESTAMP"):
        at = EPOCH + datetime.timedelta(milliseconds=value[0], microseconds=value[1] // 1000)
        return at if name == "TIMESTAMP_WITHOUT_TIME_ZONE" else at.replace(tzinfo=UTC)
    if name == "ARRAY":
        return [to_python(of["element_type"], item) for item in value]
    if name == "MAP":
        return [(to_python(of["key_type"], key), to_python(of["value_type"], item)) for key, item in value]
    if name == "ROW":
        return {f["name"]: to_python(f["field_type"], item) for f, item in zip(of["fields"], value)}
    return value


def from_python(of, value):
    name = of["type"]
    if value is None:
        return None
    if name in ("FLOAT", "DOUBLE"):
        return struct.pack(">f" if name == "FLOAT" else ">d", value).hex()
    if name == "DECIMAL":
        return str(int(value.scaleb(of["scale"])))
    if name in ("BINARY", "BYTES"):
        return value.hex()
    if name == "DATE":
        return value.toordinal() - 719163
    if name == "TIME_WITHOUT_TIME_ZONE":
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1000 + value.microsecond // 1000
    if name.startswith("TIMESTAMP"):
        micros = (value.replace(tzinfo=None) - EPOCH) // datetime.timedelta(microseconds=1)
        return [micros // 1000, micros % 1000 * 1000]
    if name == "ARRAY":
        return [from_python(of["element_type"], item) for item in value]
    if name == "MAP":
        return [[from_python(of["key_type"], key), from_python(of["value_type"], item)] for key, item in (value.items() if isinstance(value, dict) else value)]
    if name == "ROW":
        return [from_python(f["field_type"], value[f["name"]]) for f in of["fields"]]
    return value


def from_scalar(of, scalar):
    """An Arrow scalar, with all the digits that Python's own times do not have."""
    name = of["type"]
    if not scalar.is_valid:
        return None
    if name == "TIME_WITHOUT_TIME_ZONE":
        return scalar.value * {"s": 1000, "ms": 1}[unit(of["precision"])] if of["precision"] <= 3 else scalar.value // {"us": 1000, "ns": 1000000}[unit(of["precision"])]
    if name.startswith("TIMESTAMP"):
        per_second = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[unit(of["precision"])]
        nanos = scalar.value * (10**9 // per_second)
        return [nanos // 10**6, nanos % 10**6]
    if name == "DATE":
        return scalar.value
    if name == "ARRAY":
        return [from_scalar(of["element_type"], item) for item in scalar.values]
    if name == "MAP":
        return [[from_scalar(of["key_type"], entry["key"]), from_scalar(of["value_type"], entry["value"])] for entry in scalar.values]
    if name == "ROW":
        return [from_scalar(f["field_type"], scalar[f["name"]]) for f in of["fields"]]
    return from_python(of, scalar.as_py())


async def now(result):
    """What pyfluss 0.1.0 gives at once and 1.0.0 when it is awaited."""
    return await result if asyncio.iscoroutine(result) or asyncio.isfuture(result) else result


# ---- Tables ----

class Shape:
    """What the descriptor of a request says."""

    def __init__(self, request):
        self.descriptor = request["descriptor"]
        schema = self.descriptor["schema"]
        self.types = {column["name"]: column["data_type"] for column in schema["columns"]}
        self.key = schema.get("primary_key")
        self.partitioned = bool(self.descriptor["partition_key"])

    def row(self, values, names=None):
        return {name: to_python(self.types[name], value) for name, value in zip(names or self.types, values)}

    def plain(self, row, names=None):
        return None if row is None else [from_python(self.types[name], row[name]) for name in names or self.types]


class Client:
    def __init__(self):
        self.connections, self.tables = {}, {}

    async def connection(self, request):
        at = request["at"]
        if at not in self.connections:
            self.connections[at] = await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": at}))
        return self.connections[at]

    async def table(self, request):
        key = request["at"], request["table"]
        if key not in self.tables:
            self.tables[key] = await (await self.connection(request)).get_table(path(request))
        return self.tables[key]

    async def partition_id(self, request):
        admin = (await self.connection(request)).get_admin()
        for info in await admin.list_partition_infos(path(request)):
            if info.partition_name == request["partition"]:
                return info.partition_id
        raise ValueError(f"no partition {request['partition']}")


def path(request):
    return fluss.TablePath(DATABASE, request["table"])


# ---- Commands ----

async def do_create(client, request):
    shape = Shape(request)
    admin = (await client.connection(request)).get_admin()
    await admin.create_database(DATABASE, None, True)
    fields = [pa.field(name, arrow_type(of), of.get("nullable", True)) for name, of in shape.types.items()]
    schema = fluss.Schema(pa.schema(fields), primary_keys=shape.key)
    descriptor = fluss.TableDescriptor(schema, bucket_count=shape.descriptor["bucket_count"], bucket_keys=shape.descriptor["bucket_key"],
                                       partition_keys=shape.descriptor["partition_key"], properties=shape.descriptor["properties"])
    await admin.create_table(path(request), descriptor, False)
    return True


async def do_drop(client, request):
    await (await client.connection(request)).get_admin().drop_table(path(request), True)
    return True


async def do_partition(client, request):
    await (await client.connection(request)).get_admin().create_partition(path(request), request["spec"], True)
    return True


async def do_append(client, request):
    shape, table = Shape(request), await client.table(request)
    writer = table.new_append().create_writer()
    if shape.partitioned:
        handles = [writer.append(shape.row(row)) for row in request["rows"]]
    else:
        columns = [pa.array([to_arrow(of, row[c]) for row in request["rows"]], arrow_type(of)) for c, of in enumerate(shape.types.values())]
        schema = pa.schema([pa.field(name, arrow_type(of), of.get("nullable", True)) for name, of in shape.types.items()])
        handles = [writer.write_arrow_batch(pa.RecordBatch.from_arrays(columns, schema=schema))]
    await writer.flush()
    for handle in handles:
        await handle.wait()
    return True


async def write_keyed(client, request, deletes):
    shape, table = Shape(request), await client.table(request)
    upsert = table.new_upsert()
    if "columns" in request:
        upsert = upsert.partial_update_by_name(request["columns"])
    writer = upsert.create_writer()
    handles = []
    for values in request["rows"]:
        row = shape.row(values, request.get("columns"))
        handles.append(writer.delete({name: row[name] for name in shape.key}) if deletes else writer.upsert(row))
    await writer.flush()
    for handle in handles:
        await handle.wait()
    return True


async def do_upsert(client, request):
    return await write_keyed(client, request, False)


async def do_delete(client, request):
    return await write_keyed(client, request, True)


do_partial = do_upsert


async def subscribe(client, request, scanner):
    """Subscribes what has rows to read; the ends of those buckets."""
    ends = {int(b): end for b, end in request["until"].items() if end > request["from"][b]}
    starts = {b: request["from"][str(b)] for b in ends}
    if not ends:
        return ends
    if "partition" in request:
        partition = await client.partition_id(request)
        scanner.subscribe_partition_buckets({(partition, b): start for b, start in starts.items()})
    else:
        scanner.subscribe_buckets(starts)
    return ends


async def do_scan(client, request):
    shape, table = Shape(request), await client.table(request)
    scan, names = table.new_scan(), request.get("columns")
    if names:
        scan = scan.project_by_name(names)
    rows, deadline = [], time.monotonic() + WAIT_SECONDS
    if shape.key:
        scanner = await scan.create_log_scanner()
        ends = await subscribe(client, request, scanner)
        while ends and time.monotonic() < deadline:
            for bucket, records in (await now(scanner.poll(200))).items():
                for record in records:
                    end = ends.get(bucket.bucket_id, -1)
                    if record.offset < end:
                        rows.append([bucket.bucket_id, record.offset, record.change_type.short_string(), shape.plain(record.row, names)])
                    if record.offset + 1 == end:
                        del ends[bucket.bucket_id]
        return rows
    scanner = await scan.create_record_batch_log_scanner()
    ends = await subscribe(client, request, scanner)
    while ends and time.monotonic() < deadline:
        for batch in await now(scanner.poll_record_batch(200)):
            bucket, columns = batch.bucket.bucket_id, batch.batch
            for i in range(columns.num_rows):
                offset, end = batch.base_offset + i, ends.get(bucket, -1)
                if offset < end:
                    rows.append([bucket, offset, "+A", [from_scalar(shape.types[name], columns.column(name)[i]) for name in names or shape.types]])
                if offset + 1 == end:
                    del ends[bucket]
    return rows


async def do_lookup(client, request):
    shape, table = Shape(request), await client.table(request)
    lookuper = table.new_lookup().create_lookuper()
    return [shape.plain(row) for row in await asyncio.gather(*[lookuper.lookup(shape.row(key, shape.key)) for key in request["keys"]])]


async def do_prefix(client, request):
    shape, table = Shape(request), await client.table(request)
    lookuper = table.new_lookup().lookup_by(request["columns"]).create_lookuper()
    return [[shape.plain(row) for row in await lookuper.lookup(shape.row(key, request["columns"]))] for key in request["keys"]]


async def do_limit(client, request):
    shape, table = Shape(request), await client.table(request)
    table_id = table.get_table_info().table_id
    bucket = (fluss.TableBucket.with_partition(table_id, await client.partition_id(request), request["bucket"]) if "partition" in request
              else fluss.TableBucket(table_id, request["bucket"]))
    found = await table.new_scan().limit(request["limit"]).create_bucket_batch_scanner(bucket).to_arrow()
    return [[from_scalar(of, found.column(name)[i]) for name, of in shape.types.items()] for i in range(found.num_rows)]


async def do_offsets(client, request):
    admin, spec = (await client.connection(request)).get_admin(), request["spec"]
    wanted = (fluss.OffsetSpec.timestamp(spec) if isinstance(spec, int) else fluss.OffsetSpec.earliest() if spec == "earliest"
              else fluss.OffsetSpec.latest())
    buckets = list(range(request["buckets"]))
    if "partition" in request:
        return await admin.list_partition_offsets(path(request), request["partition"], buckets, wanted)
    return await admin.list_offsets(path(request), buckets, wanted)


async def main():
    client, out = Client(), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        try:
            answer = {"ok": await globals()["do_" + request["do"]](client, request)}
        except BaseException as failure:  # a panic of the client is one, too
            answer = {"error": f"{type(failure).__name__}: {failure}"}
            if os.environ.get("SLUICE_INTEROP_TRACE"):
                import traceback
                traceback.print_exc()
        print(json.dumps(answer), file=out, flush=True)


asyncio.run(main())
