#include "iceberg_care/orphans.h"

#include "iceberg_care/gc.h"
#include "iceberg_care/reach.h"
#include "iceberg_care/removal.h"

#define LISTING_BYTES_MAX ((size_t)2 << 30)

typedef struct lying {
    const char *location;
    int64_t bytes;
    int64_t modified_ms;
} lying;

typedef struct listing {
    slu_arena arena;
    const char *folder; /* the table's location */
    lying *items;
    size_t count;
    size_t capacity;
    iceberg_locations foreign; /* folders of other tables */
} listing;

static void
listing_fini(listing *work)
{
    slu_arena_fini(&work->arena);
    iceberg_locations_fini(&work->foreign);
}

static bool
ends_with(const char *text, const char *end)
{
    const size_t bytes = strlen(text);
    const size_t end_bytes = strlen(end);
    return bytes >= end_bytes && strcmp(text + bytes - end_bytes, end) == 0;
}

static bool
is_metadata(const char *name)
{
    return ends_with(name, ".metadata.json") || ends_with(name, ".metadata.json.gz");
}

/* A metadata file in x/y/metadata/ makes x/y the folder of another table; in metadata/ it is our own. */
static slu_status
foreign_note(listing *work, const char *location, const char *below, slu_error *err)
{
    static const char FOLDER[] = "/metadata/";
    const char *name = strrchr(below, '/');
    if (name == NULL || !is_metadata(name) || (size_t)(name - below) < sizeof FOLDER - 1)
        return SLU_OK;
    const char *at = name + 1 - (sizeof FOLDER - 1);
    if (strncmp(at, FOLDER, sizeof FOLDER - 1) != 0)
        return SLU_OK;
    const char *folder = slu_arena_strndup(&work->arena, location, (size_t)(at - location));
    SLU_TRY(slu_arena_status(&work->arena, err));
    return iceberg_locations_add(&work->foreign, folder, NULL, err);
}

static slu_status
listing_add(void *to, const iceberg_listed *listed, slu_error *err)
{
    listing *work = to;
    if (work->count == work->capacity) {
        const size_t wanted = work->capacity == 0 ? 256 : work->capacity * 2;
        lying *grown = slu_arena_array(&work->arena, wanted, sizeof *grown);
        SLU_TRY(slu_arena_status(&work->arena, err));
        if (work->count != 0)
            memcpy(grown, work->items, work->count * sizeof *grown);
        work->items = grown;
        work->capacity = wanted;
    }
    const char *location = slu_arena_strdup(&work->arena, listed->location);
    SLU_TRY(slu_arena_status(&work->arena, err));
    const char *below = iceberg_location_below(location, work->folder);
    if (below == NULL)
        return slu_error_set(err, SLU_CORRUPT, "the listing of %s has %s, which is not below it", work->folder, location);
    work->items[work->count++] = (lying){location, listed->bytes, listed->modified_ms};
    return foreign_note(work, location, below, err);
}

/* Whether any folder of the file is another table's. */
static bool
is_foreign(const listing *work, const char *location, const char *below)
{
    char folder[ICEBERG_LOCATION_BYTES_MAX];
    for (const char *slash = strchr(below, '/'); slash != NULL && work->foreign.count != 0; slash = strchr(slash + 1, '/')) {
        const int bytes = snprintf(folder, sizeof folder, "%.*s", (int)(slash - location), location);
        if (bytes < 0 || (size_t)bytes >= sizeof folder || iceberg_locations_have(&work->foreign, folder))
            return true;
    }
    return false;
}

/* "_temporary/x", ".staging/x": another program's; "__bucket=3/x" is a partition. */
static bool
is_hidden(const char *below)
{
    for (const char *name = below;; name++) {
        const char *slash = strchr(name, '/');
        const size_t bytes = slash == NULL ? strlen(name) : (size_t)(slash - name);
        if ((name[0] == '_' || name[0] == '.') && memchr(name, '=', bytes) == NULL)
            return true;
        if (slash == NULL)
            return false;
        name = slash;
    }
}

