"""s3_server.py: a real S3 server (versitygw, as the lake tests build it) with one bucket, for remote files of Fluss."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "lake"))
import cluster  # noqa: E402
import servers  # noqa: E402

ACCESS, SECRET, REGION, BUCKET = "sluice-access", "sluice-secret-key", "us-east-1", "fluss"


class S3:
    def __init__(self):
        self.program = servers.versitygw()
        self.folder = tempfile.mkdtemp(prefix="sluice-s3-")
        self.files = os.path.join(self.folder, BUCKET)  # a bucket of the posix backend is a folder
        self.port, = cluster.free_ports(1)
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        os.makedirs(self.files)
        with open(self.folder + ".log", "ab") as log:
            self.process = subprocess.Popen([self.program, "--port", f"127.0.0.1:{self.port}", "--region", REGION, "--quiet", "posix", self.folder],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=cluster.die_with_parent,
                                            env={**os.environ, "ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET, "HOME": self.folder})
        for _ in range(300):
            if cluster.port_open(self.port):
                return self
            time.sleep(0.1)
        self.__exit__()
        raise servers.Failed("versitygw is not ready")

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        os.remove(self.folder + ".log")

    def settings(self):
        """Of a Fluss server; what clients are told are the same keys."""
        return {"remote.data.dir": f"s3://{BUCKET}/remote", "s3.endpoint": self.endpoint, "s3.region": REGION, "s3.access-key": ACCESS,
                "s3.secret-key": SECRET, "s3.path-style-access": "true"}
