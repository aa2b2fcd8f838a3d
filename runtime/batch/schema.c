#include "schema.h"

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/limits.h"

#include <stdatomic.h>

struct slu_schema {
    _Atomic uint32_t references;
    struct ArrowSchema arrow;
};

/* Releases what decode made: names and formats are ours, children were allocated one by one. */
static void
schema_free(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i] != NULL)
            slu_schema_release(schema->children[i]);
        slu_free(schema->children[i]);
    }
    slu_free(schema->children);
    slu_free((char *)(uintptr_t)schema->format);
    slu_free((char *)(uintptr_t)schema->name);
    schema->release = NULL;
}

static slu_status
schema_make(struct ArrowSchema *out, slu_view format, slu_view name, int64_t flags, size_t children, slu_error *err)
{
    memset(out, 0, sizeof *out);
    out->release = schema_free;
    out->flags = flags;
    out->format = slu_strndup((const char *)format.data, format.bytes);
    out->name = slu_strndup((const char *)name.data, name.bytes);
    out->children = children == 0 ? NULL : slu_alloc_zero(children, sizeof *out->children);
    if (out->format == NULL || out->name == NULL || (children != 0 && out->children == NULL)) {
        schema_free(out);
        return slu_error_set(err, SLU_NOMEM, "no memory for a schema");
    }
    for (size_t i = 0; i < children; i++) {
        out->children[i] = slu_alloc_zero(1, sizeof **out->children);
        if (out->children[i] == NULL) {
            schema_free(out);
            return slu_error_set(err, SLU_NOMEM, "no memory for a schema");
        }
        out->n_children = (int64_t)i + 1;
    }
    return SLU_OK;
}

slu_status
slu_schema_new(const struct ArrowSchema *source, slu_schema **out, slu_error *err)
{
    if (source->format == NULL || strcmp(source->format, "+s") != 0)
        return slu_error_set(err, SLU_INVALID, "a batch schema is a struct (+s), not %s",
                             source->format == NULL ? "nothing" : source->format);
    slu_schema *schema = slu_alloc_zero(1, sizeof *schema);
    if (schema == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a schema");
    atomic_init(&schema->references, 1);
    const slu_status status = slu_schema_copy(source, &schema->arrow, err);
    if (status != SLU_OK) {
        slu_free(schema);
        return status;
    }
    *out = schema;
    return SLU_OK;
}

slu_schema *
slu_schema_ref(slu_schema *schema)
{
    atomic_fetch_add_explicit(&schema->references, 1, memory_order_relaxed);
    return schema;
}

void
slu_schema_unref(slu_schema **schema)
{
    slu_schema *mine = slu_take(schema);
    if (mine == NULL || atomic_fetch_sub_explicit(&mine->references, 1, memory_order_acq_rel) != 1)
        return;
    slu_schema_release(&mine->arrow);
    slu_free(mine);
}

const struct ArrowSchema *
slu_schema_arrow(const slu_schema *schema)
{
    return &schema->arrow;
}

static void
column_encode(const struct ArrowSchema *column, slu_buf *out)
{
    const char *name = column->name == NULL ? "" : column->name;
    slu_buf_u32le(out, (uint32_t)strlen(name));
    slu_buf_text(out, name);
    slu_buf_u32le(out, (uint32_t)strlen(column->format));
    slu_buf_text(out, column->format);
    slu_buf_u8(out, (column->flags & ARROW_FLAG_NULLABLE) != 0);
    slu_buf_u32le(out, (uint32_t)column->n_children);
    for (int64_t i = 0; i < column->n_children; i++)
        column_encode(column->children[i], out);
}

void
slu_schema_encode(const struct ArrowSchema *schema, slu_buf *out)
{
    slu_buf_u32le(out, (uint32_t)schema->n_children);
    for (int64_t i = 0; i < schema->n_children; i++)
        column_encode(schema->children[i], out);
}

#define COLUMN_BYTES_MIN 13 /* two lengths, nullable, child count */

static slu_status
column_decode(slu_cursor *c, struct ArrowSchema *out, int level, slu_error *err)
{
    const slu_view name = slu_cursor_view(c, slu_cursor_u32le(c));
    const slu_view format = slu_cursor_view(c, slu_cursor_u32le(c));
    const uint8_t nullable = slu_cursor_u8(c);
    const size_t children = slu_cursor_count(c, slu_cursor_u32le(c), COLUMN_BYTES_MIN);
    if (!slu_cursor_ok(c) || nullable > 1 || format.bytes == 0 || level > SLU_NESTING_MAX || children > SLU_COLUMNS_MAX)
        return slu_error_set(err, SLU_CORRUPT, "schema bytes are cut short or out of bounds at level %d", level);
    SLU_TRY(schema_make(out, format, name, nullable != 0 ? ARROW_FLAG_NULLABLE : 0, children, err));
    for (size_t i = 0; i < children; i++) {
        const slu_status status = column_decode(c, out->children[i], level + 1, err);
        if (status != SLU_OK) {
            schema_free(out);
            return status;
        }
    }
    return SLU_OK;
}

slu_status
slu_schema_decode(slu_view bytes, struct ArrowSchema *out, slu_error *err)
{
    slu_cursor c = slu_cursor_of_view(bytes);
    const size_t columns = slu_cursor_count(&c, slu_cursor_u32le(&c), COLUMN_BYTES_MIN);
    if (!slu_cursor_ok(&c) || columns > SLU_COLUMNS_MAX)
        return slu_error_set(err, SLU_CORRUPT, "schema bytes are cut short or name too many columns");
    SLU_TRY(schema_make(out, slu_view_of_text("+s"), slu_view_of_text(""), 0, columns, err));
    slu_status status = SLU_OK;
    for (size_t i = 0; i < columns && status == SLU_OK; i++)
        status = column_decode(&c, out->children[i], 1, err);
    if (status == SLU_OK && slu_cursor_left(&c) != 0)
        status = slu_error_set(err, SLU_CORRUPT, "%zu bytes too many behind a schema", slu_cursor_left(&c));
    if (status != SLU_OK)
        slu_schema_release(out);
    return status;
}
