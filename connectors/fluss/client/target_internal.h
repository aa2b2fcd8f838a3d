/* target_internal.h: an opened table, as target.c and slots.c see it. */
#ifndef FLUSS_CLIENT_TARGET_INTERNAL_H
#define FLUSS_CLIENT_TARGET_INTERNAL_H

#include "internal.h"
#include "target.h"

/*
 * A partition that somebody named.
 *
 *   NAMED -asked-> ASKED -answered-> READY
 *                        -error 36, may create-> CREATING -done-> ASKED (until the metadata shows it)
 *                        -error 36-> ABSENT -after a while, when wanted again-> ASKED
 *   ASKED, CREATING -retriable-> PAUSED -the target's timer-> ASKED
 *   READY -not listed any more, or another id-> GONE
 */
#define SLOT_NAMED 0
#define SLOT_ASKED 1
#define SLOT_CREATING 2
#define SLOT_PAUSED 3
#define SLOT_READY 4
#define SLOT_ABSENT 5
#define SLOT_GONE 6
#define SLOT_FAILED 7

typedef struct slot {
    fluss_target *target;
    char *name;
    uint64_t hash;
    int64_t id;    /* -1: not known */
    int64_t above; /* the id of the partition of this name that was dropped before; -1: none. Ids only grow */
    int32_t number;
    uint8_t state;
    bool create;
    uint32_t tries;
    int64_t absent_until_ms;
    slu_error *failure;
    fluss_call *call;
} slot_t;

struct fluss_target {
    fluss_client *client;
    char *database;
    char *table_name;
    char *name;
    slu_arena arena;
    fluss_descriptor descriptor;
    fluss_table table;
    int32_t *leaders;       /* of slot 0 when the table is not partitioned, else of every slot: slot * bucket_count + bucket */
    size_t *schema_columns; /* of the schema ids 1 .. schema_count; the table's own is the last */
    int16_t schema_count;
    int16_t schema_next;  /* to be asked for; schema_count: none left */
    fluss_schema **later; /* by schema id: what came after the table was opened; NULL: none was asked for */
    int16_t later_known;  /* the highest of them; below it all are known */
    fluss_call *later_call;
    slu_error later_failure; /* status SLU_OK: none */
    bool described;
    bool located;
    bool stale;
    uint32_t tries;    /* in a row */
    slu_error failure; /* status SLU_OK: none */
    slot_t **slots;    /* of a partitioned table */
    int32_t slot_count;
    int32_t slot_room;
    int32_t *slot_table; /* by hash of the name: slot + 1; 0: free */
    size_t slot_table_size;
    bool listing;      /* the partitions are being listed */
    uint64_t listings; /* how often that was answered */
    fluss_call *list_call;
    fluss_call *info_call;
    fluss_call *schema_call;
    fluss_call *metadata_call;
    slu_timer *timer;
};

/* slots.c. Asks which partitions there are; the answer ends those that are not there, and a stale target asks for leaders next. */
void slots_list(fluss_target *target);
/* Asks again for what paused. */
void slots_retry(fluss_target *target);
void slots_free(fluss_target *target);
void slots_paths(const fluss_target *target, Fluss__PbPhysicalTablePath *paths, Fluss__PbPhysicalTablePath **pointers,
                 size_t *out_count);
void slots_take(fluss_target *target, const Fluss__MetadataResponse *metadata);
/* target.c */
void target_fail(fluss_target *target, const slu_error *failure);
void target_metadata_ask(fluss_target *target);

#endif
