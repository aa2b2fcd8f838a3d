/*
 * cluster.h: what clients ask a coordinator to remember about itself: offsets that sinks registered, tags of servers, the last
 * rebalance.
 *
 * Shape    rows of the catalogue (catalogue.h); each function is one transaction.
 * Owns     results live in the caller's arena.
 * Threads  owner.
 * Errors   NOTFOUND: no such producer, tag or rebalance. IO: SQLite's words.
 */
#ifndef FLUSS_SERVER_CATALOGUE_CLUSTER_H
#define FLUSS_SERVER_CATALOGUE_CLUSTER_H

#include "fluss/server/catalogue/catalogue.h"

/* The end offset of a bucket when a sink's job began: what it undoes back to (REGISTER_PRODUCER_OFFSETS). */
typedef struct fluss_producer_offset {
    int64_t table_id;
    int64_t partition_id; /* -1: none */
    int32_t bucket;
    int64_t offset;
} fluss_producer_offset;

/* Registers unless the producer has offsets that are good beyond now_ms: then *out_created is false, and those stay. */
SLU_CHECK slu_status fluss_catalogue_register_producer(fluss_catalogue *c, const char *producer,
                                                       const fluss_producer_offset *offsets, size_t count, int64_t now_ms,
                                                       int64_t expires_ms, bool *out_created, slu_error *err);
/* Ordered by table, partition, bucket. Those whose time is over are still given until they are expired, as Fluss does. */
SLU_CHECK slu_status fluss_catalogue_get_producer(fluss_catalogue *c, const char *producer, slu_arena *arena,
                                                  int64_t *out_expires_ms, fluss_producer_offset **out, size_t *out_count,
                                                  slu_error *err);
/* OK when there are none. */
SLU_CHECK slu_status fluss_catalogue_delete_producer(fluss_catalogue *c, const char *producer, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_expire_producers(fluss_catalogue *c, int64_t now_ms, slu_error *err);

SLU_CHECK slu_status fluss_catalogue_get_server_tag(fluss_catalogue *c, int32_t server_id, int32_t *out_tag, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_set_server_tag(fluss_catalogue *c, int32_t server_id, int32_t tag, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_clear_server_tag(fluss_catalogue *c, int32_t server_id, slu_error *err);

/* The last one replaces the one before. */
SLU_CHECK slu_status fluss_catalogue_set_rebalance(fluss_catalogue *c, const char *id, slu_error *err);
SLU_CHECK slu_status fluss_catalogue_get_rebalance(fluss_catalogue *c, slu_arena *arena, const char **out_id, slu_error *err);

#endif
