#include "fluss/merge/merge.h"

#include "base/alloc.h"
#include "base/fail.h"
#include "fluss/merge/aggregate.h"

#include <inttypes.h>
#include <strings.h>

#define MERGE_ARENA_BYTES_MAX ((size_t)1 << 20)
#define MERGE_ERROR_UNKNOWN (-1)
#define MERGE_ERROR_INVALID_TARGET_COLUMN 35
#define MERGE_ERROR_INVALID_CONFIG 39
#define MERGE_ERROR_DELETION_DISABLED 57

typedef enum merge_engine { MERGE_NONE, MERGE_FIRST_ROW, MERGE_VERSIONED, MERGE_AGGREGATION } merge_engine;
typedef enum merge_deletes { MERGE_DELETES_ALLOW, MERGE_DELETES_IGNORE, MERGE_DELETES_DISABLE } merge_deletes;

struct fluss_merge {
    const fluss_schema *schema;
    fluss_row_shape shape;
    merge_engine engine;
    merge_deletes deletes;
    int32_t version_column;
    int32_t numbered; /* the auto-increment column, or -1 */
    bool wal_image;
    bool *keys;                  /* per column */
    fluss_aggregate *aggregates; /* per column, of the aggregation engine */
    int32_t listagg_of_char;     /* a column whose function may be declared and then fails, or -1 */
    slu_view *old_cells;
    slu_view *new_cells;
    slu_arena arena;
    /* the batch at hand */
    merge_engine acting;
    merge_deletes acting_deletes;
    bool *targeted; /* per column */
    bool partial;
    bool keys_alone; /* nothing but keys is targeted */
};

/* ---- making one ---- */

static bool
property_is(const fluss_descriptor *descriptor, const char *key, const char *value)
{
    const char *set = fluss_descriptor_get(descriptor, key);
    return set != NULL && strcasecmp(set, value) == 0;
}

static merge_engine
engine_of(const fluss_descriptor *d)
{
    if (property_is(d, "table.merge-engine", "FIRST_ROW"))
        return MERGE_FIRST_ROW;
    if (property_is(d, "table.merge-engine", "VERSIONED"))
        return MERGE_VERSIONED;
    return property_is(d, "table.merge-engine", "AGGREGATION") ? MERGE_AGGREGATION : MERGE_NONE;
}

/* Tables with an engine that say nothing ignore deletes. */
static merge_deletes
deletes_of(const fluss_descriptor *d, merge_engine engine)
{
    if (property_is(d, "table.delete.behavior", "DISABLE"))
        return MERGE_DELETES_DISABLE;
    if (property_is(d, "table.delete.behavior", "IGNORE"))
        return MERGE_DELETES_IGNORE;
    return engine == MERGE_NONE || property_is(d, "table.delete.behavior", "ALLOW") ? MERGE_DELETES_ALLOW : MERGE_DELETES_IGNORE;
}

static slu_status
merge_load_aggregates(fluss_merge *m, slu_error *err)
{
    const fluss_aggregate last = {FLUSS_AGG_LAST_VALUE, ","};
    m->aggregates = slu_arena_array(&m->arena, m->schema->column_count + 1, sizeof *m->aggregates);
    SLU_TRY(slu_arena_status(&m->arena, err));
    for (size_t c = 0; c < m->schema->column_count; c++) {
        fluss_aggregate *aggregate = &m->aggregates[c];
        *aggregate = last;
        if (m->keys[c])
            continue;
        SLU_TRY(fluss_aggregate_of(&m->schema->columns[c], &m->arena, aggregate, err));
        if ((aggregate->function == FLUSS_AGG_LISTAGG || aggregate->function == FLUSS_AGG_STRING_AGG) &&
            m->schema->columns[c].type.id != FLUSS_TYPE_STRING && m->listagg_of_char < 0)
            m->listagg_of_char = (int32_t)c;
    }
    return SLU_OK;
}

static slu_status
merge_load_version(fluss_merge *m, const fluss_descriptor *descriptor, slu_error *err)
{
    const char *column = fluss_descriptor_get(descriptor, "table.merge-engine.versioned.ver-column");
    m->version_column = column == NULL ? -1 : fluss_schema_find(m->schema, column);
    return m->version_column >= 0 ? SLU_OK : slu_error_set(err, SLU_INVALID, "the versioned merge engine has no version column");
}

