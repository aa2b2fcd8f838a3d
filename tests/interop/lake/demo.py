"""demo.py SLUICE [DEMO'S OWN FLAGS]: the demo with its lake behind an Iceberg REST catalog and in S3, both real ones that are started for
it; at the end its table is read back by pyiceberg, which is not ours. `./dev demo --lake rest` runs it.
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import readers  # noqa: E402
import servers  # noqa: E402
import jars  # noqa: E402


def frauds_wrong(rows, frauds):
    """Round r of the generator holds a fraud whose second transaction has id 10 r + 2; its account's name is "account" and the id."""
    if len(rows) != frauds:
        return f"{len(rows)} rows"
    if [row[0] for row in rows] != [10 * number + 2 for number in range(frauds)]:
        return "ids that the generator never gave"
    return next((f"a row {row}" for row in rows if row[2] != f"account{row[1]}"), None)


def main(sluice, flags):
    with servers.Lake() as lake:
        print(f"lake: REST catalog {lake.rest_uri}, files in {lake.warehouse} of {lake.s3_endpoint} (versitygw)", file=sys.stderr)
        wants_json = "--json" in flags
        done = subprocess.run([sluice, "demo", *lake.settings(), *[flag for flag in flags if flag != "--json"], "--json"],
                              env={**os.environ, **lake.keys()}, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            print(done.stdout, end="")
            return done.returncode
        said = json.loads(done.stdout)
        wrong = frauds_wrong(readers.pyiceberg(lake, "fluss.fraud", ["transactionId", "accountId", "name"]), said["frauds_expected"])
        said["pyiceberg"] = "expected = found" if wrong is None else wrong
        if wants_json:
            print(json.dumps(said))
        else:
            print(f"transactions      {said['transactions']} in {said['seconds']:.1f} s, {said['rows_per_second']:.0f} judged per second\n"
                  f"frauds expected   {said['frauds_expected']}\n"
                  f"frauds found      {said['frauds_stream']} in the stream, {said['frauds_lake']} in the lake, {said['frauds_union']} in their union\n"
                  f"with a name       {said['frauds_named']} by the lookup join\n"
                  f"peak memory       {said['peak_pss_bytes'] / 1048576:.1f} MiB (PSS of the whole stack)\n"
                  f"read by pyiceberg {'every fraud once, with its name' if wrong is None else 'WRONG: ' + wrong}\n"
                  f"{'expected = found' if wrong is None else 'WRONG: expected and found differ'}")
        return 0 if wrong is None else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except jars.Missing as missing:
        print("SKIPPED:", missing)
        sys.exit(77)
    except servers.Failed as failed:
        print("lake:", failed, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
