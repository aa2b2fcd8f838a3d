#!/usr/bin/env python3
"""cluster.py: a real Apache Fluss 0.9.1 on this machine: ZooKeeper, one coordinator, N tablet servers, each a plain JVM on 127.0.0.1.

    cluster.py run [--tablets N] [-D key=value ...] [--keep] -- COMMAND ...
        starts a cluster, runs COMMAND with FLUSS_BOOTSTRAP set, and ends it whatever happens; the status is COMMAND's;
        77 with the reason where there is no JDK or Maven

From Python: `with cluster.Cluster(tablets=3, settings={"log.segment.file-size": "1mb"}) as c: c.bootstrap`. c.kill(0), c.start_tablet(0),
c.pid("tablet-0") are for tests that hurt it. Jars come from Maven Central by way of ~/.m2; nothing else is written outside the folder
of the cluster, a temporary one that goes with it. Each JVM is told to die with this process, so that not even kill -9 leaves one behind.
Ready means: the coordinator answers GET_METADATA and names every tablet server.
"""
import ctypes
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import jars  # noqa: E402

START_SECONDS = 120
STOP_SECONDS = 15
PR_SET_PDEATHSIG = 1
QUICK_START = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

LOG4J = """rootLogger.level=INFO
rootLogger.appenderRef.file.ref=Main
appender.main.name=Main
appender.main.type=File
appender.main.fileName=${sys:log.file}
appender.main.layout.type=PatternLayout
appender.main.layout.pattern=%d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n
"""


class Failed(Exception):
    """The cluster did not start; the text holds the first errors of its logs."""


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_ports(count):
    """Ports below the ephemeral range, so that no outgoing connection takes one before its server does."""
    found = []
    while len(found) < count:
        port = random.randrange(20000, 32000)
        if port in found:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found


