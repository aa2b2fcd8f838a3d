/*
 * ruleset.h: one set of rules for one operator of a job, with its version.
 *
 * Shape    the value of the operator's option `rules`, as it stood in a file, with lines and columns. Version 1 is the descriptor's own
 *          and never becomes a slu_ruleset; each that is applied has a higher one.
 * Owns     counted and immutable: ref returns its argument.
 * Threads  any.
 * Format   encoded: value_codec.h. In a checkpoint, see slu_ruleset_record: u32 magic, i64 version, u32 hash of the descriptor's rules,
 *          then the encoded value (little-endian).
 * Errors   CORRUPT: bytes that are no such value; LIMIT: SLU_RULESET_BYTES_MAX.
 */
#ifndef SLU_RULESET_RULESET_H
#define SLU_RULESET_RULESET_H

#include "base/arena.h"
#include "plan/graph.h"

#define SLU_RULESET_BYTES_MAX ((size_t)1 << 20)
#define SLU_RULESET_OPTION "rules" /* the option of a plugin that can be replaced while running */

typedef struct slu_ruleset slu_ruleset;

SLU_CHECK slu_status slu_ruleset_new(const char *operator_id, int64_t version, slu_view encoded, slu_ruleset **out, slu_error *err);
slu_ruleset *slu_ruleset_ref(slu_ruleset *set);
void slu_ruleset_unref(slu_ruleset **set);

const char *slu_ruleset_operator(const slu_ruleset *set);
int64_t slu_ruleset_version(const slu_ruleset *set);
const slu_value *slu_ruleset_value(const slu_ruleset *set);

/* What a checkpoint keeps of it. `hash`: of what the descriptor says, so that one that was edited since wins. */
SLU_CHECK slu_status slu_ruleset_record(const slu_ruleset *set, uint32_t hash, slu_buf *out, slu_error *err);
/* The set that a restored operator begins with: the one of the checkpoint, or, where the descriptor says something else than it did then,
 * the descriptor's, one version on. */
SLU_CHECK slu_status slu_ruleset_of_restored(const slu_operator *op, slu_view record, slu_ruleset **out, slu_error *err);

/* The descriptor's rules of an operator; NULL: it has none. */
const slu_value *slu_ruleset_of_operator(const slu_operator *op);
/* Of what they say; where they stand in their file does not matter. */
uint32_t slu_ruleset_hash(const slu_value *rules);

#endif
