#include "join.h"

#include <sluice/sdk/suggest.h>

/* ---- Which columns ask ------------------------------------------------------------------------------------------------------ */

/* `on` is a map of input columns to the lookup's keys, or a list of columns that have the same name on both sides. */
static slu_status
on_check(const slu_value *on, slu_error *err)
{
    if (on == NULL || (on->kind != SLU_VALUE_MAP && on->kind != SLU_VALUE_LIST) || on->count == 0 ||
        on->count > SDK_KEY_COLUMNS_MAX)
        return slu_error_at(err, SLU_INVALID, on, 0,
                            "on: a map of input columns to the lookup's keys is expected, as in { accountId: id }");
    for (uint32_t i = 0; i < on->count; i++)
        if (on->items[i].kind != SLU_VALUE_SCALAR)
            return slu_error_at(err, SLU_INVALID, &on->items[i], 0, "on: a column is expected");
    return SLU_OK;
}

static slu_status
column_at(const struct ArrowSchema *schema, const slu_value *name, const char *where, int64_t *out, slu_error *err)
{
    *out = slu_schema_find(schema, name->text);
    if (*out >= 0)
        return SLU_OK;
    const char *near = sdk_suggest_column(name->text, strlen(name->text), schema);
    return slu_error_at(err, SLU_INVALID, name, 0, "%s has no column '%s'%s%s%s", where, name->text,
                        near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
}

static slu_status
keys_plan(const slu_value *on, const struct ArrowSchema *input, join_plan *out, slu_error *err)
{
    SLU_TRY(on_check(on, err));
    SLU_TRY(slu_schema_init_struct(&out->keys));
    for (uint32_t i = 0; i < on->count; i++) {
        const slu_value *column = on->kind == SLU_VALUE_MAP ? &on->keys[i] : &on->items[i];
        int64_t index;
        SLU_TRY(column_at(input, column, "the input", &index, err));
        const slu_type type = slu_type_of(input->children[index]->format);
        if (type.id == SLU_TYPE_OTHER || slu_type_is_nested(type))
            return slu_error_at(err, SLU_INVALID, column, 0, "on: column '%s' has a type that cannot be a key", column->text);
        if (slu_schema_add(&out->keys, input->children[index]->format, on->items[i].text, false) != SLU_OK)
            return slu_error_set(err, SLU_NOMEM, "lookup_join: no memory");
        out->key_columns[i] = column->text;
        out->key_count = i + 1;
    }
    return SLU_OK;
}

/* ---- Which come back -------------------------------------------------------------------------------------------------------- */

static slu_status
take_one(const slu_value *column, const char *name, const struct ArrowSchema *possible, join_plan *out, slu_error *err)
{
    int64_t index;
    if (column->kind != SLU_VALUE_SCALAR)
        return slu_error_at(err, SLU_INVALID, column, 0, "take: a column is expected");
    SLU_TRY(column_at(possible, column, "the lookup", &index, err));
    if (out->values.n_children == JOIN_COLUMNS_MAX)
        return slu_error_at(err, SLU_LIMIT, column, 0, "take: more than %d columns", JOIN_COLUMNS_MAX);
    if (slu_schema_add_copy(&out->values, possible->children[index], NULL) != SLU_OK)
        return slu_error_set(err, SLU_NOMEM, "lookup_join: no memory");
    out->names[out->values.n_children - 1] = name;
    return SLU_OK;
}

/* `take` is a list of the lookup's columns, or a map of new names to them. */
static slu_status
values_plan(const slu_value *take, const struct ArrowSchema *possible, join_plan *out, slu_error *err)
{
    if (take == NULL || (take->kind != SLU_VALUE_MAP && take->kind != SLU_VALUE_LIST) || take->count == 0)
        return slu_error_at(err, SLU_INVALID, take, 0, "take: a list of the lookup's columns is expected, as in [name]");
    SLU_TRY(slu_schema_init_struct(&out->values));
    for (uint32_t i = 0; i < take->count; i++)
        SLU_TRY(
            take_one(&take->items[i], take->kind == SLU_VALUE_MAP ? take->keys[i].text : take->items[i].text, possible, out, err));
    return SLU_OK;
}

static slu_status
cache_check(const join_options *options, const join_plan *plan, slu_error *err)
{
    for (int64_t i = 0; options->cache_rows > 0 && i < plan->values.n_children; i++) {
        const slu_type type = slu_type_of(plan->values.children[i]->format);
        if (type.id == SLU_TYPE_OTHER || slu_type_is_nested(type))
            return slu_error_at(err, SLU_UNSUPPORTED, options->take, 0,
                                "cache-rows: column '%s' is nested, and only plain columns are cached",
                                plan->values.children[i]->name);
    }
    return SLU_OK;
}

slu_status
join_plan_read(slu_host *host, const join_options *options, const struct ArrowSchema *input, join_plan *out, slu_error *err)
{
    struct ArrowSchema possible = {0};
    memset(out, 0, sizeof *out);
    slu_status status = keys_plan(options->on, input, out, err);
    if (status == SLU_OK)
        status = host->lookup_plan(host, options->lookup, &out->keys, &possible, err);
    if (status == SLU_OK)
        status = values_plan(options->take, &possible, out, err);
    if (status == SLU_OK)
        status = cache_check(options, out, err);
    slu_schema_release(&possible);
    if (status != SLU_OK)
        join_plan_fini(out);
    return status;
}

/* The taken columns stand behind the input's in the output; the lookup knows them by the names that `take` gives. */
static slu_status
values_reopen(const slu_value *take, int64_t first, const struct ArrowSchema *output, join_plan *out, slu_error *err)
{
    if (output->n_children != first + (int64_t)take->count)
        return slu_error_set(err, SLU_INVALID, "lookup_join: the planned output has %lld columns, not %lld",
                             (long long)output->n_children, (long long)(first + take->count));
    if (slu_schema_init_struct(&out->values) != SLU_OK)
        return slu_error_set(err, SLU_NOMEM, "lookup_join: no memory");
    for (uint32_t i = 0; i < take->count; i++) {
        if (slu_schema_add_copy(&out->values, output->children[first + i], take->items[i].text) != SLU_OK)
            return slu_error_set(err, SLU_NOMEM, "lookup_join: no memory");
        out->names[i] = output->children[first + i]->name;
    }
    return SLU_OK;
}

slu_status
join_plan_reopen(const join_options *options, const struct ArrowSchema *input, const struct ArrowSchema *output, join_plan *out,
                 slu_error *err)
{
    memset(out, 0, sizeof *out);
    slu_status status = keys_plan(options->on, input, out, err);
    if (status == SLU_OK)
        status = values_reopen(options->take, input->n_children, output, out, err);
    if (status != SLU_OK)
        join_plan_fini(out);
    return status;
}

void
join_plan_fini(join_plan *plan)
{
    slu_schema_release(&plan->keys);
    slu_schema_release(&plan->values);
}

static slu_status
output_add(const join_options *options, const join_plan *plan, int64_t i, struct ArrowSchema *out, slu_error *err)
{
    if (slu_schema_find(out, plan->names[i]) >= 0) {
        const slu_value *at = &options->take->items[i];
        return slu_error_at(err, SLU_INVALID, at, 0,
                            "take: the input has a column '%s' already; rename it: take: { other_name: %s }", plan->names[i],
                            plan->values.children[i]->name);
    }
    if (slu_schema_add_copy(out, plan->values.children[i], plan->names[i]) != SLU_OK)
        return slu_error_set(err, SLU_NOMEM, "lookup_join: no memory");
    if (strcmp(options->type, "left") == 0)
        out->children[out->n_children - 1]->flags |= ARROW_FLAG_NULLABLE;
    return SLU_OK;
}

slu_status
join_output(const join_options *options, const join_plan *plan, const struct ArrowSchema *input, struct ArrowSchema *out,
            slu_error *err)
{
    SLU_TRY(slu_schema_copy(input, out, err));
    for (int64_t i = 0; i < plan->values.n_children; i++) {
        const slu_status status = output_add(options, plan, i, out, err);
        if (status != SLU_OK) {
            slu_schema_release(out);
            return status;
        }
    }
    return SLU_OK;
}
