#!/usr/bin/env python3
"""matrix.py --build DIR [--full] [--list] [PATTERN]: who can read what whom wrote, on which server; the cells of tests/interop/README.md.

A cell is (writer, reader, server, table, operation), named writer-reader.server.table.operation. Exit: 0 all cells that ran are right, 1 one
is not, 77 nothing could run. SLUICE_INTEROP_BREAK=CELL spoils one expected value of that cell, to see that it fails.
"""
import copy
import ctypes
import functools
import itertools
import json
import os
import random
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import cluster  # noqa: E402
import jars  # noqa: E402
import model  # noqa: E402

CELLS_MAX = 80
EXCHANGES_MAX = 10000
LEADER_TRIES = 100
ANSWER_SECONDS = 60
RUST_NEEDED = (1, 85)
RUST_BUILD_SECONDS = 480
SPEC_SECONDS = 0.03  # what lies between a step of writing and the moment that is asked for

CLIENTS = {"ours": "our client", "java": "Java client 0.9.1", "rust": "Rust client fluss-rs 1.0.0", "python": "Python client pyfluss 1.0.0"}
SERVERS = {"ours": "our server", "real": "Fluss 0.9.1: ZooKeeper, coordinator, two tablet servers"}

# Python's datetime ends at microseconds: rows (not Arrow batches) of that client carry no nanoseconds.
def micros_only(client, kind):
    return client == "python" and bool(kind.key or kind.partition_key)


# What a client cannot do, as (client, role or *, table regex, operation regex): why. Checked by hand against the client's source.
CANNOT = [
    *((client, *what) for client in ("rust", "python") for what in (
        ("*", r"^pk_signs$", r".*", "hashes bytes above 127 behind the last whole word without their sign: other buckets than Java's (murmur_hash.rs)"),
        ("reader", r"^(log_indexed|log_compacted)$", r".*", "reads no log but ARROW"),
        ("writer", r"^(log_indexed|log_compacted)$", r".*", "writes Arrow bodies into every log, which nobody can read there"),
        ("reader", r"^pk_rows$", r"^(upsert|delete|project)$", "reads no log but ARROW"),
        ("*", r"^pk_indexed$", r".*", "knows no INDEXED rows of primary-key tables"))),
    ("java", "reader", r"^log_nested$", r"^limit$", "its limit scan hands out nested values whose Arrow memory it has freed"),
]
# What a server cannot do: (server, table regex, operation regex): why.
NOT_SERVED = [
]


class Mismatch(Exception):
    def __init__(self, what, got, expected):
        super().__init__(what)
        self.what, self.got, self.expected = what, got, expected


class Refused(Exception):
    """What a driver answered with an error."""


class Silent(Refused):
    """A driver that said nothing."""


# ---- Drivers ----

