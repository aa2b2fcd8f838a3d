/* kv_sweep.c: what no kept snapshot names goes. Mark and sweep, and no counting of references: it is right after any kill. */
#include "kv_files.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

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

/* Calls back for every entry of a directory; a missing one has none. */
static slu_status
each_entry(const char *dir, slu_status (*entry)(void *context, const char *path, const char *name, slu_error *err), void *context,
           slu_error *err)
{
    slu_status status = SLU_OK;
    char path[SLU_PATH_BYTES_MAX];
    DIR *open = opendir(dir);
    if (open == NULL)
        return errno == ENOENT || errno == ENOTDIR ? SLU_OK : slu_errno_set(err, errno, "open", dir);
    for (struct dirent *at = NULL; status == SLU_OK && (at = readdir(open)) != NULL;) {
        if (!fluss_kv_local_name_ok(at->d_name))
            continue;
        if (snprintf(path, sizeof path, "%s/%s", dir, at->d_name) >= (int)sizeof path)
            status = slu_error_set(err, SLU_LIMIT, "the path %s is too long", dir);
        else
            status = entry(context, path, at->d_name, err);
    }
    (void)closedir(open);
    return status;
}

/* ---- one tablet ---- */

typedef struct sweep {
    const int64_t *kept_ids;
    size_t kept_count;
    slu_arena arena;
    const char **named; /* base names of shared files in use, sorted */
    size_t named_count;
    size_t named_room;
} sweep;

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static slu_status
name_shared(sweep *s, const fluss_kv_snapshot *snapshot, slu_error *err)
{
    for (size_t i = 0; i < snapshot->shared_count; i++) {
        if (s->named_count == s->named_room) {
            const size_t room = s->named_room == 0 ? 64 : s->named_room * 2;
            const char **named = slu_realloc(s->named, room * sizeof *named);
            if (named == NULL)
                return slu_error_set(err, SLU_NOMEM, "no memory for a sweep");
            s->named = named;
            s->named_room = room;
        }
        s->named[s->named_count++] = base_name(snapshot->shared[i].path);
    }
    return SLU_OK;
}

static slu_status
mark(sweep *s, const char *tablet_dir, slu_error *err)
{
    for (size_t i = 0; i < s->kept_count; i++) {
        fluss_kv_snapshot snapshot;
        char location[SLU_PATH_BYTES_MAX];
        if (snprintf(location, sizeof location, "%s/%s%" PRId64, tablet_dir, FLUSS_KV_SNAPSHOT_PREFIX, s->kept_ids[i]) >=
            (int)sizeof location)
            return slu_error_set(err, SLU_LIMIT, "the path %s is too long", tablet_dir);
        SLU_TRY(fluss_kv_files_load(location, &s->arena, &snapshot, err));
        SLU_TRY(name_shared(s, &snapshot, err));
    }
    return SLU_OK;
}

static slu_status
sweep_snapshot(void *context, const char *path, const char *name, slu_error *err)
{
    const sweep *s = context;
    int64_t id = 0;
    return parse_snapshot(name, &id) && !has_id(s->kept_ids, s->kept_count, id) ? slu_dir_remove(path, err) : SLU_OK;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static slu_status
sweep_shared(void *context, const char *path, const char *name, slu_error *err)
{
    const sweep *s = context;
    const bool used = s->named_count != 0 && bsearch(&name, s->named, s->named_count, sizeof *s->named, compare_names) != NULL;
    return used ? SLU_OK : slu_file_remove(path, err);
}

static slu_status
sweep_run(sweep *s, const char *tablet_dir, slu_error *err)
{
    char shared[SLU_PATH_BYTES_MAX];
    SLU_TRY(each_entry(tablet_dir, sweep_snapshot, s, err));
    SLU_TRY_IN(mark(s, tablet_dir, err), err, "shared files below %s are left", tablet_dir);
    if (s->named_count != 0)
        qsort(s->named, s->named_count, sizeof *s->named, compare_names);
    if (snprintf(shared, sizeof shared, "%s/%s", tablet_dir, FLUSS_KV_SHARED_DIR) >= (int)sizeof shared)
        return slu_error_set(err, SLU_LIMIT, "the path %s is too long", tablet_dir);
    return each_entry(shared, sweep_shared, s, err);
}

slu_status
fluss_kv_files_sweep(const char *tablet_dir, const int64_t *kept_ids, size_t count, slu_error *err)
{
    sweep s = {.kept_ids = kept_ids, .kept_count = count};
    slu_arena_init(&s.arena, SWEEP_ARENA_BYTES_MAX);
    const slu_status status = sweep_run(&s, tablet_dir, err);
    slu_free(s.named);
    slu_arena_fini(&s.arena);
    return status;
}

/* ---- all tablets ---- */

typedef struct walk {
    const fluss_kv_kept *kept;
    size_t count;
    int64_t table_id;
    int64_t partition_id;
    int64_t *ids; /* room for all of kept */
} walk;

static slu_status
walk_tablet(const walk *w, const char *path, int64_t bucket, slu_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < w->count; i++)
        if (w->kept[i].table_id == w->table_id && w->kept[i].partition_id == w->partition_id && w->kept[i].bucket == bucket)
            w->ids[count++] = w->kept[i].snapshot_id;
    return count == 0 ? slu_dir_remove(path, err) : fluss_kv_files_sweep(path, w->ids, count, err);
}

static slu_status
walk_bucket_or_partition(void *context, const char *path, const char *name, slu_error *err)
{
    walk *w = context;
    int64_t id = 0;
    if (parse_id(name, &id))
        return walk_tablet(w, path, id, err);
    if (w->partition_id != FLUSS_KV_NO_PARTITION || !parse_named(name, "-p", &id))
        return SLU_OK; /* not ours */
    w->partition_id = id;
    const slu_status status = each_entry(path, walk_bucket_or_partition, w, err);
    w->partition_id = FLUSS_KV_NO_PARTITION;
    (void)rmdir(path); /* where nothing is left */
    return status;
}

static slu_status
walk_table(void *context, const char *path, const char *name, slu_error *err)
{
    walk *w = context;
    w->partition_id = FLUSS_KV_NO_PARTITION;
    if (!parse_named(name, "-", &w->table_id))
        return SLU_OK;
    const slu_status status = each_entry(path, walk_bucket_or_partition, w, err);
    (void)rmdir(path); /* where nothing is left */
    return status;
}

static slu_status
walk_database(void *context, const char *path, const char *name, slu_error *err)
{
    (void)name;
    return each_entry(path, walk_table, context, err);
}

slu_status
fluss_kv_files_sweep_all(const char *root, const fluss_kv_kept *kept, size_t count, slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX];
    walk w = {.kept = kept, .count = count, .ids = slu_alloc_zero(count + 1, sizeof *w.ids)};
    if (w.ids == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a sweep");
    const slu_status status = snprintf(dir, sizeof dir, "%s/%s", root, FLUSS_REMOTE_KV) >= (int)sizeof dir
                                  ? slu_error_set(err, SLU_LIMIT, "the path %s is too long", root)
                                  : each_entry(dir, walk_database, &w, err);
    slu_free(w.ids);
    return status;
}
