/* node_files.c: states that are files of RocksDB, in and out of checkpoints. */
#include "node_internal.h"

#include "base/alloc.h"
#include "base/env.h"
#include "base/file.h"
#include "base/scratch.h"
#include "checkpoint/canonical.h"
#include "state/rocks/rocks.h"

#include <stdio.h>

/* ---- Out: a copy now, stored by whoever writes the snapshot */

typedef struct copied_state {
    slu_snapshot_late late;
    const slu_node *node;
    slu_section section;
    int64_t checkpoint;
    slu_shared_set *set; /* NULL: runs are written */
    char dir[];
} copied_state;

static slu_status
run_write(void *to, uint32_t key_group, slu_view bytes, slu_error *err)
{
    return slu_snapshot_writer_entry(to, key_group, 0, bytes.data, bytes.bytes, err);
}

static slu_status
copied_write(slu_snapshot_late *late, slu_snapshot_writer *writer, slu_error *err)
{
    const copied_state *copied = (const copied_state *)(const void *)late;
    const slu_node_spec *spec = &copied->node->spec;
    if (copied->set == NULL) {
        const slu_state_spec state = slu_section_spec(&copied->section);
        SLU_TRY(slu_snapshot_writer_section(writer, &copied->section, err));
        return slu_rocks_read(&state, copied->dir, 0, UINT32_MAX, run_write, writer, err);
    }
    const slu_shared_spec shared = {spec->files.stores, spec->files.checkpoint_dir, spec->job_id, copied->checkpoint, spec->attempt,
                                    spec->files.task};
    return slu_shared_store(&shared, copied->set, &copied->section, copied->dir, writer, err);
}

static void
copied_free(slu_snapshot_late *late)
{
    slu_error ignored;
    copied_state *copied = (copied_state *)(void *)late;
    (void)!slu_dir_remove(copied->dir, &ignored); /* goes with the worker's folder */
    slu_free(copied);
}

