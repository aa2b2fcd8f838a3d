#include "fluss/server/remote/sweep.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "fluss/server/remote/internal.h"

#include <errno.h>
#include <stdlib.h>

#define SWEEP_ARENA_BYTES_MAX ((size_t)256 << 20)

typedef struct sweep {
    fluss_job job;
    const slu_env *env;
    const fluss_store *store;
    slu_arena arena;
    const char *dir;
    const char **known; /* ids, sorted */
    size_t count;
    fluss_catalogue_live live; /* of a sweep of tables */
    const char **found;        /* what is to be removed */
    size_t found_count;
    size_t found_room;
} sweep;

static int
text_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
sweep_knows(const sweep *s, const char *id)
{
    return s->count != 0 && bsearch(&id, s->known, s->count, sizeof *s->known, text_order) != NULL;
}

/* The first `bytes` of a location are to be removed, with all below. */
static slu_status
sweep_note(sweep *s, const char *location, size_t bytes, slu_error *err)
{
    if (s->found_count != 0 && strncmp(s->found[s->found_count - 1], location, bytes) == 0 &&
        s->found[s->found_count - 1][bytes] == 0)
        return SLU_OK;
    if (s->found_count == s->found_room) {
        const size_t room = s->found_room == 0 ? 64 : s->found_room * 2;
        const char **larger = slu_arena_array(&s->arena, room, sizeof *larger);
        if (larger == NULL)
            return slu_arena_status(&s->arena, err);
        if (s->found_count != 0)
            memcpy(larger, s->found, s->found_count * sizeof *larger);
        s->found = larger;
        s->found_room = room;
    }
    s->found[s->found_count++] = slu_arena_strndup(&s->arena, location, bytes);
    return slu_arena_status(&s->arena, err);
}

/* ---- a bucket ---- */

/* Whatever bears the name of a segment or a manifest, or of half a file, and is known to nobody. */
static slu_status
bucket_found(void *to, const fluss_stored *stored, slu_error *err)
{
    sweep *s = to;
    char id[FLUSS_UUID_BYTES];
    const char *name = fluss_store_below(s->dir, stored->location);
    const char *in_metadata = name == NULL ? NULL : fluss_store_below(FLUSS_REMOTE_METADATA, name);
    const char *suffix = in_metadata != NULL ? ".manifest" : "";
    if (name == NULL)
        return SLU_OK;
    name = in_metadata != NULL ? in_metadata : name;
    const size_t bytes = strcspn(name, "/");
    (void)snprintf(id, sizeof id, "%.36s", name);
    if (!fluss_uuid_is(id) || strncmp(name + 36, suffix, strlen(suffix)) != 0 || (in_metadata == NULL && name[bytes] != '/'))
        return SLU_OK;
    if (bytes == 36 + strlen(suffix) && sweep_knows(s, id))
        return SLU_OK;
    return sweep_note(s, stored->location, (size_t)(name - stored->location) + bytes, err);
}

/* ---- tables ---- */

/* The number behind the last `mark` of a name of so many bytes; -1: none. */
static int64_t
name_id(const char *name, size_t bytes, const char *mark)
{
    char text[SLU_PATH_BYTES_MAX];
    char *end = NULL;
    if (bytes >= sizeof text)
        return -1;
    memcpy(text, name, bytes);
    text[bytes] = 0;
    const char *dash = strrchr(text, '-');
    if (dash == NULL || strncmp(dash, mark, strlen(mark)) != 0)
        return -1;
    const char *digits = dash + strlen(mark);
    errno = 0;
    const int64_t id = digits[0] >= '0' && digits[0] <= '9' ? strtoll(digits, &end, 10) : -1;
    return id >= 0 && errno == 0 && *end == 0 ? id : -1;
}

static bool
live_has(const fluss_catalogue_live *live, int64_t table_id, int64_t partition_id)
{
    size_t low = 0;
    size_t high = live->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const fluss_catalogue_live_row *row = &live->rows[middle];
        if (row->table_id < table_id || (row->table_id == table_id && row->partition_id < partition_id))
            low = middle + 1;
        else
            high = middle;
    }
    return low < live->count && live->rows[low].table_id == table_id && live->rows[low].partition_id == partition_id;
}