/* What Iceberg writers, ours among them, leave; `.tmp` is a metadata file before it has its name. */
static bool
is_iceberg_name(const char *below)
{
    static const char *const ENDS[] = {".parquet", ".avro",  ".orc", ".metadata.json",    ".metadata.json.gz",
                                       ".puffin",  ".stats", ".tmp", "-version-hint.temp"};
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++)
        if (ends_with(below, ENDS[i]))
            return true;
    return false;
}

typedef struct sorting {
    const listing *files;
    const iceberg_reach *reach;
    int64_t older_than_ms;
    const iceberg_orphans_options *options;
    iceberg_orphans *out;
    iceberg_removal removal;
} sorting;

static void
sorting_fini(sorting *work)
{
    iceberg_removal_fini(&work->removal);
}

static slu_status
file_sort(sorting *work, const lying *file, slu_error *err)
{
    iceberg_orphans *out = work->out;
    const char *below = iceberg_location_below(file->location, work->files->folder);
    const iceberg_listed listed = {file->location, file->bytes, file->modified_ms};
    out->listed++;
    if (iceberg_locations_have(&work->reach->files, file->location)) {
        out->reached++;
        return SLU_OK;
    }
    if (is_hidden(below) || !is_iceberg_name(below) || is_foreign(work->files, file->location, below)) {
        out->others++;
        return SLU_OK;
    }
    if (file->modified_ms > work->older_than_ms) {
        out->young++;
        return SLU_OK;
    }
    out->orphans++;
    out->bytes += file->bytes;
    if (work->options->found != NULL)
        SLU_TRY(work->options->found(work->options->to, &listed, err));
    return iceberg_removal_add(&work->removal, file->location, 0, err);
}

static slu_status
reach_all(iceberg_reach *reach, const iceberg_table *table, slu_error *err)
{
    SLU_TRY(iceberg_reach_table(reach, table, err));
    SLU_TRY(iceberg_reach_statistics(reach, -1, err));
    return iceberg_reach_snapshots(reach, err);
}

slu_status
iceberg_orphans_remove(const iceberg_catalog *catalog, iceberg_table *table, const iceberg_orphans_options *options,
                       iceberg_orphans *out, slu_error *err)
{
    SLU_AUTO(listing_fini) listing files = {.folder = NULL};
    SLU_AUTO(iceberg_reach_fini) iceberg_reach reach = {0};
    SLU_AUTO(sorting_fini) sorting work = {.files = &files, .reach = &reach, .options = options, .out = out};
    const int64_t age_ms = options->age_ms == 0 ? ICEBERG_ORPHAN_AGE_MS : options->age_ms < 0 ? 0 : options->age_ms;
    const iceberg_store *store = iceberg_catalog_store(catalog, table);
    memset(out, 0, sizeof *out);
    slu_arena_init(&files.arena, LISTING_BYTES_MAX);
    iceberg_locations_init(&files.foreign);
    iceberg_removal_init(&work.removal);
    SLU_TRY(iceberg_gc_check(table->metadata, err));
    files.folder = slu_arena_strdup(&files.arena, table->metadata->location); /* the metadata goes with the refresh */
    SLU_TRY(slu_arena_status(&files.arena, err));
    SLU_TRY_IN(store->ops->list(store->self, files.folder, listing_add, &files, err), err, "listing %s", files.folder);
    SLU_TRY(iceberg_catalog_refresh(catalog, table, err));
    store = iceberg_catalog_store(catalog, table);
    iceberg_reach_init(&reach, store, table->metadata);
    SLU_TRY_IN(reach_all(&reach, table, err), err, "no file was removed: the table cannot be read whole");
    work.older_than_ms = slu_wall_ms(catalog->env) - age_ms;
    for (size_t i = 0; i < files.count; i++)
        SLU_TRY(file_sort(&work, &files.items[i], err));
    /* Its own metadata lies there: names do not match, and every file would be an orphan. */
    if (out->reached == 0 && out->orphans != 0)
        return slu_error_set(
            err, SLU_CONFLICT,
            "no file was removed: none of the %lld files in %s is one that the table names: it names them otherwise",
            (long long)out->listed, files.folder);
    if (!options->dry_run)
        out->failed = iceberg_removal_run(&work.removal, store);
    return SLU_OK;
}
