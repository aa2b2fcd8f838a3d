"""sink_kill.py SLUICE DUMP DIR: a job into an Iceberg table whose worker is killed twice; every row must be there once."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sluice, dump, folder = sys.argv[1:4]
ROWS = 600000
shutil.rmtree(folder, ignore_errors=True)
os.makedirs(folder)
warehouse = f"{folder}/warehouse"
with open(f"{folder}/job.yaml", "w") as job:
    job.write(f"""job: to-iceberg
parallelism: 2
checkpoint: {{ interval: 200ms }}
operators:
  - id: gen
    use: datagen
    with: {{ kind: transactions, rows: {ROWS}, rate: 200000 }}
  - id: lake
    use: iceberg_sink
    from: gen
    with: {{ table: db.tx, warehouse: {warehouse}, create: true }}
""")


def children(pid):
    """The processes whose parent is `pid`."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and open(f"/proc/{name}/stat").read().rsplit(")", 1)[1].split()[1] == str(pid):
                found.append(int(name))
        except OSError:
            pass
    return found


up = subprocess.run([sluice, "up", "--data-dir", f"{folder}/data", "--server-listen", "127.0.0.1:0", "--jobmanager-listen", "127.0.0.1:0",
                     "--rest-listen", ""], capture_output=True, text=True, timeout=60)
try:
    assert up.returncode == 0, up.stderr
    task_manager = int(re.search(r"taskmanager-1\s+process (\d+)", up.stdout).group(1))
    job_manager = re.search(r"jobmanager\s+process \d+\s+(\S+)", up.stdout).group(1)
    run = subprocess.Popen([sluice, "run", "-m", job_manager, f"{folder}/job.yaml"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    killed = 0
    for _ in range(2):
        time.sleep(1.2)
        for pid in children(task_manager)[:1]:
            os.kill(pid, signal.SIGKILL)
            killed += 1
    output, _ = run.communicate(timeout=90)
    assert run.returncode == 0, output
    assert killed > 0, "no worker was found to kill"
finally:
    subprocess.run([sluice, "down", "--data-dir", f"{folder}/data"], capture_output=True, timeout=60)

versions = sorted(int(name[1:-len(".metadata.json")]) for name in os.listdir(f"{warehouse}/db/tx/metadata") if name.endswith(".metadata.json"))
metadata = f"{warehouse}/db/tx/metadata/v{versions[-1]}.metadata.json"
lines = subprocess.run([dump, metadata, "/", "/"], capture_output=True, text=True, check=True).stdout.splitlines()
ids = [line.split(",", 1)[0] for line in lines[1:]]
snapshots = len(json.load(open(metadata))["snapshots"])
print(f"{len(ids)} rows, {len(set(ids))} different, {snapshots} snapshots, {killed} workers killed")
sys.exit(0 if len(ids) == ROWS == len(set(ids)) else 1)
