#!/usr/bin/env bash
# template.sh BUILD_DIR TEMPLATE_DIR GENERATOR C_FLAGS: a stranger's way: install sluice into a prefix, build the template against nothing
# but that prefix, run its own test, have the program show and check it, and run its job.
set -euo pipefail
build=$1 template=$2 generator=$3 flags=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >"$work/install.log" 2>&1 || { tail -20 "$work/install.log"; exit 1; }
cp -r "$template" "$work/plugin"
cmake -S "$work/plugin" -B "$work/out" -G "$generator" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_C_FLAGS="$flags" >"$work/configure.log" 2>&1 ||
    { tail -20 "$work/configure.log"; exit 1; }
cmake --build "$work/out" >"$work/build.log" 2>&1 || { tail -40 "$work/build.log"; exit 1; }
ctest --test-dir "$work/out" --output-on-failure >"$work/test.log" 2>&1 || { tail -40 "$work/test.log"; exit 1; }
grep -q '100% tests passed' "$work/test.log"

# Exactly one symbol is visible.
symbols=$(nm -D --defined-only "$work/out/my_plugin.so" | awk '{print $NF}' | grep -v '^__\|^_init$\|^_fini$' || true)
[ "$symbols" = slu_plugin_entry ] || { echo "visible: $symbols"; exit 1; }

export SLUICE_PLUGIN_PATH=$work/out
sluice=$work/prefix/bin/sluice
"$sluice" plugins show my_plugin >"$work/show.txt"
grep -q 'every' "$work/show.txt"
"$sluice" plugins check "$work/out/my_plugin.so" >"$work/check.txt"
"$sluice" run --local "$work/plugin/job.yaml" >"$work/rows.txt" 2>"$work/run.log" || { cat "$work/run.log"; exit 1; }
[ "$(wc -l <"$work/rows.txt")" = 5 ] || { cat "$work/rows.txt" "$work/run.log"; exit 1; }
head -1 "$work/rows.txt" | grep -q '^1 | 1006 | 1700000000001 | 0.80$'
echo "the template builds, shows, checks and runs from $(basename "$work")/prefix"
