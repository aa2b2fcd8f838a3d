#include "rules.h"

#include <sluice/sdk/suggest.h>
#include <sluice/sdk/values.h>

#include <stdio.h>

void
rules_fini(rules *all)
{
    for (uint32_t i = 0; i < all->count; i++)
        for (uint32_t k = 0; k < CONDITIONS_MAX; k++)
            sdk_expr_free(&all->items[i].conditions[k]);
    memset(all, 0, sizeof *all);
}

static slu_status
words_check(const slu_value *value, slu_error *err)
{
    static const char *const words[] = {"id", "sequence", "within", "time", "contiguity", "shadow"};
    for (uint32_t i = 0; i < value->count; i++) {
        bool known = false;
        for (size_t w = 0; w < sizeof words / sizeof *words; w++)
            known = known || strcmp(value->keys[i].text, words[w]) == 0;
        if (known)
            continue;
        const char *near = sdk_suggest(value->keys[i].text, strlen(value->keys[i].text), words, sizeof words / sizeof *words);
        return slu_error_at(err, SLU_INVALID, &value->keys[i], 0, "a rule has no '%s'%s%s%s", value->keys[i].text,
                            near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
    }
    return SLU_OK;
}

static slu_status
sequence_read(const slu_value *value, const slu_value *sequence, const struct ArrowSchema *schema, rule *out, slu_error *err)
{
    if (sequence == NULL || sequence->kind != SLU_VALUE_LIST || sequence->count < 2 || sequence->count > CONDITIONS_MAX)
        return slu_error_at(err, SLU_INVALID, sequence != NULL ? sequence : value, 0,
                            "a rule's sequence is a list of 2 to %d conditions, in quotes", CONDITIONS_MAX);
    for (uint32_t k = 0; k < sequence->count; k++) {
        SLU_TRY(sdk_expr_compile_condition(&sequence->items[k], "condition", schema, &out->conditions[k], err));
        out->condition_count = k + 1;
    }
    return SLU_OK;
}

/* A column that holds milliseconds, or a timestamp of any unit. */
static slu_status
time_read(const slu_value *time, const struct ArrowSchema *schema, rule *out, slu_error *err)
{
    out->time_column = -1;
    if (time == NULL || (time->kind == SLU_VALUE_SCALAR && strcmp(time->text, "processing") == 0))
        return SLU_OK;
    if (time->kind != SLU_VALUE_SCALAR)
        return slu_error_at(err, SLU_INVALID, time, 0, "time: a column is expected, or `processing`");
    out->time_column = slu_schema_find(schema, time->text);
    if (out->time_column < 0) {
        const char *near = sdk_suggest_column(time->text, strlen(time->text), schema);
        return slu_error_at(err, SLU_INVALID, time, 0, "time: column '%s' is not there%s%s%s", time->text,
                            near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
    }
    out->time_type = slu_type_of(schema->children[out->time_column]->format);
    if (out->time_type.id != SLU_TYPE_INT64 && out->time_type.id != SLU_TYPE_TIMESTAMP)
        return slu_error_at(err, SLU_INVALID, time, 0, "time: column '%s' is neither BIGINT milliseconds nor a TIMESTAMP",
                            time->text);
    return SLU_OK;
}

static slu_status
contiguity_check(const slu_value *contiguity, slu_error *err)
{
    if (contiguity == NULL || (contiguity->kind == SLU_VALUE_SCALAR && strcmp(contiguity->text, "strict") == 0))
        return SLU_OK;
    return slu_error_at(err, SLU_UNSUPPORTED, contiguity, 0, "contiguity: only `strict` is served: the very next event of the key");
}

static slu_status
id_read(const slu_value *value, const rules *all, uint32_t index, rule *out, slu_error *err)
{
    const slu_value *id = slu_value_get(value, "id");
    if (id != NULL && (id->kind != SLU_VALUE_SCALAR || id->text[0] == 0 || strlen(id->text) >= sizeof out->id))
        return slu_error_at(err, SLU_INVALID, id, 0, "id: a word of 1 to %d bytes is expected", RULE_ID_BYTES_MAX - 1);
    out->named = id != NULL;
    if (id != NULL)
        (void)snprintf(out->id, sizeof out->id, "%s", id->text);
    else
        (void)snprintf(out->id, sizeof out->id, "#%u", index + 1);
    for (uint32_t i = 0; i < index; i++)
        if (strcmp(all->items[i].id, out->id) == 0)
            return slu_error_at(err, SLU_INVALID, id != NULL ? id : value, 0, "id: rule %u is called '%s' already", i + 1, out->id);
    return SLU_OK;
}

static slu_status
shadow_read(const slu_value *shadow, rule *out, slu_error *err)
{
    const bool word = shadow != NULL && shadow->kind == SLU_VALUE_SCALAR;
    out->shadow = word && strcmp(shadow->text, "true") == 0;
    if (shadow == NULL || out->shadow || (word && strcmp(shadow->text, "false") == 0))
        return SLU_OK;
    return slu_error_at(err, SLU_INVALID, shadow, 0, "shadow: true or false is expected");
}

static slu_status
within_read(const slu_value *value, rule *out, slu_error *err)
{
    const slu_value *within = slu_value_get(value, "within");
    if (within == NULL)
        return slu_error_at(err, SLU_INVALID, value, 0, "a rule needs `within`, as in 60s");
    SLU_TRY(sdk_duration_read(within, "within", &out->within_ms, err));
    if (out->within_ms <= 0)
        return slu_error_at(err, SLU_INVALID, within, 0, "within: a time above zero is expected");
    return SLU_OK;
}

static slu_status
rule_read(const slu_value *value, const struct ArrowSchema *schema, const rules *all, uint32_t index, rule *out, slu_error *err)
{
    if (value->kind != SLU_VALUE_MAP)
        return slu_error_at(err, SLU_INVALID, value, 0, "a rule is a map with sequence and within");
    SLU_TRY(words_check(value, err));
    SLU_TRY(id_read(value, all, index, out, err));
    SLU_TRY(sequence_read(value, slu_value_get(value, "sequence"), schema, out, err));
    SLU_TRY(within_read(value, out, err));
    SLU_TRY(time_read(slu_value_get(value, "time"), schema, out, err));
    SLU_TRY(shadow_read(slu_value_get(value, "shadow"), out, err));
    return contiguity_check(slu_value_get(value, "contiguity"), err);
}

slu_status
rules_read(const slu_value *value, const struct ArrowSchema *schema, rules *out, slu_error *err)
{
    memset(out, 0, sizeof *out);
    if (value == NULL || value->kind != SLU_VALUE_LIST || value->count == 0 || value->count > RULES_MAX)
        return slu_error_at(err, SLU_INVALID, value, 0, "rules: a list of 1 to %d rules is expected", RULES_MAX);
    for (uint32_t i = 0; i < value->count; i++) {
        out->count = i + 1;
        const slu_status status = rule_read(&value->items[i], schema, out, i, &out->items[i], err);
        if (status != SLU_OK) {
            rules_fini(out);
            return status;
        }
    }
    return SLU_OK;
}
