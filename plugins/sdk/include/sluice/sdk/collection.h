/*
 * collection.h: a list or a map per key, in a state of kind BYTES: of any backend, with its TTL, its savepoints and its rescale.
 *
 * Shape    the value of a key is its entries one after another: u32 key bytes, key (of a map), u32 value bytes, value (little-endian), in the
 *          order in which they were added. A change reads and writes the whole of it, once per key and batch: for lists and maps of some
 *          hundred entries, not for those without an end.
 * Owns     an sdk_collection owns scratch memory that is kept from batch to batch. What is read is borrowed as state_get_bytes lends it.
 * Threads  owner.
 * Errors   those of the state; CORRUPT where a value is no list or map; NOMEM; LIMIT for an entry of more than 2^31-1 bytes.
 */
#ifndef SLUICE_SDK_COLLECTION_H
#define SLUICE_SDK_COLLECTION_H

#include <sluice/plugin.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SDK_LIST 1
#define SDK_MAP 2

typedef struct sdk_collection {
    slu_host *host;
    slu_state *state;
    uint32_t kind;
    uint8_t *bytes; /* new values, one after another */
    size_t used, capacity;
    slu_attr *values; /* of each row */
    int32_t *first;   /* row with the same key, by row */
    int32_t *next;    /* row with the same key, by row; -1: none */
    int32_t *slots;   /* open addressing: row + 1, or 0 */
    int64_t rows_capacity;
} sdk_collection;

/* `state` is of kind BYTES and used by nobody else. */
void sdk_collection_init(sdk_collection *collection, slu_host *host, slu_state *state, uint32_t kind);
void sdk_collection_fini(sdk_collection *collection); /* safe on a zeroed one, and twice */

/* Row i adds items[i] to the list of key i; keys may be equal. */
SLU_CHECK slu_status sdk_collection_add(sdk_collection *list, const slu_keys *keys, const slu_attr *items, slu_error *err);
/* Row i puts values[i] under names[i] in the map of key i, in the order of rows; a value without data removes the name. A map that
 * becomes empty is erased. */
SLU_CHECK slu_status sdk_collection_put(sdk_collection *map, const slu_keys *keys, const slu_attr *names, const slu_attr *values,
                                        slu_error *err);
/* What each key has, for the functions below; data NULL: nothing. */
SLU_CHECK slu_status sdk_collection_get(sdk_collection *collection, const slu_keys *keys, slu_attr *out, slu_error *err);

/* The next entry, from *at = 0 on. False: there is none, or the bytes are no collection (*at is then SIZE_MAX). `name` stays empty in a
 * list. */
bool sdk_collection_next(const sdk_collection *collection, const slu_attr *of_key, size_t *at, slu_attr *name, slu_attr *value);
/* The value under a name; data NULL: none. */
slu_attr sdk_collection_find(const sdk_collection *map, const slu_attr *of_key, const void *name, size_t name_bytes);

#ifdef __cplusplus
}
#endif
#endif
