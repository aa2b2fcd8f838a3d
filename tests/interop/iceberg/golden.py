"""golden.py DUMP GOLDEN: every snapshot of the golden tables as our reader sees it, against the rows that their writers saw."""
import json
import os
import re
import subprocess
import sys

dump, golden = sys.argv[1:3]
FIELD = re.compile(r'"(?:[^"]|"")*"|[^,\n]*')
failures = checked = 0


def parse(text):
    """Rows of raw field texts: quotes are kept, so null and the empty string differ."""
    rows, row, at = [], [], 0
    while at < len(text):
        match = FIELD.match(text, at)
        row.append(match.group())
        at = match.end()
        if at == len(text) or text[at] == "\n":
            rows.append(row)
            row = []
        at += 1
    return rows


def check(table, metadata, csv, snapshot):
    global failures, checked
    wanted = parse(open(f"{golden}/{table}/{csv}", encoding="utf-8", newline="").read())
    command = [dump, metadata, f"/tmp/sluice-golden/{table}/", f"{golden}/{table}/table/"] + ([str(snapshot)] if snapshot else [])
    run = subprocess.run(command, capture_output=True)
    if run.returncode != 0:
        print(f"FAILED {table}/{csv}: {run.stderr.decode()}")
        failures += 1
        return
    got = parse(run.stdout.decode())
    keep = [wanted[0].index(name) for name in got[0]]
    wanted = sorted([row[i] for i in keep] for row in wanted[1:])
    if sorted(got[1:]) != wanted:
        failures += 1
        for left, right in zip(sorted(got[1:]), wanted):
            if left != right:
                print(f"FAILED {table}/{csv}: got {left}, wanted {right}")
                break
        else:
            print(f"FAILED {table}/{csv}: {len(got) - 1} rows, wanted {len(wanted)}")
    checked += len(wanted)


for table in sorted(os.listdir(golden)):
    if not os.path.isdir(f"{golden}/{table}"):
        continue
    expect = json.load(open(f"{golden}/{table}/expect.json"))
    check(table, expect["metadata_location"], "rows.csv", None)
    for snapshot in expect["snapshots"]:
        if "csv" in snapshot:
            check(table, expect["metadata_location"], snapshot["csv"], snapshot["snapshot_id"])
print(f"{checked} rows compared, {failures} failures")
sys.exit(1 if failures or checked == 0 else 0)