def port_open(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def read_exactly(link, count):
    data = b""
    while len(data) < count:
        more = link.recv(count - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data


def ask(port, api, body, request):
    """One request of Fluss's protocol on a connection of its own, behind the greeting; the answer's bytes."""
    with socket.create_connection(("127.0.0.1", port), 2) as link:
        link.settimeout(5)
        for number, frame in ((0, (1000, b"\x0a\x05fluss\x12\x050.1.0")), (request, (api, body))):
            link.sendall(struct.pack(">ihhi", 8 + len(frame[1]), frame[0], 0, number) + frame[1])
            answer = read_exactly(link, struct.unpack(">i", read_exactly(link, 4))[0])
        return answer


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


class Cluster:
    def __init__(self, tablets=1, settings=None, heap="512m", folder=None, plugins=None, flags=QUICK_START):
        """flags: of every JVM; a measurement passes none, so that they are as they are shipped."""
        self.tablets, self.settings, self.heap, self.plugins, self.flags = tablets, dict(settings or {}), heap, plugins, list(flags)
        self.temporary = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="sluice-fluss-")
        self.processes = {}
        try:
            self.java, self.class_path = jars.java(), jars.class_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "server_pom.xml"))
            ports = free_ports(2 + tablets)
        except BaseException:
            self.stop()
            raise
        self.zookeeper_port, self.coordinator_port, self.tablet_ports = ports[0], ports[1], ports[2:]
        self.bootstrap = f"127.0.0.1:{self.coordinator_port}"

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as file:
            file.write(text)

    def write_settings(self):
        common = {"zookeeper.address": f"127.0.0.1:{self.zookeeper_port}", "default.bucket.number": 1, "default.replication.factor": 1,
                  "remote.data.dir": self.path("remote"), **self.settings}
        self.write("zookeeper.properties", f"dataDir={self.path('zookeeper')}\nclientPort={self.zookeeper_port}\nclientPortAddress=127.0.0.1\n"
                   "admin.enableServer=false\nmaxClientCnxns=0\ntickTime=2000\n")
        self.write("log4j.properties", LOG4J)

        def server(name, port, more):
            own = {**common, "bind.listeners": f"FLUSS://127.0.0.1:{port}", "data.dir": self.path(name), **more}
            self.write(f"conf/{name}/server.yaml", "".join(f"{key}: {value}\n" for key, value in own.items()))

        server("coordinator", self.coordinator_port, {})
        for index, port in enumerate(self.tablet_ports):
            server(f"tablet-{index}", port, {"tablet-server.id": index})

    def launch(self, name, heap, main, *arguments):
        os.makedirs(self.path("log"), exist_ok=True)
        with open(self.path("log", f"{name}.out"), "ab") as out:
            self.processes[name] = subprocess.Popen(
                [self.java, f"-Xmx{heap}", *self.flags, *jars.JVM, f"-Dlog.file={self.path('log', name + '.log')}",
                 f"-Dlog4j.configurationFile=file:{self.path('log4j.properties')}", "-Dlog4j.shutdownHookEnabled=false", "-cp", self.class_path,
                 main, *arguments],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, preexec_fn=die_with_parent,
                # Plugins are looked for here, else in `plugins` below the working directory, which is a room of ours.
                cwd=self.folder, env={**os.environ, "FLUSS_PLUGINS_DIR": self.plugins or self.path("no-plugins")})

    def start_tablet(self, index):
        self.launch(f"tablet-{index}", self.heap, "org.apache.fluss.server.tablet.TabletServer", "--configDir", self.path(f"conf/tablet-{index}"))

    def pid(self, name):
        return self.processes[name].pid

    def kill(self, index):
        """kill -9 of a tablet server; start_tablet brings it back."""
        self.processes[f"tablet-{index}"].kill()
        self.processes[f"tablet-{index}"].wait()

    def errors(self):
        found = []
        for name in sorted(os.listdir(self.path("log")) if os.path.isdir(self.path("log")) else []):
            with open(self.path("log", name), errors="replace") as file:
                found += [f"  {name}: {line.rstrip()}" for line in file if any(w in line for w in ("ERROR", "FATAL", "Exception", "Error:"))][:4]
        return "\n".join(found)

    def wait(self, deadline, ready, what):
        while not ready():
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise Failed(f"{name} ended with status {process.returncode} while waiting for {what}\n{self.errors()}")
            if time.monotonic() > deadline:
                raise Failed(f"{what}: not there after {START_SECONDS} s\n{self.errors()}")
            time.sleep(0.1)

    def ready(self):
        try:
            answer = ask(self.coordinator_port, 1012, b"", 1)
        except OSError:
            return False
        return answer[:1] == b"\0" and all(b"\x18" + varint(port) in answer for port in self.tablet_ports)

    def start(self):
        deadline = time.monotonic() + START_SECONDS
        try:
            self.write_settings()
            self.launch("zookeeper", "128m", "org.apache.fluss.shaded.zookeeper3.org.apache.zookeeper.server.quorum.QuorumPeerMain",
                        self.path("zookeeper.properties"))
            self.wait(deadline, lambda: port_open(self.zookeeper_port), "ZooKeeper")
            self.launch("coordinator", "384m", "org.apache.fluss.server.coordinator.CoordinatorServer", "--configDir", self.path("conf/coordinator"))
            for index in range(self.tablets):
                self.start_tablet(index)
            self.wait(deadline, self.ready, "an answer that names every tablet server")
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        """Kills what was started, by pid: its data is thrown away, so that there is nothing to end in good order."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
        for process in self.processes.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                print(f"cluster: pid {process.pid} does not end", file=sys.stderr)
        self.processes = {}
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    __enter__ = start

    def __exit__(self, *unused):
        self.stop()


def interrupted(number, unused):
    raise SystemExit(128 + number)


def main(arguments):
    if arguments[:1] != ["run"] or "--" not in arguments:
        print(__doc__, file=sys.stderr)
        return 2
    split = arguments.index("--")
    options, command = arguments[1:split], arguments[split + 1:]
    tablets, settings, keep = 1, {}, False
    while options:
        option = options.pop(0)
        if option == "--tablets" and options:
            tablets = int(options.pop(0))
        elif option == "-D" and options:
            key, _, value = options.pop(0).partition("=")
            settings[key] = value
        elif option == "--keep":
            keep = True
        else:
            print(f"cluster.py: what is {option}?", file=sys.stderr)
            return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    begun = time.monotonic()
    try:
        with Cluster(tablets, settings, folder=tempfile.mkdtemp(prefix="sluice-fluss-") if keep else None) as cluster:
            print(f"cluster: {cluster.bootstrap} is ready after {time.monotonic() - begun:.1f} s in {cluster.folder}", file=sys.stderr)
            return subprocess.run(command, env={**os.environ, "FLUSS_BOOTSTRAP": cluster.bootstrap, "FLUSS_CLUSTER": cluster.folder}).returncode
    except jars.Missing as missing:
        print("SKIPPED:", missing)
        return 77
    except Failed as failed:
        print("cluster:", failed, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
