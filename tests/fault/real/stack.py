"""stack.py: table server, job manager, task managers as real processes that are killed and come back at the same places; the jobs that run on
them; and what is in stream and lake at the end, row by row."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from daemon import Daemon  # noqa: E402

JOBS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../jobs")
TABLES = [
    ("transaction", "id BIGINT, accountId BIGINT, createdAt BIGINT, amount DECIMAL(10,2)", "--bucket-key", "accountId"),
    ("account", "id BIGINT NOT NULL, name STRING, updatedAt BIGINT", "--primary-key", "id"),
    ("fraud", "transactionId BIGINT, accountId BIGINT, name STRING", "--bucket-key", "transactionId", "--table.datalake.enabled", "true",
     "--table.datalake.freshness", "1s"),
]
ACCOUNTS = """job: accounts
operators:
  - {{ id: generator, use: datagen, with: {{ kind: accounts, rows: 4 }} }}
  - {{ id: written, use: fluss_sink, from: generator, with: {{ table: fluss.account }} }}
"""
# The generator is hurt like every other job: its sink is exactly once by the identity, too.
TRANSACTIONS = """job: transactions
parallelism: {generators}
operators:
  - {{ id: generator, use: datagen, with: {{ kind: transactions, rows: {rows}, rate: {rate}, batch: 500, seed: 7 }} }}
  - {{ id: written, use: fluss_sink, from: generator, with: {{ table: fluss.transaction, identity: [id] }} }}
