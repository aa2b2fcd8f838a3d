#!/usr/bin/env bash
# oldest.sh BUILD: the oldest published client, pyfluss 0.1.0 of the days of Fluss 0.8, in the cells of the matrix that it can do, on our server:
# it reads logs and rows that we wrote, we read rows that it wrote. It knows no scan of primary-key tables, no limit, no prefix, no BINARY and no
# nested types, and puts the rows of a log into buckets of its own choice. Skipped (77) where there is no Python or the package cannot be had.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/sluice-tests/pyfluss-0.1.0
command -v python3 >/dev/null || { echo "SKIPPED: no python3 on this machine"; exit 77; }
if [ ! -e "$venv/ready" ]; then
    mkdir -p "$(dirname "$venv")"
    (
        flock 9
        [ -e "$venv/ready" ] && exit 0
        python3 -m venv "$venv" && "$venv/bin/python" -m pip install -q --disable-pip-version-check pyfluss==0.1.0 pyarrow==26.0.1 && touch "$venv/ready"
    ) 9>"$venv.lock" >/dev/null 2>&1 || { echo "SKIPPED: pyfluss 0.1.0 cannot be installed"; exit 77; }
fi
export SLUICE_INTEROP_PYTHON=$venv/bin/python
exec python3 -B "$here/matrix.py" --build "$1" \
    '^(ours-python\.ours\.(log_(none|lz4|zstd|parts)\.(append|project|offsets)|pk_(compacted|prefix|partial)\.(lookup|offsets))|python-(ours|python)\.ours\.pk_(prefix|partial|parts)\.(lookup|offsets)|python-ours\.ours\.pk_(prefix|partial|parts)\.(upsert|delete|project|limit))$'
