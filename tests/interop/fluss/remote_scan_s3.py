"""remote_scan_s3.py TEST ...: our client on a real Fluss whose remote.data.dir is in a real S3 server: each TEST is run with FLUSS_BOOTSTRAP and
FLUSS_S3_* set, and reads old log segments, or kv snapshots, from there with keys of its own. Skipped (77) where there is no JDK, Maven or Go.
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import cluster  # noqa: E402
import jars  # noqa: E402
import s3_server  # noqa: E402

VERSION = "0.9.1-incubating"
QUICK = {"log.segment.file-size": "64kb", "remote.log.task-interval-duration": "1s", "kv.snapshot.interval": "1s",
         "s3.directory.marker.retention": "keep"}  # versitygw on a file system refuses what Hadoop would remove after every file


def main(tests):
    with tempfile.TemporaryDirectory() as plugins:
        os.makedirs(plugins + "/s3")
        shutil.copy(jars.beside("fluss-fs-s3", VERSION), plugins + "/s3")
        with s3_server.S3() as s3, cluster.Cluster(1, {**QUICK, **s3.settings()}, plugins=plugins) as real:
            env = {**os.environ, "FLUSS_BOOTSTRAP": real.bootstrap, "FLUSS_S3_ENDPOINT": s3.endpoint, "FLUSS_S3_ACCESS_KEY": s3_server.ACCESS,
                   "FLUSS_S3_SECRET_KEY": s3_server.SECRET}
            failed = [test for test in tests if subprocess.run([test], env=env).returncode != 0]
            if failed:
                print(real.errors())
            return 1 if failed else 0


try:
    sys.exit(main(sys.argv[1:]))
except jars.Missing as missing:
    print("SKIPPED:", missing)
    sys.exit(77)
