/*
 * decimal.h: exact decimals inside SQLite: the collation DECIMAL over text, and sum, avg, total that stay exact.
 *
 * A number is compared by value ("10.0" = "10.00"); text that is no number sorts behind all numbers, by bytes. Up to 38 digits.
 * sum over integers and doubles answers as SQLite's own does.
 */
#ifndef SLU_SQL_DECIMAL_H
#define SLU_SQL_DECIMAL_H

#include <sqlite3.h>
#include <sluice/status.h>

SLU_CHECK slu_status slu_sql_decimal_register(sqlite3 *db, slu_error *err);

#endif
