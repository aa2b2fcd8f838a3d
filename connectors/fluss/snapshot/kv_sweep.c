/* kv_sweep.c: what no kept snapshot names goes. Mark and sweep, and no counting of references: it is right after any kill. */
#include "kv_files.h"

#include "base/alloc.h"
#include "base/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define SWEEP_ARENA_BYTES_MAX ((size_t)1 << 30)

static bool
parse_id(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == 0 && errno == 0;
}

/* "snap-7". */
static bool
parse_snapshot(const char *name, int64_t *out)
{
    const size_t prefix = strlen(FLUSS_KV_SNAPSHOT_PREFIX);
    return strncmp(name, FLUSS_KV_SNAPSHOT_PREFIX, prefix) == 0 && parse_id(name + prefix, out);
}

/* "orders-12" and "2024-p3": the number behind the last dash, after `mark`. */
static bool
parse_named(const char *name, const char *mark, int64_t *out)
{
    const char *dash = strrchr(name, '-');
    return dash != NULL && strncmp(dash, mark, strlen(mark)) == 0 && parse_id(dash + strlen(mark), out);
}

static bool
has_id(const int64_t *ids, size_t count, int64_t id)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* ---- one tablet ---- */

typedef struct names {
    const char **list;
    size_t count;
    size_t room;
} names;

typedef struct sweep {
    const fluss_store *store;
    const char *tablet_dir;
    const int64_t *kept_ids;
    size_t kept_count;
    slu_arena arena;
    names named;  /* base names of shared files in use, sorted */
    names shared; /* locations of shared files that are there */
    names gone;   /* of snapshots that go */
} sweep;

