#include "iceberg/catalog_parts.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/uuid.h"
#include "iceberg/names.h"

#include <stdlib.h>

#define HINT_BYTES_MAX 64
#define VERSION_MAX INT64_C(1000000000)

typedef struct files_catalog {
    const slu_env *env;
    iceberg_store store;
    char *warehouse; /* without a final slash */
} files_catalog;

static const char *const SUFFIXES[] = {".metadata.json", ".gz.metadata.json", ".metadata.json.gz"};

/* A name becomes a folder: what would leave the warehouse is refused. */
static slu_status
name_check(const char *name, slu_error *err)
{
    if (name[0] == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/') != NULL)
        return slu_error_set(err, SLU_INVALID, "\"%.64s\" cannot be the name of a table or namespace", name);
    return SLU_OK;
}

/* <warehouse>/<levels of the namespace>/<name> */
static slu_status
table_location(const files_catalog *catalog, const char *ns, const char *name, char out[SLU_PATH_BYTES_MAX], slu_error *err)
{
    const int bytes =
        snprintf(out, SLU_PATH_BYTES_MAX, "%s/%s%s%s", catalog->warehouse, ns, name == NULL ? "" : "/", name == NULL ? "" : name);
    SLU_TRY(name_check(ns, err));
    if (name != NULL)
        SLU_TRY(name_check(name, err));
    if (strstr(ns, "..") != NULL || ns[0] == '.')
        return slu_error_set(err, SLU_INVALID, "\"%.64s\" has an empty level", ns);
    if (bytes < 0 || bytes >= SLU_PATH_BYTES_MAX - 128)
        return slu_error_set(err, SLU_LIMIT, "the location of table %.64s is too long", name == NULL ? ns : name);
    for (char *at = out + strlen(catalog->warehouse) + 1, *end = at + strlen(ns); at < end; at++)
        *at = *at == '.' ? '/' : *at;
    return SLU_OK;
}

static void
version_location(const char *table, int64_t version, const char *suffix, char out[SLU_PATH_BYTES_MAX])
{
    (void)snprintf(out, SLU_PATH_BYTES_MAX, "%.*s/metadata/v%lld%s", SLU_PATH_BYTES_MAX - 128, table, (long long)version, suffix);
}

/* Where the metadata of a version lies; NOTFOUND when there is none. */
static slu_status
version_find(const files_catalog *catalog, const char *table, int64_t version, char out[SLU_PATH_BYTES_MAX], slu_error *err)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++) {
        version_location(table, version, SUFFIXES[i], out);
        const slu_status status = catalog->store.ops->size(catalog->store.self, out, &bytes, err);
        if (status != SLU_NOTFOUND)
            return status;
    }
    return SLU_NOTFOUND;
}

static int64_t
number_of(const char *text)
{
    char *end = NULL;
    const long long number = strtoll(text, &end, 10);
    while (end != text && (*end == '\n' || *end == '\r' || *end == ' '))
        end++;
    return end == text || *end != 0 || number < 1 || number > VERSION_MAX ? 0 : (int64_t)number;
}

/* 0 when there is no usable hint. */
static int64_t
version_hint(const files_catalog *catalog, const char *table)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    char location[SLU_PATH_BYTES_MAX];
    slu_buf_init(&text, HINT_BYTES_MAX * 2);
    (void)snprintf(location, sizeof location, "%.*s/metadata/version-hint.text", SLU_PATH_BYTES_MAX - 128, table);
    if (iceberg_store_get(&catalog->store, location, HINT_BYTES_MAX, &text, NULL) != SLU_OK)
        return 0;
    return number_of(slu_buf_cstr(&text));
}

/* Whether the text behind "v<N>" is the rest of a metadata file's name. */
static bool
is_suffix(const char *text)
{
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++)
        if (strcmp(text, SUFFIXES[i]) == 0)
            return true;
    return false;
}

static slu_status
version_listed(void *to, const iceberg_listed *listed, slu_error *err)
{
    int64_t *newest = to;
    const char *slash = strrchr(listed->location, '/');
    const char *dot = slash == NULL ? NULL : strchr(slash, '.');
    char number[32];
    if (dot == NULL || slash[1] != 'v' || !is_suffix(dot))
        return SLU_OK;
    (void)snprintf(number, sizeof number, "%.*s", (int)(dot - slash - 2 > 20 ? 20 : dot - slash - 2), slash + 2);
    const int64_t version = number_of(number);
    *newest = version > *newest ? version : *newest;
    return SLU_OK;
}

/* The newest version of a table: the hint or a listing, then whatever lies above. NOTFOUND: not a table. */
static slu_status
version_newest(const files_catalog *catalog, const char *table, int64_t *out, char location[SLU_PATH_BYTES_MAX], slu_error *err)
{
    char folder[SLU_PATH_BYTES_MAX];
    char next[SLU_PATH_BYTES_MAX];
    int64_t version = version_hint(catalog, table);
    slu_status status = version == 0 ? SLU_NOTFOUND : version_find(catalog, table, version, location, err);
    if (status == SLU_NOTFOUND) {
        version = 0;
        (void)snprintf(folder, sizeof folder, "%.*s/metadata", SLU_PATH_BYTES_MAX - 128, table);
        SLU_TRY(catalog->store.ops->list(catalog->store.self, folder, version_listed, &version, err));
        if (version == 0)
            return slu_error_set(err, SLU_NOTFOUND, "there is no table at %s", table);
        status = version_find(catalog, table, version, location, err);
    }
    SLU_TRY(status);
    while (version_find(catalog, table, version + 1, next, NULL) == SLU_OK) {
        version++;
        memcpy(location, next, sizeof next);
    }
    *out = version;
    return SLU_OK;
}

