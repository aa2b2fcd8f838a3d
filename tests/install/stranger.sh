#!/usr/bin/env bash
# stranger.sh BUILD_DIR: installs this build to a fresh prefix, makes a plugin from the template as a stranger would, builds it against nothing
# but that prefix, tests it, checks it, and runs it in a job.
set -eu
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >"$work/install.log" || { tail "$work/install.log"; exit 1; }
sluice=$work/prefix/bin/sluice
cd "$work"
"$sluice" plugins list | grep -q '^datagen ' || { echo "the installed program does not find its plugins"; exit 1; }
"$sluice" plugins new between
if "$sluice" plugins new between 2>/dev/null; then echo "plugins new wrote over a folder"; exit 1; fi
cmake -G Ninja -B between/build -S between -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_C_FLAGS="-Wall -Wextra -Wno-unused-parameter -Werror ${STRANGER_CFLAGS:-}" >cmake.log 2>&1 ||
    { tail cmake.log; exit 1; }
cmake --build between/build >build.log 2>&1 || { tail -30 build.log; exit 1; }
ctest --test-dir between/build --output-on-failure
"$sluice" plugins check between/build/between.so
export SLUICE_PLUGIN_PATH=$work/between/build
"$sluice" plugins show between | grep -q 'keep one row in so many'
"$sluice" run --local between/job.yaml >rows 2>err || { cat err; exit 1; }
[ "$(wc -l <rows)" = 5 ] || { echo "not five rows:"; cat rows; exit 1; }
sed 's/every: 4/evry: 4/' between/job.yaml >wrong.yaml
if "$sluice" run --local wrong.yaml 2>err; then echo "a misspelt option was accepted"; exit 1; fi
grep -q 'wrong.yaml:[0-9]*:13: operator some: between has no option evry: did you mean every?' err || { cat err; exit 1; }
nm -D --defined-only between/build/between.so | grep -v ' slu_plugin_entry$' | grep ' [TDB] ' && { echo "it shows more than slu_plugin_entry"; exit 1; }
echo "a stranger's plugin works"