static slu_status
names_add(names *of, const char *name, slu_error *err)
{
    if (name == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a sweep");
    if (of->count == of->room) {
        const size_t room = of->room == 0 ? 64 : of->room * 2;
        const char **larger = slu_realloc(of->list, room * sizeof *larger);
        if (larger == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for a sweep");
        of->list = larger;
        of->room = room;
    }
    of->list[of->count++] = name;
    return SLU_OK;
}

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static slu_status
mark(sweep *s, slu_error *err)
{
    for (size_t i = 0; i < s->kept_count; i++) {
        fluss_kv_snapshot snapshot;
        char location[SLU_PATH_BYTES_MAX];
        if (snprintf(location, sizeof location, "%s/%s%" PRId64, s->tablet_dir, FLUSS_KV_SNAPSHOT_PREFIX, s->kept_ids[i]) >=
            (int)sizeof location)
            return slu_error_set(err, SLU_LIMIT, "the path %s is too long", s->tablet_dir);
        SLU_TRY(fluss_kv_files_load(s->store, location, &s->arena, &snapshot, err));
        for (size_t j = 0; j < snapshot.shared_count; j++)
            SLU_TRY(names_add(&s->named, base_name(snapshot.shared[j].path), err));
    }
    return SLU_OK;
}

/* "shared/UUID", or "snap-7/UUID". */
static slu_status
sweep_found(void *to, const fluss_stored *stored, slu_error *err)
{
    sweep *s = to;
    char first[64];
    int64_t id = 0;
    const char *name = fluss_store_below(s->tablet_dir, stored->location);
    const size_t bytes = name == NULL ? 0 : strcspn(name, "/");
    if (name == NULL || name[bytes] != '/' || bytes >= sizeof first)
        return SLU_OK; /* not ours */
    (void)snprintf(first, sizeof first, "%.*s", (int)bytes, name);
    if (strcmp(first, FLUSS_KV_SHARED_DIR) == 0)
        return names_add(&s->shared, slu_arena_strdup(&s->arena, stored->location), err);
    if (!parse_snapshot(first, &id) || has_id(s->kept_ids, s->kept_count, id))
        return SLU_OK;
    const size_t whole = (size_t)(name - stored->location) + bytes;
    const char *last = s->gone.count == 0 ? "" : s->gone.list[s->gone.count - 1];
    if (strlen(last) == whole && strncmp(last, stored->location, whole) == 0)
        return SLU_OK;
    return names_add(&s->gone, slu_arena_strndup(&s->arena, stored->location, whole), err);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static slu_status
sweep_shared(const sweep *s, slu_error *err)
{
    for (size_t i = 0; i < s->shared.count; i++) {
        const char *name = base_name(s->shared.list[i]);
        if (s->named.count == 0 || bsearch(&name, s->named.list, s->named.count, sizeof *s->named.list, compare_names) == NULL)
            SLU_TRY(s->store->ops->remove(s->store->self, s->shared.list[i], err));
    }
    return SLU_OK;
}

static slu_status
sweep_run(sweep *s, slu_error *err)
{
    SLU_TRY(s->store->ops->list(s->store->self, s->tablet_dir, sweep_found, s, err));
    for (size_t i = 0; i < s->gone.count; i++)
        SLU_TRY(s->store->ops->remove(s->store->self, s->gone.list[i], err));
    SLU_TRY_IN(mark(s, err), err, "shared files below %s are left", s->tablet_dir);
    if (s->named.count != 0)
        qsort(s->named.list, s->named.count, sizeof *s->named.list, compare_names);
    return sweep_shared(s, err);
}

slu_status
fluss_kv_files_sweep(const fluss_store *store, const char *tablet_dir, const int64_t *kept_ids, size_t count, slu_error *err)
{
    sweep s = {.store = store, .tablet_dir = tablet_dir, .kept_ids = kept_ids, .kept_count = count};
    slu_arena_init(&s.arena, SWEEP_ARENA_BYTES_MAX);
    const slu_status status = sweep_run(&s, err);
    slu_free(s.named.list);
    slu_free(s.shared.list);
    slu_free(s.gone.list);
    slu_arena_fini(&s.arena);
    return status;
}

/* ---- all tablets ---- */

typedef struct walk {
    const char *dir; /* root/kv */
    slu_arena arena;
    names tablets; /* their directories */
} walk;

/* {db}/{table}-{id}/[{partition}-p{id}/]{bucket}/... : what of it, in bytes, is a tablet's directory; 0: it is not ours. */
static size_t
tablet_parse(const char *below, fluss_kv_kept *out)
{
    char name[SLU_PATH_BYTES_MAX];
    int64_t id = 0;
    const char *at = strchr(below, '/');
    out->partition_id = FLUSS_KV_NO_PARTITION;
    for (int part = 0; at != NULL && part < 3; part++) {
        const size_t bytes = strcspn(++at, "/");
        if (at[bytes] != '/' || bytes >= sizeof name)
            return 0;
        (void)snprintf(name, sizeof name, "%.*s", (int)bytes, at);
        if (part != 0 && parse_id(name, &id)) {
            out->bucket = (int32_t)id;
            return id > INT32_MAX ? 0 : (size_t)(at - below) + bytes;
        }
        if (part == 2 || !parse_named(name, part == 0 ? "-" : "-p", part == 0 ? &out->table_id : &out->partition_id))
            return 0;
        at += bytes;
    }
    return 0;
}

static slu_status
walk_found(void *to, const fluss_stored *stored, slu_error *err)
{
    walk *w = to;
    fluss_kv_kept of;
    const char *below = fluss_store_below(w->dir, stored->location);
    const size_t bytes = below == NULL ? 0 : tablet_parse(below, &of);
    if (bytes == 0)
        return SLU_OK;
    const size_t whole = (size_t)(below - stored->location) + bytes;
    const char *last = w->tablets.count == 0 ? "" : w->tablets.list[w->tablets.count - 1];
    if (strlen(last) == whole && strncmp(last, stored->location, whole) == 0)
        return SLU_OK;
    return names_add(&w->tablets, slu_arena_strndup(&w->arena, stored->location, whole), err);
}

static slu_status
walk_tablet(const fluss_store *store, const walk *w, const char *dir, const fluss_kv_kept *kept, size_t count, int64_t *ids,
            slu_error *err)
{
    char name[SLU_PATH_BYTES_MAX];
    fluss_kv_kept of = {0};
    size_t id_count = 0;
    (void)snprintf(name, sizeof name, "%s/", fluss_store_below(w->dir, dir));
    if (tablet_parse(name, &of) == 0)
        return SLU_OK;
    for (size_t i = 0; i < count; i++)
        if (kept[i].table_id == of.table_id && kept[i].partition_id == of.partition_id && kept[i].bucket == of.bucket)
            ids[id_count++] = kept[i].snapshot_id;
    return id_count == 0 ? store->ops->remove(store->self, dir, err) : fluss_kv_files_sweep(store, dir, ids, id_count, err);
}

slu_status
fluss_kv_files_sweep_all(const fluss_store *store, const char *root, const fluss_kv_kept *kept, size_t count, slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX];
    walk w = {.dir = dir};
    int64_t *ids = slu_alloc_zero(count + 1, sizeof *ids);
    if (ids == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a sweep");
    slu_arena_init(&w.arena, SWEEP_ARENA_BYTES_MAX);
    slu_status status = snprintf(dir, sizeof dir, "%s/%s", root, FLUSS_REMOTE_KV) >= (int)sizeof dir
                            ? slu_error_set(err, SLU_LIMIT, "the path %s is too long", root)
                            : store->ops->list(store->self, dir, walk_found, &w, err);
    for (size_t i = 0; status == SLU_OK && i < w.tablets.count; i++)
        status = walk_tablet(store, &w, w.tablets.list[i], kept, count, ids, err);
    slu_free(w.tablets.list);
    slu_arena_fini(&w.arena);
    slu_free(ids);
    return status;
}