static slu_status
files_load(void *self, const char *ns, const char *name, iceberg_table *out, slu_error *err)
{
    files_catalog *catalog = self;
    SLU_AUTO(iceberg_metadata_free) iceberg_metadata *metadata = NULL;
    char table[SLU_PATH_BYTES_MAX];
    char location[SLU_PATH_BYTES_MAX];
    int64_t version = 0;
    SLU_TRY(table_location(catalog, ns, name, table, err));
    SLU_TRY(version_newest(catalog, table, &version, location, err));
    SLU_TRY(iceberg_metadata_load(&catalog->store, location, &metadata, err));
    return iceberg_table_make(ns, name, location, &metadata, out, err);
}

/* Best effort: the hint only saves probes. */
static void
hint_write(const files_catalog *catalog, const char *table, int64_t version)
{
    char location[SLU_PATH_BYTES_MAX];
    char text[32];
    slu_error err = {0};
    (void)snprintf(location, sizeof location, "%.*s/metadata/version-hint.text", SLU_PATH_BYTES_MAX - 128, table);
    (void)snprintf(text, sizeof text, "%lld", (long long)version);
    if (iceberg_store_put(&catalog->store, location, slu_view_of_text(text), false, &err) != SLU_OK)
        slu_log_warn(catalog->env, "ICEBERG-HINT", "%s was not written, readers will probe: %s", location, err.message);
}

/* Writes a version exclusively; *out is the table at it. Everything that can fail for want of memory comes before the write, since
 * after it the deed is done. Takes *metadata. */
static slu_status
version_write(const files_catalog *catalog, const char *ns, const char *name, const char *table, int64_t version,
              iceberg_metadata **metadata, iceberg_table *out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    SLU_AUTO(iceberg_table_fini) iceberg_table made = {0};
    char location[SLU_PATH_BYTES_MAX];
    slu_buf_init(&text, ICEBERG_METADATA_BYTES_MAX);
    SLU_TRY(iceberg_metadata_print(*metadata, &text, err));
    version_location(table, version, SUFFIXES[0], location);
    SLU_TRY(iceberg_table_make(ns, name, location, metadata, &made, err));
    SLU_TRY(iceberg_store_put(&catalog->store, location, slu_buf_view(&text), true, err));
    hint_write(catalog, table, version);
    *out = made;
    memset(&made, 0, sizeof made);
    return SLU_OK;
}

static slu_status
files_create(void *self, const char *ns, const char *name, const iceberg_create *create, iceberg_table *out, slu_error *err)
{
    files_catalog *catalog = self;
    SLU_AUTO(iceberg_metadata_free) iceberg_metadata *metadata = NULL;
    char table[SLU_PATH_BYTES_MAX];
    char location[SLU_PATH_BYTES_MAX];
    char uuid[SLU_UUID_TEXT_BYTES];
    int64_t version = 0;
    iceberg_create at = *create;
    SLU_TRY(table_location(catalog, ns, name, table, err));
    if (create->location != NULL && strcmp(create->location, table) != 0)
        return slu_error_set(err, SLU_INVALID, "a file-system catalog puts table %s.%s at %s, not at %s", ns, name, table,
                             create->location);
    const slu_status found = version_newest(catalog, table, &version, location, err);
    if (found == SLU_OK)
        return slu_error_set(err, SLU_CONFLICT, "table %s.%s exists: %s", ns, name, location);
    if (found != SLU_NOTFOUND)
        return found;
    at.location = table;
    slu_uuid_new(catalog->env, uuid);
    SLU_TRY(iceberg_metadata_new(&at, uuid, slu_wall_ms(catalog->env), &metadata, err));
    SLU_TRY_IN(version_write(catalog, ns, name, table, 1, &metadata, out, err), err, "create table %s.%s", ns, name);
    return SLU_OK;
}

/* With write.metadata.delete-after-commit.enabled, files that fell off the metadata log go. Best effort. */
static void
old_metadata_remove(const files_catalog *catalog, const iceberg_metadata *before, const iceberg_metadata *after)
{
    const char *wanted = iceberg_metadata_property(after, "write.metadata.delete-after-commit.enabled");
    if (wanted == NULL || strcmp(wanted, "true") != 0)
        return;
    for (uint32_t i = 0; i < before->log_count; i++) {
        bool kept = false;
        for (uint32_t k = 0; k < after->log_count && !kept; k++)
            kept = strcmp(before->log[i].file, after->log[k].file) == 0;
        if (!kept)
            (void)iceberg_store_remove(&catalog->store, before->log[i].file, NULL);
    }
}

