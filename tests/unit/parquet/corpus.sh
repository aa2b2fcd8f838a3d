#!/usr/bin/env bash
# corpus.sh DUMP CORPUS: every file of the public corpus is read or refused as SUMS says (interop.parquet.corpus has the text judged).
set -u
dump=$1
cd "$2" || exit 1
failed=0
while read -r want name; do
    if text=$("$dump" "$name" 2>/tmp/corpus.$$ && echo .); then
        got=$(printf '%s' "${text%.}" | sha256sum | cut -d' ' -f1)
    else
        got=$(cut -d: -f1 /tmp/corpus.$$)
    fi
    [ "$got" = "$want" ] && continue
    echo "$name: $got, not $want: $(head -c 300 /tmp/corpus.$$)"
    failed=1
done < SUMS
rm -f /tmp/corpus.$$
[ "$(find . -name '*.parquet*' | wc -l)" = "$(wc -l < SUMS)" ] || { echo "SUMS and the folder do not have the same files"; failed=1; }
exit $failed