class Driver:
    """A client's long-lived process. `missing`: why it cannot run here."""

    def __init__(self, name, command, missing=None):
        self.name, self.command, self.missing, self.process = name, command, missing, None

    def start(self):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, preexec_fn=cluster.die_with_parent)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.rest = b""

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    def line(self):
        deadline = time.monotonic() + ANSWER_SECONDS
        while b"\n" not in self.rest:
            if not self.selector.select(max(0, deadline - time.monotonic())):
                self.stop()
                raise Silent(f"the driver of {self.name} said nothing for {ANSWER_SECONDS} s and was ended")
            more = os.read(self.process.stdout.fileno(), 1 << 20)
            if not more:
                said = self.said()
                self.stop()
                raise Refused(f"the driver of {self.name} ended: {said}")
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\n")
        return line

    def ask(self, **request):
        if self.process is None:
            self.start()
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            said = self.said()
            self.stop()
            raise Refused(f"the driver of {self.name} ended: {said}")
        answer = json.loads(self.line())
        if "error" in answer:
            raise Refused(f"{self.name} {request['do']}: {answer['error']}")
        return answer["ok"]

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def make_drivers(build, wanted=tuple(CLIENTS)):
    drivers = {"ours": Driver("ours", [os.path.join(build, "tests/interop/fluss/fluss_our_driver")])}
    try:
        command = [jars.java(), *jars.JVM, "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars.class_path(os.path.join(HERE, "pom.xml")),
                   os.path.join(HERE, "drivers/JavaDriver.java")]
        drivers["java"] = Driver("java", command)
    except jars.Missing as missing:
        drivers["java"] = Driver("java", None, str(missing))
    # Another interpreter may have another pyfluss: oldest.sh.
    python = os.environ.get("SLUICE_INTEROP_PYTHON", sys.executable)
    loaded = subprocess.run([python, "-c", "import fluss, pyarrow"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    missing = None if loaded.returncode == 0 else "pyfluss cannot be loaded: " + (loaded.stdout.strip().splitlines() or ["no word"])[-1]
    drivers["python"] = Driver("python", [python, "-B", os.path.join(HERE, "drivers/python_driver.py")], missing)
    program, missing = rust_driver() if "rust" in wanted else (None, "not asked for")
    drivers["rust"] = Driver("rust", [program], missing)
    return drivers


def rust_driver():
    """(program, None), or (None, why it cannot be built here)."""
    cargo = shutil.which("cargo") or os.path.expanduser("~/.cargo/bin/cargo")
    try:
        version = subprocess.run([cargo, "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60).stdout
    except OSError:
        return None, "no cargo on this machine (fluss-rs wants Rust 1.85; Debian 12 has 1.63: rustup has it)"
    number = re.match(r"cargo (\d+)\.(\d+)", version)
    if not number or tuple(map(int, number.groups())) < RUST_NEEDED:
        return None, f"fluss-rs wants Rust {'.'.join(map(str, RUST_NEEDED))} (rustup has it), here is {version.strip() or 'none that works'}"
    target = os.path.join(jars.cache(), "rust-driver")
    print("building the Rust client and its driver, where they are not built yet (some minutes)", flush=True)
    try:
        built = subprocess.run([cargo, "build", "--locked", "-q", "--manifest-path", os.path.join(HERE, "drivers/rust/Cargo.toml"), "--target-dir", target],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, timeout=RUST_BUILD_SECONDS)
    except subprocess.TimeoutExpired:
        return None, f"fluss-rs was not built within {RUST_BUILD_SECONDS} s"
    if built.returncode != 0:
        return None, f"fluss-rs cannot be built: {(built.stdout.strip().splitlines() or ['no word'])[-1]}"
    return os.path.join(target, "debug", "rust-driver"), None


# ---- Servers ----

class OurServer:
    def __init__(self, build, settings=()):
        self.settings = list(settings)
        self.folder = tempfile.mkdtemp(prefix="sluice-interop-")
        self.process = None
        self.program = os.path.join(build, "connectors/fluss/server/fluss_server_main")

    def __enter__(self):
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = subprocess.Popen([self.program, os.path.join(self.folder, "data"), "127.0.0.1:0", *self.settings], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, preexec_fn=cluster.die_with_parent)
        self.bootstrap = self.process.stdout.readline().strip()
        if not self.bootstrap:
            raise cluster.Failed("our server did not start: " + open(os.path.join(self.folder, "log")).read())
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- A table that was written ----

class Written:
    """One table of one writer on one server: made, written in its steps, and what is to be expected of it."""

    def __init__(self, name, kind, writer, address, attempt, waiter):
        self.name, self.kind, self.address = f"{name}_{writer.name}_{attempt}", kind, address
        self.expected = model.Expected(kind, micros_only(writer.name, kind))
        at = {"at": address, "table": self.name, "descriptor": kind.descriptor()}
        writer.ask(do="create", **at)
        for partition in kind.partitions():
            if partition is not None:
                writer.ask(do="partition", spec=dict(zip(kind.partition_key, partition.split("$"))), **at)
        if writer.name in ("rust", "python"):
            self.wait_for_leaders(waiter)
        self.moment = None
        for verb, rows in kind.steps:
            if self.moment is None and verb is not kind.steps[0][0] or rows is kind.steps[1][1]:
                time.sleep(SPEC_SECONDS)
                self.moment = int(time.time() * 1000)
                time.sleep(SPEC_SECONDS)
            if isinstance(verb, tuple):
                writer.ask(do="partial", columns=list(verb), rows=rows, **at)
            else:
                writer.ask(do=verb, rows=rows, **at)

    def wait_for_leaders(self, waiter):
        """fluss-rs may wait for ever for a bucket whose leader a real cluster has not chosen yet when it first asks."""
        for _ in range(LEADER_TRIES):
            try:
                for partition in self.kind.partitions():
                    self.ask(waiter, "offsets", partition, buckets=model.BUCKETS, spec="latest")
                return
            except Refused:
                time.sleep(0.2)

    def row(self, reader, row, columns=None):
        """A row as this reader is to give it."""
        return self.kind.canonical(row, columns, micros_only(reader.name, self.kind))

    def ask(self, reader, verb, partition, **more):
        return reader.ask(do=verb, at=self.address, table=self.name, descriptor=self.kind.descriptor(), **({} if partition is None else {"partition": partition}), **more)


# ---- Operations: each asks a reader and compares ----

def compare(what, got, expected, spoil):
    if spoil:
        expected = spoiled(expected)
    if got != expected:
        raise Mismatch(what, got, expected)


def spoiled(expected):
    """The same with one value changed: what SLUICE_INTEROP_BREAK is for."""
    expected = copy.deepcopy(expected)
    if isinstance(expected, dict):
        key = next(iter(expected))
        expected[key] = spoiled(expected[key])
        return expected
    if isinstance(expected, list) and expected:
        expected[-1] = spoiled(expected[-1])
        return expected
    return "spoiled" if isinstance(expected, str) or expected is None else expected + 1 if isinstance(expected, int) else ["spoiled"]


def plain(value):
    return json.loads(json.dumps(value))


def scan_logs(reader, table, spoil, first=None, last=None, columns=None):
    """Records between two marks (None: the beginning), all buckets of all partitions."""
    kind, expected = table.kind, table.expected
    starts = expected.marks[first] if first is not None else dict.fromkeys(expected.logs, 0)
    ends = expected.marks[last]
    pick = range(len(kind.names)) if columns is None else [kind.names.index(name) for name in columns]
    for partition in kind.partitions():
        places = [place for place in expected.logs if place[0] == partition]
        got = table.ask(reader, "scan", partition, **{"from": {str(b): starts[p, b] for p, b in places}, "until": {str(b): ends[p, b] for p, b in places},
                                                      "columns": columns})
        wanted = [[b, offset, expected.logs[p, b][offset][0], table.row(reader, [expected.logs[p, b][offset][1][c] for c in pick], columns)]
                  for p, b in places for offset in range(starts[p, b], ends[p, b])]
        got = [record[:3] + [table.row(reader, record[3], columns)] for record in got]
        compare(f"records{'' if partition is None else ' of ' + partition}", sorted(plain(got), key=lambda r: (r[0], r[1])), plain(wanted), spoil)


def op_append(reader, table, spoil):
    scan_logs(reader, table, spoil, None, -1)


def op_upsert(reader, table, spoil):
    scan_logs(reader, table, spoil, None, 1)


def op_delete(reader, table, spoil):
    scan_logs(reader, table, spoil, 1, -1)


def op_project(reader, table, spoil):
    names = table.kind.names
    columns = [names[-1], names[0], names[len(names) // 2]] if len(names) > 2 else names[::-1]
    scan_logs(reader, table, spoil, 0, -1, list(dict.fromkeys(columns)))


def op_lookup(reader, table, spoil):
    expected, kind = table.expected, table.kind
    rows = [row for verb, step in kind.steps if not isinstance(verb, tuple) for row in step]
    keys = list(dict.fromkeys(expected.key_of(row) for row in rows))
    keys = model.shuffled(keys, 1)
    got = table.ask(reader, "lookup", None, keys=[list(key) for key in keys])
    compare("rows by key", {str(key): plain(table.row(reader, row)) for key, row in zip(keys, got)},
            {str(key): plain(table.row(reader, expected.state.get(key))) for key in keys}, spoil)


def op_prefix(reader, table, spoil):
    expected, kind = table.expected, table.kind
    prefixes = sorted({kind.value(row, "a") for _, step in kind.steps for row in step}) + [10**6]
    got = table.ask(reader, "prefix", None, columns=["a"], keys=[[a] for a in prefixes])
    wanted = {str(a): sorted(row for row in expected.state.values() if kind.value(row, "a") == a) for a in prefixes}
    compare("rows by prefix", {str(a): sorted(plain(rows), key=lambda r: r[1]) for a, rows in zip(prefixes, got)}, plain(wanted), spoil)


def op_limit(reader, table, spoil):
    by_text = lambda rows: sorted(plain(rows), key=json.dumps)  # noqa: E731
    for place in table.expected.logs:
        partition, bucket = place
        rows = [table.row(reader, row) for row in table.expected.bucket_rows(place)]
        for limit in (3, 1000):
            got = [table.row(reader, row) for row in table.ask(reader, "limit", partition, bucket=bucket, limit=limit)]
            what = f"bucket {bucket}, limit {limit}"
            if not table.kind.key:
                compare(what, plain(got), plain(rows[-limit:]), spoil)
            elif limit >= len(rows):
                compare(what, by_text(got), by_text(rows), spoil)
            else:
                compare(what, len(got), limit, spoil)
                compare(what, [row for row in plain(got) if row not in plain(rows)], [], False)


def op_offsets(reader, table, spoil):
    expected = table.expected
    for partition in table.kind.partitions():
        buckets = [b for p, b in expected.logs if p == partition]
        for spec, wanted in (("earliest", {str(b): 0 for b in buckets}), ("latest", {str(b): expected.marks[-1][partition, b] for b in buckets}),
                             (1, {str(b): 0 for b in buckets}), (table.moment, {str(b): expected.marks[0][partition, b] for b in buckets})):
            got = table.ask(reader, "offsets", partition, buckets=model.BUCKETS, spec=spec)
            compare(f"offsets, {spec}", plain(got), wanted, spoil)


OPERATIONS = {"append": op_append, "upsert": op_upsert, "delete": op_delete, "project": op_project, "lookup": op_lookup, "prefix": op_prefix,
              "limit": op_limit, "offsets": op_offsets}


def operations_of(name, kind):
    if not kind.key:
        return ["append", "project", "limit", "offsets"]
    found = ["upsert", "delete", "project", "lookup", "limit", "offsets"]
    return found + ["prefix"] if name == "pk_prefix" else found


# ---- Which cells ----

class Cell:
    def __init__(self, writer, reader, server, table, operation):
        self.writer, self.reader, self.server, self.table, self.operation = writer, reader, server, table, operation
        self.name = f"{writer}-{reader}.{server}.{table}.{operation}"
        self.state, self.failure = None, None

    def why_not(self):
        for server, table, operation, why in NOT_SERVED:
            if server == self.server and re.search(table, self.table) and re.search(operation, self.operation):
                return why
        for client, role, table, operation, why in CANNOT:
            for name, own in ((self.writer, "writer"), (self.reader, "reader")):
                if client == name and role in ("*", own) and re.search(table, self.table) and re.search(operation, self.operation):
                    return f"{CLIENTS[client]} as {own}: {why}" if role != "*" else f"{CLIENTS[client]}: {why}"
        return None

    def pairs(self):
        choices = (("w", self.writer), ("r", self.reader), ("s", self.server), ("t", self.table), ("o", self.operation))
        return set(itertools.combinations(choices, 2))


def all_cells():
    return [Cell(w, r, s, name, op) for name, kind in model.TABLES.items() for op in operations_of(name, kind) for s in SERVERS for w in CLIENTS for r in CLIENTS]


def pairwise(cells):
    """At most CELLS_MAX cells in which each pair of choices that any cell has occurs, and how many pairs do not: one cell of each table and
    operation, chosen greedily, then exchanged for others of its kind while that loses nothing; what room is left goes to what is open."""
    chance = random.Random(4)
    cells = model.shuffled(cells, 4)
    bits, of = {}, {}
    for cell in cells:
        of[cell] = sum(1 << bits.setdefault(pair, len(bits)) for pair in cell.pairs())
    everything, kinds = (1 << len(bits)) - 1, {}
    for cell in cells:
        kinds.setdefault((cell.table, cell.operation), []).append(cell)

    def covered(some):
        return functools.reduce(int.__or__, (of[cell] for cell in some), 0)

    chosen, done = [], 0
    for kind in model.shuffled(kinds, 4)[:CELLS_MAX]:
        chosen.append(max(kinds[kind], key=lambda cell: (of[cell] & ~done).bit_count()))
        done |= of[chosen[-1]]
    for _ in range(EXCHANGES_MAX):
        done = covered(chosen)
        room = CELLS_MAX - len(chosen)
        if done == everything or (everything & ~done).bit_count() <= room:
            break
        if chance.random() < 0.3:  # one with a pair that is open; else any, to move on where nothing is better
            bit = chance.choice([bit for bit in range(len(bits)) if not done >> bit & 1])
            other = chance.choice([cell for cell in cells if of[cell] >> bit & 1])
        else:
            other = chance.choice(cells)
        at = next(i for i, cell in enumerate(chosen) if (cell.table, cell.operation) == (other.table, other.operation))
        if (covered(chosen[:at] + chosen[at + 1:]) | of[other]).bit_count() >= done.bit_count():
            chosen[at] = other
    done = covered(chosen)
    while done != everything and len(chosen) < CELLS_MAX:
        chosen.append(max(cells, key=lambda cell: (of[cell] & ~done).bit_count()))
        done |= of[chosen[-1]]
    # Room that is left: our client and Java's, in both directions, on both servers.
    for cell in cells:
        if len(chosen) < CELLS_MAX and cell not in chosen and {cell.writer, cell.reader} == {"ours", "java"}:
            chosen.append(cell)
    return chosen, (everything & ~done).bit_count()


# ---- Running them ----

def run_cell(cell, drivers, written, addresses, spoil):
    key = (cell.writer, cell.server, cell.table)
    # A foreign client that hangs on the foreign server says nothing of us: it may try once more.
    attempts = 2 if cell.server == "real" and cell.writer != "ours" else 1
    for attempt in range(attempts if key not in written else 0):
        try:
            written[key] = Written(cell.table, model.TABLES[cell.table], drivers[cell.writer], addresses[cell.server], attempt, drivers["ours"])
        except Refused as refused:
            written[key] = refused
        if not isinstance(written[key], Silent):
            break
        print(f"{CLIENTS[cell.writer]} hung while it wrote {cell.table} on the {cell.server} server", flush=True)
    table = written[key]
    if isinstance(table, Refused):
        raise Refused(f"writing the table: {table}")
    OPERATIONS[cell.operation](drivers[cell.reader], table, spoil)


def first_difference(got, expected, path=""):
    if isinstance(got, list) and isinstance(expected, list):
        for i in range(max(len(got), len(expected))):
            if i >= len(got) or i >= len(expected):
                return path + f"[{i}]", got[i] if i < len(got) else "nothing", expected[i] if i < len(expected) else "nothing"
            if got[i] != expected[i]:
                return first_difference(got[i], expected[i], path + f"[{i}]")
    if isinstance(got, dict) and isinstance(expected, dict):
        for key in expected:
            if got.get(key, "nothing") != expected[key]:
                return first_difference(got.get(key, "nothing"), expected[key], path + f"[{key}]")
    return path, got, expected


def short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 300 else text[:300] + " ..."


def explain(failure):
    if isinstance(failure, Mismatch):
        path, got, expected = first_difference(failure.got, failure.expected)
        return f"{failure.what} differ at {path or 'the top'}\n    got      {short(got)}\n    expected {short(expected)}"
    return f"{type(failure).__name__}: {failure}"


def run_cells(cells, drivers, addresses):
    spoil = os.environ.get("SLUICE_INTEROP_BREAK", "")
    written = {}
    for cell in sorted(cells, key=lambda c: (c.server, c.table, c.writer)):
        missing = drivers[cell.writer].missing or drivers[cell.reader].missing or (None if cell.server in addresses else "no such server here")
        if missing:
            cell.state, cell.failure = "s", missing
            continue
        begun = time.monotonic()
        try:
            run_cell(cell, drivers, written, addresses, cell.name == spoil)
            cell.state = "+"
        except (Mismatch, Refused) as failure:
            cell.state, cell.failure = "F", failure
            print(f"FAILED {cell.name}", flush=True)
            if os.environ.get("SLUICE_INTEROP_TRACE"):
                print(drivers[cell.reader].said())
        cell.seconds = time.monotonic() - begun


def print_matrix(cells):
    by_place = {(c.table, c.operation, c.server, c.writer, c.reader): c for c in cells}
    pairs = [(w, r) for w in CLIENTS for r in CLIENTS]
    initial = {"ours": "O", "java": "J", "rust": "R", "python": "P"}
    print("\n  + right   F FAILED   s skipped   - a client cannot   . not in this run")
    for title, of in (("writer", 0), ("reader", 1)):
        line = "".join(initial[p[of]] for p in pairs)
        print(f"  {title:>24}  {' '.join(line[i:i + 4] for i in range(0, 16, 4))}   {' '.join(line[i:i + 4] for i in range(0, 16, 4))}")
    print(f"  {'':>24}  {'our server':<19}   {'Fluss 0.9.1':<19}")
    for name, kind in model.TABLES.items():
        for op in operations_of(name, kind):
            if not any(c.state in ("+", "F", "s") for c in cells if c.table == name and c.operation == op):
                continue
            halves = []
            for server in SERVERS:
                states = [(by_place[name, op, server, w, r].state or ".") if (name, op, server, w, r) in by_place else "." for w, r in pairs]
                halves.append(" ".join("".join(states[i:i + 4]) for i in range(0, 16, 4)))
            print(f"  {name + ' ' + op:>24}  {'   '.join(halves)}")


def print_reasons(cells):
    for state, title in (("s", "skipped"), ("-", "cannot")):
        reasons = {}
        for cell in cells:
            if cell.state == state:
                reasons[cell.failure] = reasons.get(cell.failure, 0) + 1
        for reason, count in sorted(reasons.items()):
            print(f"  {title}: {count} cells: {reason}")


def ended(number, unused):
    raise SystemExit(128 + number)


def main():
    arguments = sys.argv[1:]
    full, listing = "--full" in arguments, "--list" in arguments
    arguments = [a for a in arguments if a not in ("--full", "--list")]
    build = arguments[arguments.index("--build") + 1] if "--build" in arguments else "build/release"
    words = [a for i, a in enumerate(arguments) if a != "--build" and (i == 0 or arguments[i - 1] != "--build")]
    pattern = words[0] if words else None
    signal.signal(signal.SIGTERM, ended)
    ctypes.CDLL(None).prctl(cluster.PR_SET_PDEATHSIG, signal.SIGTERM)
    everything = all_cells()
    for cell in everything:
        why = cell.why_not()
        if why:
            cell.state, cell.failure = "-", why
    possible = [cell for cell in everything if cell.state is None]
    chosen, open_pairs = (possible, 0) if full or pattern else pairwise(possible)
    if pattern:
        chosen = [cell for cell in chosen if re.search(pattern, cell.name)]
        if not chosen:
            return 77
    if listing:
        print("\n".join(cell.name for cell in chosen))
        return 0
    begun = time.monotonic()
    drivers = make_drivers(build, {client for cell in chosen for client in (cell.writer, cell.reader)})
    try:
        with OurServer(build) as our:
            addresses = {"ours": our.bootstrap}
            try:
                real = cluster.Cluster(tablets=2)
            except jars.Missing as missing:
                print(f"SKIPPED: the real Fluss: {missing}")
                run_cells(chosen, drivers, addresses)
            else:
                need_real = any(cell.server == "real" for cell in chosen)
                if need_real:
                    with real:
                        addresses["real"] = real.bootstrap
                        run_cells(chosen, drivers, addresses)
                else:
                    real.stop()
                    run_cells(chosen, drivers, addresses)
    finally:
        for driver in drivers.values():
            driver.stop()
    print_matrix(everything)
    print_reasons(everything)
    failed = [cell for cell in chosen if cell.state == "F"]
    right = [cell for cell in chosen if cell.state == "+"]
    print(f"  {len(right)} cells right, {len(failed)} failed, {sum(c.state == 's' for c in chosen)} skipped, of {len(possible)} possible and {len(everything)} in all;"
          f" {open_pairs} pairs of choices not met; {time.monotonic() - begun:.0f} s")
    for cell in failed:
        print(f"FAILED {cell.name}\n  {explain(cell.failure)}")
    return 1 if failed else 0 if right else 77


if __name__ == "__main__":
    sys.exit(main())
