/*
 * tuple.h: which files are of one partition: the same spec and the same values.
 */
#ifndef ICEBERG_TUPLE_H
#define ICEBERG_TUPLE_H

#include "iceberg/scan.h"

/* 0: of one partition; else some order of partitions, by the bytes of their values. */
int iceberg_tuple_compare(const iceberg_scan_file *a, const iceberg_scan_file *b);

#endif
