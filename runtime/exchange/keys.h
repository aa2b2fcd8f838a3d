/*
 * keys.h: canonical key bytes of some columns of a batch, as the door defines them at slu_keys, and their hashes.
 *
 * Shape    a slu_keyer is compiled once from a schema and column names and used for every batch of that schema.
 * Owns     its scratch memory; what encode shows is valid until its next call.
 * Threads  owner.
 * Errors   INVALID: no such column, or a type that is no key (nested, dictionary); NOMEM; LIMIT: more than 2^31-1 key bytes.
 * Limits   SLU_KEY_COLUMNS_MAX columns.
 */
#ifndef SLU_EXCHANGE_KEYS_H
#define SLU_EXCHANGE_KEYS_H

#include <sluice/plugin.h>

#define SLU_KEY_COLUMNS_MAX 16u

typedef struct slu_keyer slu_keyer;

SLU_CHECK slu_status slu_keyer_new(const struct ArrowSchema *schema, const char *const *names, uint32_t count, slu_keyer **out,
                                   slu_error *err);
void slu_keyer_free(slu_keyer **keyer);

/* The keys of the rows of a batch, through its selection. */
SLU_CHECK slu_status slu_keyer_encode(slu_keyer *keyer, const slu_batch *batch, slu_keys *out, slu_error *err);
/* The hashes alone: [batch->rows] of them, without storing keys where the width allows. */
SLU_CHECK slu_status slu_keyer_hash(slu_keyer *keyer, const slu_batch *batch, uint32_t *hashes, slu_error *err);
/* Bytes of every key; 0: they differ. */
uint32_t slu_keyer_key_bytes(const slu_keyer *keyer);
/* Low 32 bits of XXH64 of canonical key bytes. */
uint32_t slu_key_hash(const void *key, size_t bytes);

#endif
