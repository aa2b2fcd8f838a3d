#!/usr/bin/env bash
# run_example.sh SLUICE FOLDER [PLUGIN_DIR]: runs FOLDER/job.yaml in one process and compares the sorted rows with FOLDER/expected.txt.
set -euo pipefail
export SLUICE_PLUGIN_PATH=${3:-}
cd "$2"
rows=$("$1" run --local job.yaml 2>/dev/null | LC_ALL=C sort)
diff <(LC_ALL=C sort expected.txt) <(printf '%s\n' "$rows")
