"""remote_log.py SERVER [s3]: the Java client and the Rust client (by pyfluss) read logs of our server whose old segments are remote.

Every log format and compression, changelogs, partitions; whole and projected; from the first offset and from the middle of a segment;
before and after kill -9. What is remote is gone locally before it is read. With "s3" it is in a real S3 server, whose place and keys the Java
client has from our server's token (the Rust client is left out). Skipped (77) where there is no JDK, Maven or, for S3, Go.
"""
import asyncio
import contextlib
import glob
import os
import subprocess
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
import jars  # noqa: E402
import s3_server  # noqa: E402

SETTINGS = ["log.segment.file-size=128kb", "remote.log.task-interval-duration=100 ms"]
ROWS = 12000
LOGS = ["zstd", "lz4_frame", "none", "indexed", "compacted"]


class Server:
    def __init__(self, program, data, s3):
        self.program, self.data, self.address, self.settings = program, data, "127.0.0.1:0", list(SETTINGS)
        self.remote = data + "/remote"  # where remote files can be looked at
        if s3:
            self.remote = s3.files + "/remote"
            more = {**s3.settings(), "s3.client.access-key": s3_server.ACCESS, "s3.client.secret-key": s3_server.SECRET}
            self.settings += [f"{key}={value}" for key, value in more.items()]

    def start(self):
        self.process = subprocess.Popen([self.program, self.data, self.address, *self.settings], stdout=subprocess.PIPE,
                                        stderr=open(self.data + ".log", "a"), text=True)
        self.address = self.process.stdout.readline().strip()

    def kill(self):
        self.process.kill()
        self.process.wait()


def wait_remote(data, remote):
    """Until no bucket that is large enough has more than two local segments."""
    for _ in range(200):
        counts = [len(glob.glob(place + "/*.log")) for place in glob.glob(data + "/remote/**/log-*", recursive=True)
                  if f"{data}/remote/log/" not in place]
        if len(counts) == 9 and max(counts) <= 2:
            break
        time.sleep(0.1)
    else:
        raise AssertionError(f"local segments that did not go: {counts}")
    manifests = glob.glob(remote + "/log/**/*.manifest", recursive=True)
    segments = glob.glob(remote + "/log/remote/**/*.log", recursive=True)
    print(f"{len(segments)} remote segments, {len(manifests)} manifests")
    if len(segments) < 30:
        raise AssertionError("too little is remote for a test")


async def rust(server):
    import fluss
    import pyarrow as pa
    connection = await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": server.address}))
    for name in LOGS[:3]:
        table = await connection.get_table(fluss.TablePath("remote", name))
        scanner = await table.new_scan().create_record_batch_log_scanner()
        scanner.subscribe_buckets({0: fluss.EARLIEST_OFFSET})
        got = await scanner.to_arrow()
        if got.column("id").to_pylist() != list(range(ROWS)):
            raise AssertionError(f"{name}: the rows by the Rust client")
        scanner = await table.new_scan().project_by_name(["n", "id"]).create_record_batch_log_scanner()
        scanner.subscribe_buckets({0: 0})
        got = await scanner.to_arrow()
        if sorted(got.column("id").to_pylist()) != list(range(ROWS)) or sorted(got.column_names) != ["id", "n"]:
            raise AssertionError(f"{name}: projected rows by the Rust client")
    await connection.close()
    print("judged by the Rust client")


def main(program, in_s3):
    try:
        path = jars.class_path(os.path.join(here, "pom.xml"))
        if in_s3:
            path += ":" + jars.beside("fluss-fs-s3", "0.9.1-incubating")
        s3_open = s3_server.S3() if in_s3 else contextlib.nullcontext()
    except jars.Missing as why:
        print("SKIPPED:", why)
        sys.exit(77)

    def judge(mode):
        subprocess.run([jars.java(), *jars.JVM, "-XX:+UseSerialGC", "-Xmx512m", "-cp", path, os.path.join(here, "Remote.java"), mode,
                        server.address], check=True, timeout=180)

    with tempfile.TemporaryDirectory() as work, s3_open as s3:
        server = Server(program, work + "/data", s3)
        server.start()
        try:
            judge("write")
            wait_remote(server.data, server.remote)
            judge("read")
            server.kill()
            server.start()
            judge("read")
            judge("tail")
            try:
                if in_s3:
                    raise ImportError("it reads directories here")
                import fluss  # noqa: F401
            except ImportError as missing:
                print("the Rust client is left out:", missing)
            else:
                asyncio.run(rust(server))
        except BaseException:
            print(open(server.data + ".log").read()[-3000:])
            raise
        finally:
            server.kill()


main(sys.argv[1], "s3" in sys.argv[2:])
