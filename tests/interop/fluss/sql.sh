#!/usr/bin/env bash
# sql.sh PROGRAM: CREATE, INSERT, DROP and reads of `sluice sql` on the real Fluss cluster that FLUSS_BOOTSTRAP names.
set -u
sluice=$1
failed=0

# expect TEXT SQL: the text must be in what is printed, times and refusals included.
expect() {
    local out
    out=$("$sluice" sql -b "$FLUSS_BOOTSTRAP" -f csv --timing -e "$2" 2>&1)
    case "$out" in *"$1"*) ;; *) printf '%s\n  wanted: %s\n  got: %s\n' "$2" "$1" "$out"; failed=1 ;; esac
}

expect "Time" "create database sqlshop comment 'x'"
expect "Time" "create table sqlshop.orders (id BIGINT, day STRING, amount DECIMAL(10,2), c CHAR(3) COMMENT 'code', PRIMARY KEY (id, day) NOT ENFORCED)
    PARTITIONED BY (day) WITH ('bucket.num' = '2', 'table.log.ttl' = '1 d', 'mine' = 'y')"
expect "Time" "insert into sqlshop.orders values (1, 'd1', 1.50, 'abc'), (2, 'd2', 2.25, null), (1, 'd2', 9.99, 'x')"
expect "Time" "insert into sqlshop.orders values (1, 'd1', 3.00, 'abc')"
expect "1,d1,3.00,abc
1,d2,9.99,x
2,d2,2.25," "select * from sqlshop.orders order by id, day"
expect "looked up by key" "select amount from sqlshop.orders where id = 1 and day = 'd1'"
expect "insert,1.50
update_before,1.50
update_after,3.00" "select _change_type, amount from sqlshop.orders\$changelog where day = 'd1' order by _log_offset"
expect "\`c\` CHAR(3) COMMENT 'code'" "show create table sqlshop.orders"
expect "d2,1,d2" "show partitions sqlshop.orders"
expect "Time" "create table sqlshop.log (a INT, b TIMESTAMP(3)) WITH ('bucket.num' = '3', 'bucket.key' = 'a')"
expect "Time" "insert into sqlshop.log values (1, TIMESTAMP '2026-01-01 00:00:00'), (2, null), (3, '2026-01-02 10:00:00.5')"
expect "counted from metadata" "select count(*) from sqlshop.log"
expect "3,2026-01-02 10:00:00.500" "select * from sqlshop.log where a = 3"
expect "Character string length must be between 1 and 2147483647 (both inclusive)." "create table sqlshop.bad (a CHAR(0))"
expect "DATABASE_NOT_EMPTY" "drop database sqlshop"
expect "Time" "drop table sqlshop.log; drop database sqlshop cascade"
exit $failed
