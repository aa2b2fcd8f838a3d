#!/usr/bin/env bash
# help.sh PROGRAM DEV: every --help there is says something, ends with 0 and fits a terminal of 80 columns.
set -u
sluice=$1
dev=$2
failed=0

check() {
    local text
    text=$("$@" 2>&1) || { echo "$*: exit $?"; failed=1; }
    [ -n "$text" ] || { echo "$*: says nothing"; failed=1; }
    printf '%s\n' "$text" | LC_ALL=C.UTF-8 awk -v what="$*" 'length($0) > 80 { print what ": " length($0) " columns: " $0; wide = 1 } END { exit wide }' || failed=1
}

check "$sluice" --help
count=0
while read -r verb; do
    # shellcheck disable=SC2086
    check "$sluice" $verb --help
    count=$((count + 1))
done < <("$sluice" --help | sed -n 's/^  \([a-z]\+\( [a-z-]\+\)\?\)  *.*/\1/p')
[ $count -ge 30 ] || { echo "only $count verbs were found in --help"; failed=1; }
for group in plugins tables lake; do check "$sluice" $group --help; done
check "$dev" interop --help
check "$dev" soak --help
# Said before anything is built.
for wrong in ten 0 -1; do
    [ "$("$dev" soak "$wrong" 2>&1)" = "dev: soak takes a number of minutes, not $wrong" ] || { echo "dev soak $wrong was not refused"; failed=1; }
done
exit $failed