static slu_status
merge_load(fluss_merge *m, const fluss_descriptor *descriptor, uint8_t kv_format, slu_error *err)
{
    const size_t columns = m->schema->column_count;
    SLU_TRY(fluss_row_shape_init(&m->shape, m->schema, kv_format, err));
    m->keys = slu_arena_array(&m->arena, columns + 1, sizeof *m->keys);
    m->targeted = slu_arena_array(&m->arena, columns + 1, sizeof *m->targeted);
    m->old_cells = slu_arena_array(&m->arena, columns + 1, sizeof *m->old_cells);
    m->new_cells = slu_arena_array(&m->arena, columns + 1, sizeof *m->new_cells);
    SLU_TRY(slu_arena_status(&m->arena, err));
    for (size_t i = 0; i < m->schema->primary_key_count; i++)
        m->keys[m->schema->primary_key[i]] = true;
    m->engine = engine_of(descriptor);
    m->deletes = deletes_of(descriptor, m->engine);
    m->wal_image = property_is(descriptor, "table.changelog.image", "WAL");
    m->numbered = m->schema->auto_increment_column == NULL ? -1 : fluss_schema_find(m->schema, m->schema->auto_increment_column);
    if (m->engine == MERGE_AGGREGATION)
        return merge_load_aggregates(m, err);
    return m->engine == MERGE_VERSIONED ? merge_load_version(m, descriptor, err) : SLU_OK;
}

