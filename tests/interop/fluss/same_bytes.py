#!/usr/bin/env python3
"""same_bytes.py BUILD: what our writer sends for given rows is what the Java client sends, byte for byte.

Both clients write the tables of model.py to our server through a recording proxy (recorder.py). Batches are compared behind what differs by
nature: writer id, sequence, CRC, base offset and time, and the ids of partitions (taken in order). Bodies of compressed Arrow logs are
compared buffer by buffer after pyarrow, which is neither of the two, has decompressed them.
"""
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import cluster  # noqa: E402
import matrix  # noqa: E402
import model  # noqa: E402
import recorder  # noqa: E402

PRODUCE_LOG, PUT_KV = 1014, 1016
LOG_HEADER_BYTES, KV_HEADER_BYTES = 48, 28


def spans(batch, log):
    """The header without what differs by nature, and the body."""
    if log:
        # base offset 0-8, length 8-12, magic 12, time 13-21, crc 21-25, schema 25, attributes 27, delta 28, writer 32-40, sequence 40-44, count 44
        return batch[8:13] + batch[25:32] + batch[44:48], batch[48:]
    return batch[0:5] + batch[9:12] + batch[24:28], batch[28:]


def batches(records, log):
    found = []
    while records:
        size = struct.unpack_from("<i", records, 8)[0] + 12 if log else struct.unpack_from("<i", records)[0] + 4
        found.append(records[:size])
        records = records[size:]
    return found


def written(asked):
    """{(partition number, bucket): [batch, ...]}, target columns."""
    found, columns, partitions = {}, [], set()
    for api, message in asked:
        if api not in (PRODUCE_LOG, PUT_KV):
            continue
        for number, value in recorder.fields(message):
            if api == PUT_KV and number == 4 and value:
                columns.append(value)
            if number == (4 if api == PRODUCE_LOG else 5):
                part = dict(recorder.fields(value))
                partitions.add(part.get(1, -1))
                found.setdefault((part.get(1, -1), part[2]), []).extend(batches(part[3], api == PRODUCE_LOG))
    order = {partition: number for number, partition in enumerate(sorted(partitions))}
    return {(order[partition], bucket): of for (partition, bucket), of in found.items()}, sorted(set(columns))


def decompressed(body, kind):
    """Buffers of an Arrow body, as pyarrow reads them."""
    import pyarrow as pa
    sys.path.insert(0, os.path.join(HERE, "drivers"))
    import arrow_types
    schema = pa.schema([pa.field(name, arrow_types.arrow_type(of)) for name, of in kind.columns])
    batch = pa.ipc.read_record_batch(pa.py_buffer(body), schema)
    found = []
    for column in batch.columns:
        found += [None if buffer is None else bytes(buffer) for buffer in column.buffers()]
    return batch.num_rows, found


def difference(name, ours, java, kind, compressed):
    (our_batches, our_columns), (java_batches, java_columns) = ours, java
    if our_columns != java_columns:
        return f"target columns: ours {our_columns}, Java's {java_columns}"
    if sorted(our_batches) != sorted(java_batches):
        return f"buckets: ours {sorted(our_batches)}, Java's {sorted(java_batches)}"
    for place in sorted(our_batches):
        if len(our_batches[place]) != len(java_batches[place]):
            return f"{place}: {len(our_batches[place])} batches of ours, {len(java_batches[place])} of Java's"
        for index, pair in enumerate(zip(our_batches[place], java_batches[place])):
            log = not kind.key
            (our_header, our_body), (java_header, java_body) = (spans(batch, log) for batch in pair)
            where = f"{place}, batch {index}"
            if compressed:
                our_header, java_header = our_header[4:], java_header[4:]  # the length
                our_body, java_body = decompressed(our_body, kind), decompressed(java_body, kind)
            if our_header != java_header:
                return f"{where}, header: ours {our_header.hex()}, Java's {java_header.hex()}"
            if our_body == java_body:
                continue
            if compressed:
                at = next(i for i, (a, b) in enumerate(zip(our_body[1], java_body[1])) if a != b)
                return f"{where}, buffer {at}: ours {str(our_body[1][at])[:200]}, Java's {str(java_body[1][at])[:200]}"
            at = next((i for i, (a, b) in enumerate(zip(our_body, java_body)) if a != b), min(len(our_body), len(java_body)))
            return (f"{where}: {len(our_body)} bytes of ours, {len(java_body)} of Java's, the first different one is {at}\n"
                    f"      ours   ... {our_body[max(0, at - 16):at + 32].hex()}\n      Java's ... {java_body[max(0, at - 16):at + 32].hex()}")
    return None


def record(driver, proxy, address, name, kind):
    """What a client sends in each step."""
    at = {"at": address, "table": f"{name}_bytes_{driver.name}", "descriptor": kind.descriptor()}
    driver.ask(do="create", **at)
    for partition in kind.partitions():
        if partition is not None:
            driver.ask(do="partition", spec=dict(zip(kind.partition_key, partition.split("$"))), **at)
    steps = []
    proxy.take()
    for verb, rows in kind.steps:
        if isinstance(verb, tuple):
            driver.ask(do="partial", columns=list(verb), rows=rows, **at)
        else:
            driver.ask(do=verb, rows=rows, **at)
        steps.append(written(proxy.take()))
    return steps


def spoil(batches_of):
    """Flips a bit of the last byte of what we sent: SLUICE_INTEROP_BREAK=same_bytes.TABLE shows that it is noticed."""
    found = batches_of[max(batches_of)]
    found[-1] = found[-1][:-1] + bytes([found[-1][-1] ^ 1])


def judge(name, kind, drivers, proxy, address):
    both = [record(drivers[client], proxy, address, name, kind) for client in ("ours", "java")]
    compressed = kind.properties.get("table.log.arrow.compression.type", "ZSTD") != "NONE" and "table.log.format" not in kind.properties and not kind.key
    total = 0
    if os.environ.get("SLUICE_INTEROP_BREAK") == f"same_bytes.{name}":
        spoil(both[0][-1][0])
    for step, (ours, java) in enumerate(zip(*both)):
        total += sum(len(batch) for of in java[0].values() for batch in of)
        found = difference(name, ours, java, kind, compressed)
        if found:
            return f"step {step + 1} ({kind.steps[step][0]}), {found}", total
    return None, total


def main():
    build = sys.argv[1]
    wanted = sys.argv[2:] or list(model.TABLES)
    os.environ["SLUICE_INTEROP_BATCH_MS"] = "1500"
    drivers = matrix.make_drivers(build, ("ours", "java"))
    if drivers["java"].missing:
        print("SKIPPED:", drivers["java"].missing)
        return 77
    port = cluster.free_ports(1)[0]
    failed = 0
    with matrix.OurServer(build, [f"advertised.listeners=FLUSS://127.0.0.1:{port}"]) as server:
        proxy = recorder.Recorder(port, server.bootstrap)
        try:
            for name in wanted:
                try:
                    why, total = judge(name, model.TABLES[name], drivers, proxy, f"127.0.0.1:{port}")
                except matrix.Refused as refused:
                    why, total = str(refused), 0
                print(f"  {'FAILED' if why else 'same':>6}  {name:<14} {total:>8} bytes" + (f"\n    {why}" if why else ""), flush=True)
                failed += why is not None
        finally:
            proxy.close()
            for driver in drivers.values():
                driver.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
