#!/usr/bin/env python3
"""servers.py: a real S3 server (versitygw, from the Go module proxy) and a real Iceberg REST catalog (Iceberg's Java one, from Maven
Central) on 127.0.0.1, on ports that are free.

    servers.py run -- COMMAND ...    starts both, runs COMMAND with LAKE_* and AWS_* set, ends them; the status is COMMAND's; 77 with the
                                     reason where there is no Go, JDK or Maven

From Python: `with servers.Lake() as lake: lake.settings()`. What is built stays in the cache of the tests; data lies in a temporary folder
that goes with the servers. Each process is told to die with this one.
"""
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "fluss"))
import cluster  # noqa: E402
import jars  # noqa: E402

VERSITYGW = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
BUILD_SECONDS = 900
START_SECONDS = 90
ACCESS, SECRET, REGION, BUCKET = "sluice-access", "sluice-secret-key", "us-east-1", "lake"


class Failed(Exception):
    """A server did not start; the text holds the end of its log."""


def built(name, digest_of, build):
    """A folder of the cache, made once by build(folder); two processes that ask at once build once."""
    place = os.path.join(jars.cache(), f"{name}-{hashlib.sha256(digest_of.encode()).hexdigest()[:12]}")
    with open(place + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(place):
            shutil.rmtree(place + ".part", ignore_errors=True)
            os.makedirs(place + ".part")
            build(place + ".part")
            os.rename(place + ".part", place)
    return place


def run(command, what, **more):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=BUILD_SECONDS,
                              stdin=subprocess.DEVNULL, **more)
    except subprocess.TimeoutExpired:
        raise jars.Missing(f"{what} was not built within {BUILD_SECONDS} s")
    if done.returncode != 0:
        raise jars.Missing(f"{what} cannot be built: {(done.stdout.strip().splitlines() or ['no word'])[-1]}")


def versitygw():
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if not go:
        raise jars.Missing("no go on this machine (the S3 server versitygw is built from its Go module, Go 1.24 or later)")

    def build(folder):
        print("lake: building versitygw (once; about two minutes)", file=sys.stderr)
        run([go, "install", "-trimpath", VERSITYGW], "versitygw", env={**os.environ, "GOBIN": folder, "GOFLAGS": "-buildvcs=false"})

    return os.path.join(built("versitygw", VERSITYGW, build), "versitygw")


def java_class_path():
    """Our two Java files beside the jars of java/pom.xml."""
    path = jars.class_path(os.path.join(HERE, "java", "pom.xml"))
    sources = sorted(glob.glob(os.path.join(HERE, "java", "*.java")))
    javac = os.path.join(os.path.dirname(os.path.realpath(jars.java())), "javac")
    if not os.access(javac, os.X_OK):
        raise jars.Missing("no javac beside java (Debian: apt-get install openjdk-17-jdk-headless)")

    def build(folder):
        run([javac, "-nowarn", "-cp", path, "-d", folder, *sources], "the Java side of the lake tests")

    return built("lake-java", path + "".join(open(source).read() for source in sources), build) + ":" + path


class Lake:
    def __init__(self, tls=None):
        """tls: (certificate, key) files for the S3 server."""
        self.folder = tempfile.mkdtemp(prefix="sluice-lake-")
        self.processes, self.tls = {}, tls
        try:
            self.java, self.class_path, self.s3_program = jars.java(), java_class_path(), versitygw()
        except BaseException:
            self.stop()
            raise
        self.s3_port, self.rest_port = cluster.free_ports(2)
        self.s3_endpoint = f"http{'s' if tls else ''}://127.0.0.1:{self.s3_port}"
        self.rest_uri = f"http://127.0.0.1:{self.rest_port}"
        self.warehouse = f"s3://{BUCKET}/wh"
        self.access, self.secret, self.region, self.bucket = ACCESS, SECRET, REGION, BUCKET

    def launch(self, name, command, env):
        with open(os.path.join(self.folder, name + ".log"), "ab") as log:
            self.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                                    preexec_fn=cluster.die_with_parent, cwd=self.folder, env={**os.environ, **env})

    def wait(self, name, ready):
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self.processes[name].poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self.folder, name + ".log"), errors="replace") as log:
                    raise Failed(f"{name} is not ready: {log.read()[-2000:]}")
            time.sleep(0.1)

    def rest_ready(self):
        try:
            return urllib.request.urlopen(self.rest_uri + "/v1/config", timeout=5).status == 200
        except OSError:
            return False

    def start(self):
        try:
            # A bucket of the posix backend is a folder.
            os.makedirs(os.path.join(self.folder, "s3", BUCKET))
            secure = ["--cert", self.tls[0], "--key", self.tls[1]] if self.tls else []
            self.launch("s3", [self.s3_program, "--port", f"127.0.0.1:{self.s3_port}", "--region", REGION, "--quiet", *secure, "posix",
                               os.path.join(self.folder, "s3")], {"ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET, "HOME": self.folder})
            self.wait("s3", lambda: cluster.port_open(self.s3_port))
            self.launch("rest", [self.java, "-Xmx384m", *cluster.QUICK_START, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp",
                                 self.class_path, "org.apache.iceberg.rest.RestCatalog"],
                        {"REST_PORT": str(self.rest_port), "AWS_REGION": REGION,
                         "CATALOG_URI": f"jdbc:sqlite:file:{self.folder}/catalog.db", "CATALOG_JDBC_USER": "user",
                         "CATALOG_JDBC_PASSWORD": "password", "CATALOG_WAREHOUSE": self.warehouse,
                         "CATALOG_IO__IMPL": "org.apache.iceberg.aws.s3.S3FileIO", "CATALOG_S3_ENDPOINT": self.s3_endpoint,
                         "CATALOG_S3_PATH__STYLE__ACCESS": "true", "CATALOG_S3_ACCESS__KEY__ID": ACCESS,
                         "CATALOG_S3_SECRET__ACCESS__KEY": SECRET, "CATALOG_CLIENT_REGION": REGION})
            self.wait("rest", self.rest_ready)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes = {}
        shutil.rmtree(self.folder, ignore_errors=True)

    __enter__ = start

    def __exit__(self, *unused):
        self.stop()

    def keys(self):
        """For the environment of whoever works on the lake."""
        return {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION}

    def settings(self, rest_uri=None, s3_endpoint=None, **more):
        """sluice's settings of the lake, as words of a command line."""
        all_of_them = {"type": "rest", "uri": rest_uri or self.rest_uri, "s3.endpoint": s3_endpoint or self.s3_endpoint,
                       "s3.path-style-access": "true", **{key.replace("_", "."): value for key, value in more.items()}}
        return [word for key, value in all_of_them.items() for word in (f"--datalake.iceberg.{key}", value)]


def main(arguments):
    if arguments[:2] != ["run", "--"]:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with Lake() as lake:
            return subprocess.run(arguments[2:], env={**os.environ, **lake.keys(), "LAKE_REST_URI": lake.rest_uri,
                                                      "LAKE_S3_ENDPOINT": lake.s3_endpoint, "LAKE_BUCKET": BUCKET}).returncode
    except jars.Missing as missing:
        print("SKIPPED:", missing)
        return 77
    except Failed as failed:
        print("lake:", failed, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