static int64_t
version_of(const char *location)
{
    int64_t version = 0;
    const iceberg_listed listed = {location, 0, 0};
    (void)version_listed(&version, &listed, NULL);
    return version;
}

static slu_status
files_commit(void *self, const iceberg_table *base, const iceberg_change *change, iceberg_table *out, slu_error *err)
{
    files_catalog *catalog = self;
    SLU_AUTO(iceberg_metadata_free) iceberg_metadata *next = NULL;
    char table[SLU_PATH_BYTES_MAX];
    char location[SLU_PATH_BYTES_MAX];
    int64_t newest = 0;
    const int64_t version = version_of(base->metadata_location);
    SLU_TRY(table_location(catalog, base->ns, base->name, table, err));
    if (version == 0)
        return slu_error_set(err, SLU_INVALID, "%s is not of a file-system catalog", base->metadata_location);
    /* An old base whose successor was cleaned away must not be taken for the newest: ask before creating. */
    SLU_TRY(version_newest(catalog, table, &newest, location, err));
    if (newest != version)
        return slu_error_set(err, SLU_CONFLICT, "table %s.%s is at version %lld, the commit was for %lld", base->ns, base->name,
                             (long long)newest, (long long)version);
    SLU_TRY(iceberg_metadata_apply(base->metadata, base->metadata_location, &change->requirements, change->updates,
                                   change->update_count, slu_wall_ms(catalog->env), &next, err));
    SLU_TRY_IN(version_write(catalog, base->ns, base->name, table, version + 1, &next, out, err), err, "commit to %s.%s", base->ns,
               base->name);
    old_metadata_remove(catalog, base->metadata, out->metadata);
    return SLU_OK;
}

typedef struct names_walk {
    const char *folder;
    iceberg_named found;
    void *to;
    char last[SLU_NAME_BYTES_MAX];
} names_walk;

/* A file <folder>/<name>/metadata/v<N>.metadata.json names a table. A table's files come one after another, so remembering the last
 * name gives each once. */
static slu_status
name_listed(void *to, const iceberg_listed *listed, slu_error *err)
{
    names_walk *walk = to;
    const char *rest = listed->location + strlen(walk->folder) + 1;
    const char *slash = strchr(rest, '/');
    const char *dot = slash == NULL ? NULL : strchr(slash, '.');
    if (dot == NULL || strncmp(slash, "/metadata/v", 11) != 0 || !is_suffix(dot))
        return SLU_OK;
    const size_t bytes = (size_t)(slash - rest);
    if (bytes >= sizeof walk->last || (strlen(walk->last) == bytes && memcmp(walk->last, rest, bytes) == 0))
        return SLU_OK;
    memcpy(walk->last, rest, bytes);
    walk->last[bytes] = 0;
    return walk->found(walk->to, walk->last, err);
}

static slu_status
files_list(void *self, const char *ns, iceberg_named found, void *to, slu_error *err)
{
    files_catalog *catalog = self;
    char folder[SLU_PATH_BYTES_MAX];
    SLU_TRY(table_location(catalog, ns, NULL, folder, err));
    names_walk walk = {folder, found, to, ""};
    return catalog->store.ops->list(catalog->store.self, folder, name_listed, &walk, err);
}

static const iceberg_store *
files_store(void *self, const iceberg_table *table)
{
    return &((files_catalog *)self)->store;
}

static void
files_close(void *self)
{
    files_catalog *catalog = self;
    iceberg_store_close(&catalog->store);
    slu_free(catalog->warehouse);
    slu_free(catalog);
}

static const iceberg_catalog_ops FILES = {
    .load = files_load,
    .create = files_create,
    .commit = files_commit,
    .list = files_list,
    .store = files_store,
    .close = files_close,
};

slu_status
iceberg_catalog_files_open(const slu_env *env, const char *warehouse, iceberg_store *store, iceberg_catalog *out, slu_error *err)
{
    size_t bytes = strlen(warehouse);
    while (bytes > 1 && warehouse[bytes - 1] == '/')
        bytes--;
    if (bytes == 0 || bytes >= SLU_PATH_BYTES_MAX / 2)
        return slu_error_set(err, SLU_INVALID, "a warehouse location of %zu bytes", bytes);
    files_catalog *catalog = slu_alloc_zero(1, sizeof *catalog);
    /* The specification wants locations with a scheme: a plain path becomes a file URI. */
    const char *scheme = warehouse[0] == '/' ? "file://" : "";
    char *copy = slu_alloc(strlen(scheme) + bytes + 1);
    if (catalog == NULL || copy == NULL) {
        slu_free(catalog);
        slu_free(copy);
        return slu_error_set(err, SLU_NOMEM, "no memory for a catalog");
    }
    (void)snprintf(copy, strlen(scheme) + bytes + 1, "%s%.*s", scheme, (int)bytes, warehouse);
    catalog->env = env;
    catalog->warehouse = copy;
    catalog->store = *store;
    memset(store, 0, sizeof *store);
    *out = (iceberg_catalog){&FILES, catalog, env};
    return SLU_OK;
}
