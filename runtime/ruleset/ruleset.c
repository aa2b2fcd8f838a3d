#include "ruleset.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "plan/value_codec.h"

#include <stdatomic.h>
#include <string.h>

#define RECORD_MAGIC 0x534c5253u

struct slu_ruleset {
    _Atomic uint32_t count;
    char operator_id[SLU_OPERATOR_ID_BYTES_MAX + 1];
    int64_t version;
    slu_arena arena;
    slu_value value;
};

slu_status
slu_ruleset_new(const char *operator_id, int64_t version, slu_view encoded, slu_ruleset **out, slu_error *err)
{
    SLU_AUTO(slu_ruleset_unref) slu_ruleset *made = NULL;
    if (encoded.bytes > SLU_RULESET_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "a set of rules of %zu bytes", encoded.bytes);
    made = slu_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a set of rules");
    atomic_init(&made->count, 1);
    made->version = version;
    (void)snprintf(made->operator_id, sizeof made->operator_id, "%s", operator_id);
    slu_arena_init(&made->arena, 64 * SLU_RULESET_BYTES_MAX);
    slu_cursor in = slu_cursor_of_view(encoded);
    slu_value_unpack(&in, &made->arena, &made->value);
    SLU_TRY(slu_arena_status(&made->arena, err));
    if (!slu_cursor_ok(&in) || slu_cursor_left(&in) != 0)
        return slu_error_set(err, SLU_CORRUPT, "these bytes are no set of rules");
    *out = slu_take(&made);
    return SLU_OK;
}

slu_ruleset *
slu_ruleset_ref(slu_ruleset *set)
{
    if (set != NULL)
        atomic_fetch_add(&set->count, 1);
    return set;
}

void
slu_ruleset_unref(slu_ruleset **owned)
{
    slu_ruleset *set = slu_take(owned);
    if (set == NULL || atomic_fetch_sub(&set->count, 1) > 1)
        return;
    slu_arena_fini(&set->arena);
    slu_free(set);
}

const char *
slu_ruleset_operator(const slu_ruleset *set)
{
    return set->operator_id;
}

int64_t
slu_ruleset_version(const slu_ruleset *set)
{
    return set->version;
}

const slu_value *
slu_ruleset_value(const slu_ruleset *set)
{
    return &set->value;
}

slu_status
slu_ruleset_record(const slu_ruleset *set, uint32_t hash, slu_buf *out, slu_error *err)
{
    slu_buf_u32le(out, RECORD_MAGIC);
    slu_buf_u64le(out, (uint64_t)set->version);
    slu_buf_u32le(out, hash);
    slu_value_pack(&set->value, out);
    return slu_buf_status(out, err);
}

static slu_status
of_descriptor(const slu_operator *op, int64_t version, slu_ruleset **out, slu_error *err)
{
    const slu_value *rules = slu_ruleset_of_operator(op);
    slu_buf encoded;
    if (rules == NULL)
        return slu_error_set(err, SLU_INVALID, "operator %s: the checkpoint holds rules for it, and it has none", op->id);
    slu_buf_init(&encoded, SLU_RULESET_BYTES_MAX);
    slu_value_pack(rules, &encoded);
    slu_status status = slu_buf_status(&encoded, err);
    if (status == SLU_OK)
        status = slu_ruleset_new(op->id, version, slu_buf_view(&encoded), out, err);
    slu_buf_fini(&encoded);
    return status;
}

slu_status
slu_ruleset_of_restored(const slu_operator *op, slu_view record, slu_ruleset **out, slu_error *err)
{
    slu_cursor in = slu_cursor_of_view(record);
    const uint32_t magic = slu_cursor_u32le(&in);
    const int64_t version = (int64_t)slu_cursor_u64le(&in);
    const uint32_t hash = slu_cursor_u32le(&in);
    if (!slu_cursor_ok(&in) || magic != RECORD_MAGIC || version < 2 || version == INT64_MAX)
        return slu_error_set(err, SLU_CORRUPT, "operator %s: the set of rules of the checkpoint is damaged", op->id);
    if (hash != slu_ruleset_hash(slu_ruleset_of_operator(op)))
        return of_descriptor(op, version + 1, out, err);
    return slu_ruleset_new(op->id, version, slu_cursor_view(&in, slu_cursor_left(&in)), out, err);
}

const slu_value *
slu_ruleset_of_operator(const slu_operator *op)
{
    return slu_value_get(op->with, SLU_RULESET_OPTION);
}

static void
value_hash(const slu_value *value, slu_buf *out)
{
    slu_buf_u32le(out, value->kind);
    if (value->kind == SLU_VALUE_SCALAR)
        slu_buf_append(out, value->text, strlen(value->text) + 1);
    for (uint32_t i = 0; i < value->count; i++) {
        if (value->kind == SLU_VALUE_MAP)
            value_hash(&value->keys[i], out);
        value_hash(&value->items[i], out);
    }
    slu_buf_u32le(out, value->count);
}

uint32_t
slu_ruleset_hash(const slu_value *rules)
{
    slu_buf bytes;
    slu_buf_init(&bytes, 8 * SLU_RULESET_BYTES_MAX);
    if (rules != NULL)
        value_hash(rules, &bytes);
    const uint32_t hash = slu_crc32c(0, bytes.data, bytes.bytes);
    slu_buf_fini(&bytes);
    return hash;
}
