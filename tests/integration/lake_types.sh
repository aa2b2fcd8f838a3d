#!/usr/bin/env bash
# lake_types.sh PROGRAM: a row of every type reads the same before and after its way to the lake, of a log table and of one with a key.
set -u
sluice=$1
work=$(mktemp -d)
trap '"$sluice" down --data-dir "$work/data dir" >/dev/null 2>&1; rm -rf "$work"' EXIT
failed=0
fail() { echo "$*"; failed=1; }
up() { "$sluice" up --data-dir "$work/data dir" --server-listen 127.0.0.1:0 --jobmanager-listen 127.0.0.1:0 --rest-listen "" "$@" >"$work/out" 2>&1; }
sql() { timeout 20 "$sluice" sql --fluss.bootstrap.servers "$(awk '$1 == "server" {print $4}' "$work/data dir/up")" \
    --datalake.iceberg.warehouse "$work/data dir/warehouse" -f csv -e "$1" 2>"$work/err"; }

up || { cat "$work/out"; exit 1; }
columns="i1 TINYINT, i2 SMALLINT, f FLOAT, t0 TIMESTAMP(0), t3 TIMESTAMP(3), t6 TIMESTAMP(6), l3 TIMESTAMP_LTZ(3), tm TIME(3), tm0 TIME(0),
    dt DATE, c CHAR(3), b3 BINARY(3), b BYTES, bo BOOLEAN, d DECIMAL(20,4)"
with="WITH ('table.datalake.enabled' = 'true', 'table.datalake.freshness' = '100ms', 'bucket.num' = '1')"
rows="(1, '2021-01-01 00:00:00.001', -128, -32768, 1.5, '1969-12-31 23:59:59', '1969-12-31 23:59:59.999', '2024-01-02 03:04:05.123456', '2024-01-02 03:04:05.123', '01:02:03.456',
    '23:59:59', '2024-02-29', 'abc', x'010203', x'', true, -0.0001),
    (2, '2022-01-01 00:00:00.002', 127, 32767, -0.5, '2024-01-02 03:04:05', '2024-01-02 03:04:05.123', '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999', '00:00:00.000',
    '00:00:00', '1969-12-31', 'ab ', x'000000', x'00ff', false, 1234567890123456.7891),
    (3, '2023-01-01 00:00:00.003', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
sql "CREATE TABLE plain (id INT, k TIMESTAMP(3), $columns) $with; CREATE TABLE keyed (id INT NOT NULL, k TIMESTAMP(3) NOT NULL, $columns,
    PRIMARY KEY (id, k) NOT ENFORCED) ${with%)}, 'bucket.key' = 'id')" \
    >/dev/null || fail "create: $(cat "$work/err")"
for table in plain keyed; do
    sql "INSERT INTO $table VALUES $rows; SELECT * FROM $table\$log ORDER BY id" >"$work/$table.log" || fail "insert: $(cat "$work/err")"
done
for table in plain keyed; do
    for _ in $(seq 100); do [ "$(sql "SELECT count(*) FROM $table\$lake" | tail -1)" = 3 ] && break; sleep 0.2; done
    [ "$(sql "SELECT count(*) FROM $table\$lake" | tail -1)" = 3 ] || fail "$table is not in the lake: $(tail -n 3 "$work"/data\ dir/log/*.log)"
    sql "SELECT * FROM $table ORDER BY id" >"$work/$table.union" || fail "union of $table: $(cat "$work/err")"
    cmp -s "$work/$table.log" "$work/$table.union" || fail "$table: $(diff "$work/$table.log" "$work/$table.union")"
    [ "$(wc -l <"$work/$table.log")" = 4 ] || fail "$table: $(cat "$work/$table.log")"
done
# A row of the lake that the log has anew is one row, although the lake's key is in microseconds.
sql "INSERT INTO keyed SELECT * FROM keyed WHERE id = 2; SELECT count(*) FROM keyed" | tail -1 | grep -qx 3 || fail "keyed: $(sql 'SELECT id FROM keyed')"
# A table by whose key nobody could write is not made, in the words of those who would have to.
for type in TINYINT SMALLINT BOOLEAN FLOAT DOUBLE; do
    case $type in
        TINYINT | SMALLINT) words="Unsupported type for Iceberg binary row writer: $type NOT NULL" ;;
        *) words="Invalid source type ${type,,} for transform: bucket[1]" ;;
    esac
    sql "CREATE TABLE small (id $type NOT NULL, v INT) ${with%)}, 'bucket.key' = 'id')" >/dev/null && fail "a $type key was taken"
    grep -Fq "$words: column id cannot be the bucket key of a lake table" "$work/err" || fail "small: $(cat "$work/err")"
done
sql "SELECT * FROM small" >/dev/null && fail "small was made"
# The list of files says rows, bytes and paths, and cuts none where a program reads it.
"$sluice" lake files fluss.plain --datalake.iceberg.warehouse "$work/data dir/warehouse" >"$work/out" 2>&1
grep -Eq '^ +3 +[0-9]{3,} +1 +data .*/plain/data/.*parquet$' "$work/out" || fail "lake files: $(cat "$work/out")"
[ "$failed" = 0 ] && echo "lake types: all as it should be"
exit "$failed"
