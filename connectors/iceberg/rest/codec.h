/*
 * codec.h: the words of the Iceberg REST catalog: answers into values, values into request bodies. No sockets.
 *
 * Source   apache/iceberg open-api/rest-catalog-open-api.yaml.
 * Owns     decoded texts live in the arena given; a table's metadata owns itself.
 * Threads  any.
 * Errors   CORRUPT: not the JSON that was due, with what is missing. Unknown keys are passed over.
 * Limits   ICEBERG_REST_PROPERTIES_MAX properties in one object, ICEBERG_REST_LEVELS_MAX levels in a namespace; the size of an answer
 *          is bounded by whoever fetched it.
 */
#ifndef ICEBERG_REST_CODEC_H
#define ICEBERG_REST_CODEC_H

#include "iceberg/catalog.h"
#include "iceberg/store_maker.h"

#define ICEBERG_REST_PROPERTIES_MAX 4096
#define ICEBERG_REST_LEVELS_MAX 16

typedef struct iceberg_rest_properties {
    iceberg_property *items;
    size_t count;
} iceberg_rest_properties;

typedef struct iceberg_rest_config {
    iceberg_rest_properties defaults;
    iceberg_rest_properties overrides;
    bool has_idempotency; /* the server remembers Idempotency-Key */
} iceberg_rest_config;

typedef struct iceberg_rest_token {
    const char *token;
    int64_t expires_s; /* -1: not said */
} iceberg_rest_token;

/* What a failed answer says; never fails: a page of HTML has an empty type and a cut message. */
typedef struct iceberg_rest_fault {
    char type[64];
    char message[400];
} iceberg_rest_fault;

typedef struct iceberg_rest_loaded {
    char *metadata_location;
    iceberg_metadata *metadata;
    slu_arena arena; /* of what follows, which is for this table alone */
    iceberg_rest_properties config;
    iceberg_store_grant *grants; /* "storage-credentials" */
    size_t grant_count;
} iceberg_rest_loaded;

void iceberg_rest_loaded_fini(iceberg_rest_loaded *loaded);

SLU_CHECK slu_status iceberg_rest_config_decode(slu_view text, slu_arena *arena, iceberg_rest_config *out, slu_error *err);
SLU_CHECK slu_status iceberg_rest_token_decode(slu_view text, slu_arena *arena, iceberg_rest_token *out, slu_error *err);
void iceberg_rest_fault_decode(slu_view text, iceberg_rest_fault *out);
/* One page: each table's name to `found`; *out_next is the next page's token, NULL: the last page. */
SLU_CHECK slu_status iceberg_rest_tables_decode(slu_view text, slu_arena *arena, iceberg_named found, void *to,
                                                const char **out_next, slu_error *err);
/* The same for namespaces, levels joined by '.'. */
SLU_CHECK slu_status iceberg_rest_namespaces_decode(slu_view text, slu_arena *arena, iceberg_named found, void *to,
                                                    const char **out_next, slu_error *err);
/* The answer of load, create and commit. */
SLU_CHECK slu_status iceberg_rest_table_decode(slu_view text, iceberg_rest_loaded *out, slu_error *err);

/* The bodies are appended. `ns` has levels divided by '.'. */
SLU_CHECK slu_status iceberg_rest_namespace_encode(const char *ns, slu_buf *out, slu_error *err);
/* `stage`: the table is only prepared (staged.h). */
SLU_CHECK slu_status iceberg_rest_create_encode(const char *name, const iceberg_create *create, bool stage, slu_buf *out,
                                                slu_error *err);
SLU_CHECK slu_status iceberg_rest_commit_encode(const iceberg_table *base, const iceberg_change *change, slu_buf *out,
                                                slu_error *err);
SLU_CHECK slu_status iceberg_rest_rename_encode(const char *from_ns, const char *from, const char *to_ns, const char *to,
                                                slu_buf *out, slu_error *err);

#endif