static slu_status
stored_of(slu_node *node, const slu_state *state, slu_shared_set **out, slu_error *err)
{
    stored_state *stored = node->stored;
    while (stored != NULL && stored->state != state)
        stored = stored->next;
    if (stored == NULL) {
        stored = slu_alloc_zero(1, sizeof *stored);
        if (stored == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory to remember files");
        stored->state = state;
        stored->next = node->stored;
        node->stored = stored;
    }
    if (stored->set == NULL)
        SLU_TRY(slu_shared_set_new(&stored->set, err));
    *out = stored->set;
    return SLU_OK;
}

void
node_files_free(slu_node *node)
{
    while (node->stored != NULL) {
        stored_state *next = node->stored->next;
        slu_shared_set_free(&node->stored->set);
        slu_free(node->stored);
        node->stored = next;
    }
}

static bool
stores_files(const slu_node *node)
{
    const char *dir = node->spec.files.checkpoint_dir;
    return node->spec.graph->state.incremental != 0 && dir != NULL && dir[0] != 0;
}

slu_status
node_snapshot_files(slu_node *node, slu_state *state, const slu_section *section, int64_t checkpoint, slu_snapshot_writer *writer,
                    slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX];
    slu_shared_set *set = NULL;
    if (node->spec.files.state_dir == NULL)
        return SLU_UNSUPPORTED;
    if (stores_files(node))
        SLU_TRY(stored_of(node, state, &set, err));
    const int bytes = snprintf(dir, sizeof dir, "%.3000s/copy-%u-%s-%u", node->spec.files.state_dir, node->spec.files.task,
                               node->spec.op->id, node->copy_count++);
    copied_state *copied = slu_alloc_zero(1, sizeof *copied + (size_t)bytes + 1);
    if (copied == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a snapshot of state %s", section->name);
    copied->late = (slu_snapshot_late){NULL, copied_write, copied_free};
    copied->node = node;
    copied->section = *section;
    copied->checkpoint = checkpoint;
    copied->set = set;
    memcpy(copied->dir, dir, (size_t)bytes + 1);
    const slu_status status = slu_state_copy(state, dir, err);
    if (status == SLU_OK)
        slu_snapshot_writer_add_late(writer, &copied->late);
    else
        copied_free(&copied->late);
    return status;
}

/* ---- In */

typedef struct restoring {
    slu_node *node;
    slu_state *state;
} restoring;

static slu_status
run_restore(void *to, uint32_t key_group, slu_view run, slu_error *err)
{
    const restoring *r = to;
    (void)key_group;
    return slu_state_restore(r->state, run, slu_wall_ms(r->node->spec.env), err);
}

/* Whether the files can be worked on as they are: all of them are this subtask's, of a state like this one. */
static bool
can_adopt(const slu_node *node, const slu_state *state, uint32_t file, const slu_section *section)
{
    const slu_state_spec was = slu_section_spec(section);
    const slu_state_spec *is = slu_state_get_spec(state);
    return node->spec.backend != NULL && node->spec.restore->parallelisms[file] == node->spec.op->parallelism &&
           was.kind == is->kind && was.key_bytes == is->key_bytes && (was.ttl_ms != 0) == (is->ttl_ms != 0) &&
           (is->kind == SLU_STATE_BYTES || was.value_bytes == is->value_bytes);
}

/* Files of the job's own checkpoints are stored already; those of another job are not ours to rely on. */
static slu_status
remember_own(slu_node *node, const slu_state *state, uint32_t file, uint32_t section, slu_error *err)
{
    char own[SLU_PATH_BYTES_MAX];
    slu_shared_set *set = NULL;
    const int bytes =
        snprintf(own, sizeof own, "%.3000s/%s/chk-", stores_files(node) ? node->spec.files.checkpoint_dir : "", node->spec.job_id);
    if (!stores_files(node) || strncmp(node->spec.restore->manifest->directory, own, (size_t)bytes) != 0)
        return SLU_OK;
    SLU_TRY(stored_of(node, state, &set, err));
    return slu_shared_remember(set, node->spec.restore->readers[file], section, err);
}

static slu_status
restore_in(slu_node *node, slu_state *state, uint32_t file, uint32_t section, const char *parent, slu_error *err)
{
    char dir[SLU_PATH_BYTES_MAX + 128];
    restoring r = {node, state};
    const slu_manifest *manifest = node->spec.restore->manifest;
    const slu_snapshot_reader *reader = node->spec.restore->readers[file];
    const uint32_t groups[2] = {node_group_first(node), node_group_last(node)};
    (void)snprintf(dir, sizeof dir, "%s/restored-%u-%s-%u", parent, node->spec.files.task, node->spec.op->id, node->copy_count++);
    if (!can_adopt(node, state, file, slu_snapshot_section(reader, section)))
        return slu_shared_runs(manifest->stores, manifest->directory, reader, section, dir, groups, run_restore, &r, err);
    SLU_TRY(slu_shared_fetch(manifest->stores, manifest->directory, reader, section, dir, err));
    SLU_TRY(slu_state_adopt(state, dir, err));
    return remember_own(node, state, file, section, err);
}

slu_status
node_restore_files(slu_node *node, slu_state *state, uint32_t file, uint32_t section, slu_error *err)
{
    SLU_AUTO(slu_scratch_close) slu_scratch scratch = {0};
    const slu_restore *restore = node->spec.restore;
    if (restore->parallelisms[file] == node->spec.op->parallelism && restore->subtasks[file] != node->spec.subtask)
        return SLU_OK;
    if (node->spec.files.state_dir != NULL)
        return restore_in(node, state, file, section, node->spec.files.state_dir, err);
    SLU_TRY(slu_scratch_open(&scratch, node->spec.env, NULL, "sluice-state", err));
    return restore_in(node, state, file, section, scratch.path, err);
}
