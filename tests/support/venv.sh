#!/usr/bin/env bash
# venv.sh: the Python of the tests, with pinned independent readers (pyarrow, DuckDB, pyiceberg).
#
#   venv.sh make            makes build/venv once (a later call takes no time); $SLUICE_VENV names another place
#   venv.sh run SCRIPT ...  makes it if need be and runs the script with it
#
# Exits 77 (CTest: skipped) with the reason where Python 3 or its venv module is absent, or the packages cannot be installed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${SLUICE_VENV:-$(cd "$here/../.." && pwd)/build/venv}
wanted=$here/requirements.txt

skip() { echo "SKIPPED: $*" >&2; exit 77; }

make_venv() {
    cmp -s "$wanted" "$venv/.done" && return
    command -v python3 >/dev/null || skip "python3 is not installed: the independent readers cannot judge"
    python3 -c 'import venv, ensurepip' 2>/dev/null || skip "python3 has no venv module (Debian: apt-get install python3-venv)"
    mkdir -p "$venv"
    (
        flock 9
        cmp -s "$wanted" "$venv/.done" && exit 0
        python3 -m venv "$venv" || exit 1
        "$venv/bin/python" -m pip install -q --disable-pip-version-check -r "$wanted" >"$venv/pip.log" 2>&1 || exit 1
        cp "$wanted" "$venv/.done"
    ) 9>"$venv.lock" || skip "the packages of tests/support/requirements.txt cannot be installed: $(tail -1 "$venv/pip.log" 2>/dev/null)"
}

case "${1:-}" in
make) make_venv; echo "$venv/bin/python" ;;
run) shift; make_venv; exec "$venv/bin/python" -B "$@" ;;
*) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
