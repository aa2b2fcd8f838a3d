#include "iceberg/catalog.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "iceberg/catalog_parts.h"

#include <zlib.h>

void
iceberg_table_fini(iceberg_table *table)
{
    iceberg_metadata_free(&table->metadata);
    slu_free(table->metadata_location);
    slu_free(table->ns);
    slu_free(table->name);
    memset(table, 0, sizeof *table);
}

void
iceberg_catalog_close(iceberg_catalog *catalog)
{
    if (catalog->ops != NULL)
        catalog->ops->close(catalog->self);
    memset(catalog, 0, sizeof *catalog);
}

slu_status
iceberg_table_make(const char *ns, const char *name, const char *metadata_location, iceberg_metadata **metadata, iceberg_table *out,
                   slu_error *err)
{
    iceberg_table made = {NULL, slu_strdup(metadata_location), slu_strdup(ns), slu_strdup(name)};
    if (made.metadata_location == NULL || made.ns == NULL || made.name == NULL) {
        iceberg_table_fini(&made);
        return slu_error_set(err, SLU_NOMEM, "no memory for table %s.%s", ns, name);
    }
    made.metadata = slu_take(metadata);
    *out = made;
    return SLU_OK;
}

/* Metadata may be gzip, whatever its name says. */
static slu_status
gunzip(slu_view packed, slu_buf *out, slu_error *err)
{
    z_stream stream = {0};
    slu_status status = SLU_OK;
    if (inflateInit2(&stream, 15 + 16) != Z_OK)
        return slu_error_set(err, SLU_NOMEM, "no memory for zlib");
    stream.next_in = (Bytef *)(uintptr_t)packed.data;
    stream.avail_in = (uInt)packed.bytes;
    for (int code = Z_OK; code != Z_STREAM_END && status == SLU_OK;) {
        if (!slu_buf_reserve(out, 64 << 10)) {
            status = slu_buf_status(out, err);
            break;
        }
        stream.next_out = out->data + out->bytes;
        stream.avail_out = 64 << 10;
        code = inflate(&stream, Z_NO_FLUSH);
        out->bytes += (64 << 10) - stream.avail_out;
        if (code != Z_STREAM_END && (code != Z_OK || (stream.avail_in == 0 && stream.avail_out != 0)))
            status = slu_error_set(err, SLU_CORRUPT, "gzip: broken (zlib %d)", code);
    }
    (void)inflateEnd(&stream);
    return status;
}

slu_status
iceberg_metadata_load(const iceberg_store *store, const char *location, iceberg_metadata **out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf raw = {0};
    SLU_AUTO(slu_buf_fini) slu_buf plain = {0};
    slu_buf_init(&raw, ICEBERG_METADATA_BYTES_MAX + 1);
    slu_buf_init(&plain, ICEBERG_METADATA_BYTES_MAX);
    SLU_TRY(iceberg_store_get(store, location, ICEBERG_METADATA_BYTES_MAX, &raw, err));
    slu_view text = slu_buf_view(&raw);
    if (text.bytes > 2 && text.data[0] == 0x1f && text.data[1] == 0x8b) {
        SLU_TRY_IN(gunzip(text, &plain, err), err, "%s", location);
        text = slu_buf_view(&plain);
    }
    SLU_TRY_IN(iceberg_metadata_parse(text, out, err), err, "%s", location);
    return SLU_OK;
}

slu_status
iceberg_table_open(const iceberg_store *store, const char *metadata_location, iceberg_table *out, slu_error *err)
{
    SLU_AUTO(iceberg_metadata_free) iceberg_metadata *metadata = NULL;
    SLU_TRY(iceberg_metadata_load(store, metadata_location, &metadata, err));
    return iceberg_table_make("", metadata_location, metadata_location, &metadata, out, err);
}

slu_status
iceberg_catalog_load(const iceberg_catalog *catalog, const char *ns, const char *name, iceberg_table *out, slu_error *err)
{
    return catalog->ops->load(catalog->self, ns, name, out, err);
}

slu_status
iceberg_catalog_create(const iceberg_catalog *catalog, const char *ns, const char *name, const iceberg_create *create,
                       iceberg_table *out, slu_error *err)
{
    return catalog->ops->create(catalog->self, ns, name, create, out, err);
}

static bool
same_table(const iceberg_table *a, const iceberg_table *b)
{
    const char *left = a->metadata->uuid;
    const char *right = b->metadata->uuid;
    return left == NULL || right == NULL || strcmp(left, right) == 0;
}

slu_status
iceberg_catalog_refresh(const iceberg_catalog *catalog, iceberg_table *table, slu_error *err)
{
    SLU_AUTO(iceberg_table_fini) iceberg_table next = {0};
    SLU_TRY(catalog->ops->load(catalog->self, table->ns, table->name, &next, err));
    if (!same_table(table, &next))
        return slu_error_set(err, SLU_CONFLICT, "table %s.%s was dropped and made again (uuid %s, was %s)", table->ns, table->name,
                             next.metadata->uuid, table->metadata->uuid);
    iceberg_table_fini(table);
    *table = next;
    memset(&next, 0, sizeof next);
    return SLU_OK;
}

slu_status
iceberg_catalog_commit(const iceberg_catalog *catalog, iceberg_table *table, const iceberg_change *change, slu_error *err)
{
    iceberg_table next = {0};
    SLU_TRY(catalog->ops->commit(catalog->self, table, change, &next, err));
    iceberg_table_fini(table);
    *table = next;
    return SLU_OK;
}

const iceberg_store *
iceberg_catalog_store(const iceberg_catalog *catalog, const iceberg_table *table)
{
    return catalog->ops->store(catalog->self, table);
}
