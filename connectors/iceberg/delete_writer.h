/*
 * delete_writer.h: files of position deletes: rows of one data file, by their numbers.
 *
 * Source   Iceberg table specification, "Position Delete Files"; the granularity "file" of Java's writers: a file of deletes speaks of one
 *          data file only and names it in its entry, so that readers load no other's and a commit can check that it is there.
 * Equality deletes are written by iceberg_data_writer with equality_ids.
 * Threads  owner; calls block.
 * Errors   UNSUPPORTED: a table of format 3, where deletion vectors took the place of these files; and the data writer's.
 */
#ifndef ICEBERG_DELETE_WRITER_H
#define ICEBERG_DELETE_WRITER_H

#include "iceberg/data_writer.h"

/* Writes one file for `rows` (count > 0, sorted here) of the data file at options->positions_of, which lies in the partition
 * options->partition; options->input is not used. */
SLU_CHECK slu_status iceberg_position_deletes_write(const iceberg_data_writer_options *options, int64_t *rows, size_t count,
                                                    slu_arena *arena, iceberg_data_file *out, slu_error *err);

#endif