"""
# Deaths come faster than a user's would: a job must not wait for the next one.
BRISK = ["--checkpoint.interval", "300ms", "--restart.strategy", "fixed-delay", "--restart.attempts", "10000", "--restart.delay", "100ms"]
QUERY = {
    "transactions": "select * from transaction$log order by id",
    "frauds in the stream": "select * from fraud$log order by transactionId",
    "frauds in the lake": "select transactionId, accountId, name from fraud$lake order by transactionId",
    "frauds in their union": "select * from fraud order by transactionId",
}


class Stack:
    """`place(name)`: the words before a daemon's command line, and the host it listens on."""

    def __init__(self, program, work, taskmanagers=2, slots=5, place=lambda name: ([], "127.0.0.1")):
        self.program, self.work, self.slots, self.place = program, work, slots, place
        self.address = {"server": None, "jobmanager": None}
        self.daemons = {}
        os.makedirs(f"{work}/warehouse")
        self.names = ["server", "jobmanager"] + [f"taskmanager-{i + 1}" for i in range(taskmanagers)]
        for name in self.names:
            self.start(name)
            self.ready(name)

    def words(self, name):
        before, host = self.place(name)
        open_ = [] if host == "127.0.0.1" else ["--insecure"]
        folder = ["--data-dir", f"{self.work}/{name}"]
        listen = ["--listen", self.address.get(name) or f"{host}:0"]
        if name == "server":
            words = ["server", *listen, "--datalake.format", "iceberg", "--datalake.iceberg.warehouse", f"{self.work}/warehouse"]
        elif name == "jobmanager":
            words = ["jobmanager", *listen, "--rest-listen", ""]
        else:
            words = ["taskmanager", "--listen", host, "--jobmanager", self.address["jobmanager"], "--slots", str(self.slots)]
        return [*before, self.program, *words, *folder, *open_]

    def start(self, name):
        """Does not wait; the end of its log so far is where its next life begins."""
        log = f"{self.work}/{name}.log"
        begin = len(Daemon.text(self.daemons[name])) if name in self.daemons else 0
        self.daemons[name] = Daemon(self.words(name), log)
        self.daemons[name].begin = begin

    def ready(self, name, seconds=30):
        daemon = self.daemons[name]
        match, _ = daemon.wait_for(r"ready.* at (?:\w+://)?(\S+)", seconds, daemon.begin)
        if name in self.address:
            self.address[name] = match.group(1)

    def sluice(self, *words, check=True, where="jobmanager", seconds=120):
        environment = dict(os.environ, SLUICE_JOBMANAGER=self.address["jobmanager"], SLUICE_FLUSS_BOOTSTRAP_SERVERS=self.address["server"])
        done = subprocess.run([*self.place(where)[0], self.program, *words], env=environment, capture_output=True, text=True, check=False, timeout=seconds)
        if check and done.returncode != 0:
            raise RuntimeError(f"sluice {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def run(self, path, *more):
        self.sluice("run", path, "--fluss.bootstrap.servers", self.address["server"], *more)

    def descriptor(self, text, **values):
        path = f"{self.work}/{text.split()[1]}.yaml"
        with open(path, "w") as file:
            file.write(text.format(**values) + "params: { fluss.bootstrap.servers: 127.0.0.1:9123 }\n")
        return path

    def jobs_start(self, rows, rate, generators=2):
        for table, columns, *more in TABLES:
            self.sluice("tables", "create", f"fluss.{table}", columns, "--buckets", "4", *more)
        self.run(self.descriptor(ACCOUNTS))
        self.run(f"{JOBS}/fraud_detection.yaml", "-d", "-p", "2", *BRISK)
        self.run(f"{JOBS}/tiering.yaml", "-d", "--datalake.iceberg.warehouse", f"{self.work}/warehouse", *BRISK)
        self.run(self.descriptor(TRANSACTIONS, rows=rows, rate=rate, generators=generators), "-d", *BRISK)

    def state(self, job):
        match = re.search(r'"state"\s*:\s*"(\w+)"', self.sluice("describe", job, "--json", check=False))
        return match.group(1) if match else None

    def sql(self, text):
        said = self.sluice("sql", "-f", "csv", "--datalake.iceberg.warehouse", f"{self.work}/warehouse", "-e", text, check=False)
        return said.splitlines()[1:]

    def count(self, table):
        rows = self.sql(f"select count(*) from {table}")
        return int(rows[0]) if rows and rows[0].isdigit() else 0

    def settle(self, frauds, seconds):
        """Until the generator is through and all that is expected is in the lake, or nothing more can be waited for."""
        until = time.monotonic() + seconds
        self.sluice("wait", "transactions", "--timeout", f"{seconds}s", check=False, seconds=seconds + 30)
        while time.monotonic() < until and (self.count("fraud$log") < frauds or self.count("fraud$lake") < frauds):
            time.sleep(0.3)
        time.sleep(1)  # what is too much would come now

    def outcome(self):
        return {what: self.sql(text) for what, text in QUERY.items()}

    def workers_wait(self, seconds=10):
        """Process ids of all workers, of one at least; none when none came."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            workers = sorted(pid for name in self.names[2:] for pid in self.daemons[name].children())
            if workers:
                return workers
            time.sleep(0.02)
        return []

    def restarts(self):
        return re.findall(r"\d+ restarts", "".join(self.sluice("describe", job, check=False) for job in ("transactions", "fraud-detection", "tiering")))

    def last_words(self):
        for name in self.names:
            text = self.daemons[name].text()
            print(f"--- {name}\n" + "\n".join(text.splitlines()[-12:]), file=sys.stderr)

    def close(self):
        for name in reversed(self.names):
            if name in self.daemons and not self.daemons[name].file.closed:
                self.daemons[name].kill(15)


def calm_outcome(program, work, rows):
    """The same jobs, hurt by nobody."""
    stack = Stack(program, work)
    try:
        stack.jobs_start(rows, 0)
        stack.settle(rows // 10, 120)
        return stack.outcome()
    finally:
        stack.close()


def differences(expected, got):
    """In words; none: every row is there once."""
    found = []
    for what, rows in expected.items():
        mine = got[what]
        lost = sorted(set(rows) - set(mine))
        strange = sorted(set(mine) - set(rows))
        twice = len(mine) - len(set(mine))
        if mine != rows:
            found.append(f"{what}: {len(mine)} rows for {len(rows)}; {len(lost)} lost {lost[:5]}, {len(strange)} that nobody wrote {strange[:5]}, {twice} doubled")
    return found