/* {db}/{table}-{id}/[{partition}-p{id}/]... Ids that were given since are not looked at. */
static slu_status
table_found(void *to, const fluss_stored *stored, slu_error *err)
{
    sweep *s = to;
    const char *database = fluss_store_below(s->dir, stored->location);
    const char *table = database == NULL ? NULL : strchr(database, '/');
    if (table == NULL)
        return SLU_OK;
    const size_t table_bytes = strcspn(++table, "/");
    const int64_t table_id = name_id(table, table_bytes, "-");
    if (table[table_bytes] != '/' || table_id < 0 || table_id >= s->live.table_id_end)
        return SLU_OK;
    if (!live_has(&s->live, table_id, FLUSS_NO_PARTITION))
        return sweep_note(s, stored->location, (size_t)(table - stored->location) + table_bytes, err);
    const char *partition = table + table_bytes + 1;
    const size_t partition_bytes = strcspn(partition, "/");
    const int64_t partition_id = name_id(partition, partition_bytes, "-p");
    if (partition[partition_bytes] != '/' || partition_id < 0 || partition_id >= s->live.partition_id_end ||
        live_has(&s->live, table_id, partition_id))
        return SLU_OK;
    return sweep_note(s, stored->location, (size_t)(partition - stored->location) + partition_bytes, err);
}

/* ---- the jobs ---- */

static slu_status
sweep_all(sweep *s, fluss_stored_found found, slu_error *err)
{
    SLU_TRY(s->store->ops->list(s->store->self, s->dir, found, s, err));
    for (size_t i = 0; i < s->found_count; i++) {
        slu_log_info(s->env, "REMOTE-SWEEP", "%s was left half done, or behind: it is removed", s->found[i]);
        SLU_TRY(s->store->ops->remove(s->store->self, s->found[i], err));
    }
    return SLU_OK;
}

static slu_status
bucket_run(fluss_job *job, slu_error *err)
{
    return sweep_all((sweep *)(void *)job, bucket_found, err);
}

static slu_status
tables_run(fluss_job *job, slu_error *err)
{
    return sweep_all((sweep *)(void *)job, table_found, err);
}

static void
sweep_done(fluss_job *job, slu_status status, const slu_error *err)
{
    sweep *s = (sweep *)(void *)job;
    if (status < 0 && status != SLU_CLOSED)
        slu_log_warn(s->env, "REMOTE-SWEEP-FAILED", "%s", err->message);
    slu_arena_fini(&s->arena);
    slu_free(s);
}

static sweep *
sweep_new(const fluss_remote *remote, slu_status (*run)(fluss_job *, slu_error *), slu_error *err)
{
    sweep *s = slu_alloc_zero(1, sizeof *s);
    if (s == NULL) {
        (void)slu_error_set(err, SLU_NOMEM, "no memory for a sweep");
        return NULL;
    }
    slu_arena_init(&s->arena, SWEEP_ARENA_BYTES_MAX);
    s->env = remote->server->env;
    s->store = fluss_remote_store(remote);
    s->job.run = run;
    s->job.done = sweep_done;
    return s;
}

slu_status
fluss_sweep_new(const fluss_remote *remote, const char *bucket_dir, const fluss_manifest *manifest, const char *manifest_id,
                const char *const *spared, size_t spared_count, fluss_job **out, slu_error *err)
{
    sweep *s = sweep_new(remote, bucket_run, err);
    if (s == NULL)
        return SLU_NOMEM;
    s->dir = slu_arena_strdup(&s->arena, bucket_dir);
    s->known = slu_arena_array(&s->arena, manifest->count + spared_count + 1, sizeof *s->known);
    for (size_t i = 0; s->known != NULL && i < manifest->count; i++)
        s->known[s->count++] = slu_arena_strdup(&s->arena, manifest->segments[i].id);
    for (size_t i = 0; s->known != NULL && i < spared_count; i++)
        s->known[s->count++] = slu_arena_strdup(&s->arena, spared[i]);
    if (s->known != NULL)
        s->known[s->count++] = slu_arena_strdup(&s->arena, manifest_id);
    const slu_status status = slu_arena_status(&s->arena, err);
    if (status != SLU_OK) {
        sweep_done(&s->job, SLU_OK, NULL);
        return status;
    }
    qsort(s->known, s->count, sizeof *s->known, text_order);
    *out = &s->job;
    return SLU_OK;
}

slu_status
fluss_sweep_dropped(fluss_remote *remote, slu_error *err)
{
    sweep *s = sweep_new(remote, tables_run, err);
    if (s == NULL)
        return SLU_NOMEM;
    s->dir = slu_arena_printf(&s->arena, "%s/" FLUSS_REMOTE_LOG, remote->root);
    slu_status status = fluss_catalogue_list_live(remote->server->catalogue, &s->arena, &s->live, err);
    if (status == SLU_OK)
        status = slu_arena_status(&s->arena, err);
    if (status == SLU_OK)
        fluss_background_submit(remote->server->background, &s->job);
    else
        sweep_done(&s->job, SLU_OK, NULL);
    return status;
}