slu_status
fluss_merge_new(const fluss_descriptor *descriptor, uint8_t kv_format, fluss_merge **out, slu_error *err)
{
    fluss_merge *m = slu_alloc_zero(1, sizeof *m);
    if (m == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a merge engine");
    m->schema = &descriptor->schema;
    m->version_column = -1;
    m->listagg_of_char = -1;
    slu_arena_init(&m->arena, MERGE_ARENA_BYTES_MAX);
    const slu_status status = merge_load(m, descriptor, kv_format, err);
    if (status != SLU_OK)
        fluss_merge_free(&m);
    *out = m;
    return status;
}

void
fluss_merge_free(fluss_merge **merge)
{
    fluss_merge *m = *merge;
    if (m == NULL)
        return;
    fluss_row_shape_fini(&m->shape);
    slu_arena_fini(&m->arena);
    slu_free(m);
    *merge = NULL;
}

bool
fluss_merge_wal_image(const fluss_merge *m)
{
    return m->wal_image;
}

bool
fluss_merge_blind(const fluss_merge *m)
{
    return m->wal_image && m->acting == MERGE_NONE && !m->partial && m->numbered < 0;
}

int32_t
fluss_merge_numbered(const fluss_merge *m)
{
    return m->numbered;
}

/* ---- a batch: its target columns ---- */

/* "[a, b]", as Java prints a list. Keys, or the targeted columns in the batch's order. */
static const char *
names_said(const fluss_merge *m, const int32_t *columns, size_t count, slu_buf *out)
{
    slu_buf_init(out, SLU_ERROR_MESSAGE_BYTES);
    slu_buf_text(out, "[");
    for (size_t i = 0; i < count; i++)
        slu_buf_printf(out, "%s%s", i == 0 ? "" : ", ", m->schema->columns[columns[i]].name);
    slu_buf_text(out, "]");
    return slu_buf_cstr(out);
}

static slu_status
begin_numbered(const fluss_merge *m, size_t target_count, slu_error *err)
{
    if (m->numbered < 0)
        return SLU_OK;
    const char *name = m->schema->auto_increment_column;
    if (target_count == 0)
        return slu_error_set_coded(
            err, SLU_INVALID, MERGE_ERROR_INVALID_TARGET_COLUMN,
            "The table contains an auto-increment column [%s], but update target columns are not explicitly specified. "
            "Please specify the update target columns and exclude the auto-increment column from them.",
            name);
    if (m->targeted[m->numbered])
        return slu_error_set_coded(err, SLU_INVALID, MERGE_ERROR_INVALID_TARGET_COLUMN,
                                   "Auto-increment column [%s] at index %" PRId32 " must not be included in target columns.", name,
                                   m->numbered);
    return SLU_OK;
}

static slu_status
begin_keys_missing(const fluss_merge *m, const int32_t *targets, size_t target_count, slu_error *err)
{
    slu_buf said[2];
    const char *keys = names_said(m, m->schema->primary_key, m->schema->primary_key_count, &said[0]);
    const char *named = names_said(m, targets, target_count, &said[1]);
    slu_status status = SLU_OK;
    if (m->acting == MERGE_AGGREGATION)
        status = slu_error_set_coded(err, SLU_INVALID, MERGE_ERROR_INVALID_TARGET_COLUMN,
                                     "The target write columns must contain the primary key columns %s.", keys);
    else
        status = slu_error_set_coded(err, SLU_INVALID, MERGE_ERROR_INVALID_TARGET_COLUMN,
                                     "The target write columns %s must contain the primary key columns %s.", named, keys);
    slu_buf_fini(&said[0]);
    slu_buf_fini(&said[1]);
    return status;
}

static slu_status
begin_partial(fluss_merge *m, const int32_t *targets, size_t target_count, slu_error *err)
{
    if (m->acting == MERGE_FIRST_ROW || m->acting == MERGE_VERSIONED)
        return slu_error_set_coded(
            err, SLU_INVALID, MERGE_ERROR_UNKNOWN,
            "java.lang.UnsupportedOperationException: Partial update is not supported for the %s merge engine.",
            m->acting == MERGE_FIRST_ROW ? "first_row" : "versioned");
    m->keys_alone = true;
    for (size_t c = 0; c < m->schema->column_count; c++) {
        if (m->keys[c] && !m->targeted[c])
            return begin_keys_missing(m, targets, target_count, err);
        m->keys_alone = m->keys_alone && m->keys[c] == m->targeted[c];
    }
    for (size_t c = 0; c < m->schema->column_count; c++)
        if (!m->keys[c] && !m->schema->columns[c].type.nullable)
            return slu_error_set_coded(
                err, SLU_INVALID, MERGE_ERROR_INVALID_TARGET_COLUMN,
                "Partial %s requires all columns except primary key to be nullable, but column %s is NOT NULL.",
                m->acting == MERGE_AGGREGATION ? "aggregate" : "Update", m->schema->columns[c].name);
    return SLU_OK;
}

slu_status
fluss_merge_begin(fluss_merge *m, const int32_t *targets, size_t target_count, bool overwrite, slu_error *err)
{
    memset(m->targeted, 0, m->schema->column_count * sizeof *m->targeted);
    for (size_t i = 0; i < target_count; i++) {
        if (targets[i] < 0 || (size_t)targets[i] >= m->schema->column_count)
            return slu_error_set_coded(err, SLU_INVALID, MERGE_ERROR_INVALID_TARGET_COLUMN,
                                       "target column %" PRId32 " does not exist in a table of %zu columns", targets[i],
                                       m->schema->column_count);
        m->targeted[targets[i]] = true;
    }
    m->acting = overwrite ? MERGE_NONE : m->engine;
    m->acting_deletes = overwrite ? MERGE_DELETES_ALLOW : m->deletes;
    m->partial = target_count != 0;
    m->keys_alone = false;
    SLU_TRY(begin_numbered(m, target_count, err));
    return m->partial ? begin_partial(m, targets, target_count, err) : SLU_OK;
}

/* ---- versions ---- */

static int
version_order(const fluss_merge *m, slu_view a, slu_view b)
{
    const fluss_type *type = &m->schema->columns[m->version_column].type;
    const bool timestamp = type->id == FLUSS_TYPE_TIMESTAMP || type->id == FLUSS_TYPE_TIMESTAMP_LTZ;
    const slu_view cells[2] = {a, b};
    int64_t values[2];
    int32_t nanos[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        if (cells[i].data == NULL)
            values[i] = type->id == FLUSS_TYPE_INTEGER ? INT32_MIN : INT64_MIN;
        else
            values[i] = timestamp ? fluss_cell_timestamp(m->shape.format, type, cells[i], &nanos[i])
                                  : fluss_cell_int(m->shape.format, type, cells[i]);
    }
    if (values[0] != values[1])
        return values[0] < values[1] ? -1 : 1;
    return nanos[0] < nanos[1] ? -1 : nanos[0] > nanos[1];
}

/* ---- rows ---- */

static slu_status
make_aggregated(fluss_merge *m, slu_buf *out, slu_error *err)
{
    fluss_row_writer writer;
    fluss_row_begin(&writer, &m->shape, out);
    for (size_t c = 0; c < m->schema->column_count; c++) {
        bool null = false;
        if (m->partial && !m->targeted[c]) {
            fluss_row_cell(&writer, m->old_cells[c]);
            continue;
        }
        fluss_row_open(&writer);
        SLU_TRY(fluss_aggregate_apply(&m->aggregates[c], m->shape.format, &m->schema->columns[c].type, m->old_cells[c],
                                      m->new_cells[c], out, &null, err));
        fluss_row_close(&writer, null);
    }
    return fluss_row_end(&writer, err);
}

static slu_status
make_spliced(fluss_merge *m, slu_buf *out, slu_error *err)
{
    fluss_row_writer writer;
    fluss_row_begin(&writer, &m->shape, out);
    for (size_t c = 0; c < m->schema->column_count; c++)
        fluss_row_cell(&writer, m->targeted[c] ? m->new_cells[c] : m->old_cells[c]);
    return fluss_row_end(&writer, err);
}

static slu_status
upsert_aggregated(fluss_merge *m, slu_buf *out, slu_error *err)
{
    if (m->listagg_of_char < 0)
        return make_aggregated(m, out, err);
    const fluss_column *column = &m->schema->columns[m->listagg_of_char];
    SLU_AUTO(slu_buf_fini) slu_buf type = {0};
    slu_buf_init(&type, 4096);
    fluss_type_print(&column->type, &type);
    return slu_error_set_coded(err, SLU_INVALID, MERGE_ERROR_UNKNOWN,
                               "java.lang.IllegalArgumentException: Data type for %s column must be 'StringType' but was '%s'.",
                               fluss_aggregate_name(m->aggregates[m->listagg_of_char].function), slu_buf_cstr(&type));
}

slu_status
fluss_merge_upsert(fluss_merge *m, const fluss_kv_row *old_row, const fluss_kv_row *new_row, slu_buf *out, fluss_verdict *verdict,
                   slu_error *err)
{
    const bool there = old_row->row.data != NULL;
    const bool splices = m->acting == MERGE_NONE && m->partial;
    *verdict = FLUSS_VERDICT_NEW;
    if ((!there && !splices) || (m->acting == MERGE_NONE && !m->partial))
        return SLU_OK;
    if (there && (m->acting == MERGE_FIRST_ROW || (splices && m->keys_alone))) {
        *verdict = FLUSS_VERDICT_KEEP;
        return SLU_OK;
    }
    SLU_TRY(fluss_row_split(&m->shape, old_row, m->old_cells, err));
    SLU_TRY(fluss_row_split(&m->shape, new_row, m->new_cells, err));
    if (m->acting == MERGE_VERSIONED) {
        if (version_order(m, m->old_cells[m->version_column], m->new_cells[m->version_column]) > 0)
            *verdict = FLUSS_VERDICT_KEEP;
        return SLU_OK;
    }
    *verdict = FLUSS_VERDICT_MADE;
    return splices ? make_spliced(m, out, err) : upsert_aggregated(m, out, err);
}

/* A delete of some columns sets them to null; when no other column is left, the row goes. */
static slu_status
delete_columns(fluss_merge *m, const fluss_kv_row *old_row, slu_buf *out, fluss_verdict *verdict, slu_error *err)
{
    fluss_row_writer writer;
    const slu_view null = {0};
    SLU_TRY(fluss_row_split(&m->shape, old_row, m->old_cells, err));
    *verdict = FLUSS_VERDICT_REMOVE;
    for (size_t c = 0; c < m->schema->column_count; c++)
        if (!m->targeted[c] && m->old_cells[c].data != NULL)
            *verdict = FLUSS_VERDICT_MADE;
    if (*verdict == FLUSS_VERDICT_REMOVE)
        return SLU_OK;
    fluss_row_begin(&writer, &m->shape, out);
    for (size_t c = 0; c < m->schema->column_count; c++)
        fluss_row_cell(&writer, m->targeted[c] && !m->keys[c] ? null : m->old_cells[c]);
    return fluss_row_end(&writer, err);
}

slu_status
fluss_merge_delete(fluss_merge *m, const fluss_kv_row *old_row, slu_buf *out, fluss_verdict *verdict, slu_error *err)
{
    *verdict = FLUSS_VERDICT_KEEP;
    if (m->acting_deletes == MERGE_DELETES_DISABLE)
        return slu_error_set_coded(err, SLU_INVALID, MERGE_ERROR_DELETION_DISABLED,
                                   "Delete operations are disabled for this table. The table.delete.behavior is set to 'disable'.");
    if (m->acting_deletes == MERGE_DELETES_IGNORE || old_row->row.data == NULL)
        return SLU_OK;
    *verdict = FLUSS_VERDICT_REMOVE;
    return m->partial ? delete_columns(m, old_row, out, verdict, err) : SLU_OK;
}

slu_status
fluss_merge_number(fluss_merge *m, const fluss_kv_row *row, int64_t id, slu_buf *out, slu_error *err)
{
    const fluss_type *type = &m->schema->columns[m->numbered].type;
    fluss_row_writer writer;
    if (type->id == FLUSS_TYPE_INTEGER && id > INT32_MAX)
        return slu_error_set_coded(
            err, SLU_LIMIT, MERGE_ERROR_UNKNOWN,
            "org.apache.fluss.exception.SequenceOverflowException: Reached maximum value of sequence \"<%s>\" (%d).",
            m->schema->auto_increment_column, INT32_MAX);
    SLU_TRY(fluss_row_split(&m->shape, row, m->old_cells, err));
    fluss_row_begin(&writer, &m->shape, out);
    for (size_t c = 0; c < m->schema->column_count; c++) {
        if ((int32_t)c != m->numbered) {
            fluss_row_cell(&writer, m->old_cells[c]);
            continue;
        }
        fluss_row_open(&writer);
        fluss_cell_put_int(m->shape.format, type, id, out);
        fluss_row_close(&writer, false);
    }
    return fluss_row_end(&writer, err);
}

/* ---- what may be declared ---- */

static bool
is_key(const fluss_schema *schema, int32_t column)
{
    for (size_t i = 0; i < schema->primary_key_count; i++)
        if (schema->primary_key[i] == column)
            return true;
    return false;
}

/* The rules of Fluss's Schema class, which throws before a server sees the table. */
static slu_status
check_auto_increment(const fluss_schema *schema, slu_error *err)
{
    const char *name = schema->auto_increment_column;
    if (name == NULL)
        return SLU_OK;
    const int32_t at = fluss_schema_find(schema, name);
    if (schema->primary_key_count == 0)
        return slu_error_set_coded(err, SLU_INVALID, MERGE_ERROR_UNKNOWN,
                                   "java.lang.IllegalStateException: Auto increment column can only be used in primary-key table.");
    if (at < 0)
        return slu_error_set_coded(err, SLU_INVALID, MERGE_ERROR_UNKNOWN,
                                   "java.lang.IllegalStateException: Auto increment column %s does not exist in table columns.",
                                   name);
    if (is_key(schema, at))
        return slu_error_set_coded(err, SLU_INVALID, MERGE_ERROR_UNKNOWN,
                                   "java.lang.IllegalStateException: Auto increment column can not be used as the primary key.");
    if (schema->columns[at].type.id != FLUSS_TYPE_INTEGER && schema->columns[at].type.id != FLUSS_TYPE_BIGINT)
        return slu_error_set_coded(
            err, SLU_INVALID, MERGE_ERROR_UNKNOWN,
            "java.lang.IllegalStateException: The data type of auto increment column must be INT or BIGINT.");
    return SLU_OK;
}

slu_status
fluss_merge_check(const fluss_descriptor *d, slu_arena *arena, slu_error *err)
{
    const fluss_schema *schema = &d->schema;
    SLU_TRY(check_auto_increment(schema, err));
    for (size_t c = 0; c < schema->column_count; c++)
        if (schema->columns[c].agg_function != NULL && is_key(schema, (int32_t)c))
            return slu_error_set_coded(
                err, SLU_INVALID, MERGE_ERROR_UNKNOWN,
                "java.lang.IllegalArgumentException: Cannot set aggregation function for primary key column '%s'. Primary "
                "key columns automatically use 'primary-key' aggregation.",
                schema->columns[c].name);
    if (engine_of(d) != MERGE_AGGREGATION)
        return SLU_OK;
    if (property_is(d, "table.changelog.image", "WAL"))
        return slu_error_set_coded(
            err, SLU_INVALID, MERGE_ERROR_INVALID_CONFIG,
            "Table with 'AGGREGATION' merge engine does not support 'WAL' changelog image mode. Aggregation merge engine "
            "tables require FULL changelog image mode for correct UNDO recovery. Please set 'table.changelog.image' to "
            "'FULL' or remove the setting.");
    for (size_t c = 0; c < schema->column_count; c++)
        if (!is_key(schema, (int32_t)c))
            SLU_TRY(fluss_aggregate_check(&schema->columns[c], arena, err));
    return SLU_OK;
}
