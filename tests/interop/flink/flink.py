"""flink.py: a real Apache Flink 1.20 with the Fluss connector, in one JVM per script: its own SQL client, and Fluss's tiering job.

Jobs run in a mini cluster inside the JVM of whoever submits them, so that nothing has to be started or found; the code is that of any
Flink. Jars come from Maven Central by way of ~/.m2 (jars.py). Every JVM dies with this process.
"""
import os
import re
import subprocess
import sys
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "fluss"))
import cluster  # noqa: E402
import jars  # noqa: E402

FLUSS_VERSION = "0.9.1-incubating"
TIERING = "org.apache.fluss.flink.tiering.FlussLakeTieringEntrypoint"
SQL_CLIENT = "org.apache.flink.table.client.SqlClient"
# What Flink's own configuration gives every JVM of 17.
FLAGS = ["--add-exports=java.base/sun.net.util=ALL-UNNAMED", "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
         "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
         *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in
           ("java.lang", "java.net", "java.io", "java.nio", "sun.nio.ch", "java.lang.reflect", "java.text", "java.time", "java.util",
            "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks"))]
LOG4J = """rootLogger.level=WARN
rootLogger.appenderRef.file.ref=Main
logger.tiering.name=org.apache.fluss.flink.tiering.source.enumerator
logger.tiering.level=INFO
appender.main.name=Main
appender.main.type=File
appender.main.fileName=${sys:log.file}
appender.main.layout.type=PatternLayout
appender.main.layout.pattern=%d{HH:mm:ss,SSS} %-5p %c{1} - %m%n
"""
CONFIGURATION = """execution.target: local
parallelism.default: 1
state.checkpoints.dir: file://{folder}/checkpoints
rest.bind-address: 127.0.0.1
"""


def class_path():
    return ":".join([jars.class_path(os.path.join(here, "pom.xml")), jars.beside("fluss-lake-iceberg", FLUSS_VERSION), jars.beside("fluss-flink-tiering", FLUSS_VERSION)])


class Flink:
    """JVMs with a folder for their settings and logs."""

    def __init__(self, folder, flags=cluster.QUICK_START, more_jars=()):
        """flags: of every JVM; a measurement passes none, so that they are as they are shipped."""
        self.folder, self.java, self.path, self.jvms, self.flags = folder, jars.java(), ":".join([class_path(), *more_jars]), [], flags
        os.makedirs(os.path.join(folder, "conf"), exist_ok=True)
        for name, text in (("config.yaml", CONFIGURATION.format(folder=folder)), ("log4j.properties", LOG4J)):
            with open(os.path.join(folder, "conf", name), "w") as file:
                file.write(text)

    def start(self, name, main, *arguments):
        conf = os.path.join(self.folder, "conf")
        jvm = subprocess.Popen(
            [self.java, "-Xmx1g", *self.flags, *FLAGS, f"-Dlog.file={self.folder}/{name}.log",
             f"-Dlog4j.configurationFile=file:{conf}/log4j.properties", "-cp", self.path, main, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.folder,
            env={**os.environ, "FLINK_CONF_DIR": conf}, preexec_fn=cluster.die_with_parent)
        self.jvms.append(jvm)
        return jvm

    def start_sql(self, name, statements):
        """Statements in Flink's SQL client: the JVM, whose output is the tables it draws. The last of them may run for ever."""
        script = os.path.join(self.folder, f"{name}.sql")
        with open(script, "w") as file:
            file.write("SET 'sql-client.execution.result-mode' = 'tableau';\n" + statements)
        return self.start(name, SQL_CLIENT, "-hist", os.path.join(self.folder, "history"), "-f", script)

    def sql(self, name, statements, seconds=300):
        """Runs statements to their end; the output. An [ERROR] in it fails."""
        jvm = self.start_sql(name, statements)
        try:
            out, _ = jvm.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            jvm.kill()
            out, _ = jvm.communicate()
            raise AssertionError(f"{name}: Flink's SQL client is not done after {seconds} s\n{out[-3000:]}")
        if "[ERROR]" in out or jvm.returncode != 0:
            raise AssertionError(f"{name}: status {jvm.returncode}\n{out[-3000:]}\n{self.log(name)}")
        return out

    def log(self, name):
        path = os.path.join(self.folder, f"{name}.log")
        if not os.path.exists(path):
            return ""
        with open(path, errors="replace") as file:
            return "".join(line for line in file if "Exception" in line or "Caused" in line)[-3000:]

    def alive(self, jvm, name):
        """Fails when a JVM that is to run for ever has ended."""
        if jvm.poll() is not None:
            raise AssertionError(f"{name}: Flink ended\n{jvm.stdout.read()[-3000:]}\n{self.log(name)}")

    def stop(self):
        for jvm in self.jvms:
            if jvm.poll() is None:
                jvm.kill()
            jvm.wait()


def rows(output):
    """The cells of the tables that the SQL client drew: between a table's second and third ruler."""
    found, rulers = [], 0
    for line in output.splitlines():
        line = line.removeprefix("Flink SQL> ").strip()
        if re.fullmatch(r"\+[-+]+\+", line):
            rulers = (rulers + 1) % 3
        elif line.startswith("|") and rulers == 2:
            found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def until(what, seconds, ask):
    """Asks until the answer is true; what it was last is said when time is over."""
    deadline = time.monotonic() + seconds
    while True:
        done, got = ask()
        if done:
            return got
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not there after {seconds} s; last: {got}")
        time.sleep(0.3)
