/* node_restore.c: what a node takes over from a checkpoint: state, timers, splits, what its plugin wrote, what waits to be committed. */
#include "node_internal.h"

#include "base/alloc.h"
#include "base/crash.h"
#include "base/limits.h"

typedef slu_status (*restore_entry)(slu_node *node, const slu_section *section, uint32_t key_group, int64_t tag, slu_view bytes,
                                    void *to, slu_error *err);

/* Whether state without a key group, of a file, is this subtask's: its own at equal parallelism; after a rescale `each` (by index). */
static bool
owns_file(const slu_node *node, uint32_t file)
{
    return node->spec.restore->parallelisms[file] != node->spec.op->parallelism ||
           node->spec.restore->subtasks[file] == node->spec.subtask;
}

static bool
owns_entry(const slu_node *node, uint32_t file, uint32_t key_group)
{
    return key_group == SLU_KEY_GROUP_NONE ? owns_file(node, file)
                                           : key_group >= node_group_first(node) && key_group <= node_group_last(node);
}

static bool
is_section(const slu_node *node, const slu_section *section, uint32_t kind, const char *name)
{
    return section->kind == kind && strcmp(section->operator_id, node->spec.op->id) == 0 &&
           (name == NULL || strcmp(section->name, name) == 0);
}

static slu_status
restore_section(slu_node *node, uint32_t file, uint32_t index, restore_entry each, void *to, slu_error *err)
{
    const slu_snapshot_reader *reader = node->spec.restore->readers[file];
    const slu_section *section = slu_snapshot_section(reader, index);
    for (uint32_t e = 0; e < section->entry_count; e++) {
        uint32_t key_group;
        int64_t tag;
        slu_view bytes;
        uint64_t ignored;
        slu_snapshot_entry_size(reader, index, e, &key_group, &ignored);
        if (!owns_entry(node, file, key_group)) /* nobody looks at its bytes */
            continue;
        SLU_TRY(slu_snapshot_entry(reader, index, e, &key_group, &tag, &bytes, err));
        SLU_TRY(each(node, section, key_group, tag, bytes, to, err));
    }
    return SLU_OK;
}

/* Calls `each` for the entries of this operator's sections of a kind (and name, when given) that belong to this subtask. */
static slu_status
restore_each(slu_node *node, uint32_t kind, const char *name, restore_entry each, void *to, slu_error *err)
{
    for (uint32_t file = 0; node->spec.restore != NULL && file < node->spec.restore->count; file++) {
        const slu_snapshot_reader *reader = node->spec.restore->readers[file];
        for (uint32_t s = 0; s < slu_snapshot_section_count(reader); s++) {
            if (is_section(node, slu_snapshot_section(reader, s), kind, name))
                SLU_TRY(restore_section(node, file, s, each, to, err));
        }
    }
    return SLU_OK;
}

/* What this subtask will be given of a state. */
static uint64_t
restore_bytes(const slu_node *node, const char *name)
{
    uint64_t sum = 0;
    for (uint32_t file = 0; node->spec.restore != NULL && file < node->spec.restore->count; file++) {
        const slu_snapshot_reader *reader = node->spec.restore->readers[file];
        for (uint32_t s = 0; s < slu_snapshot_section_count(reader); s++) {
            const slu_section *section = slu_snapshot_section(reader, s);
            for (uint32_t e = 0; is_section(node, section, SLU_SECTION_KEYED, name) && e < section->entry_count; e++) {
                uint32_t key_group;
                uint64_t bytes;
                slu_snapshot_entry_size(reader, s, e, &key_group, &bytes);
                sum += owns_entry(node, file, key_group) ? bytes : 0;
            }
        }
    }
    return sum;
}

static slu_status
restore_keyed_entry(slu_node *node, const slu_section *section, uint32_t key_group, int64_t tag, slu_view bytes, void *to,
                    slu_error *err)
{
    (void)section;
    (void)key_group;
    (void)tag;
    return slu_state_restore(to, bytes, slu_wall_ms(node->spec.env), err);
}

static slu_status
restore_file_sections(slu_node *node, slu_state *state, slu_error *err)
{
    for (uint32_t file = 0; node->spec.restore != NULL && file < node->spec.restore->count; file++) {
        const slu_snapshot_reader *reader = node->spec.restore->readers[file];
        for (uint32_t s = 0; s < slu_snapshot_section_count(reader); s++) {
            if (is_section(node, slu_snapshot_section(reader, s), SLU_SECTION_FILES, slu_state_get_spec(state)->name))
                SLU_TRY(node_restore_files(node, state, file, s, err));
        }
    }
    return SLU_OK;
}

static slu_status
state_take_over(slu_node *node, slu_state *state, slu_error *err)
{
    const char *name = slu_state_get_spec(state)->name;
    SLU_TRY(restore_file_sections(node, state, err));
    SLU_TRY(slu_state_expect(state, restore_bytes(node, name), err));
    return restore_each(node, SLU_SECTION_KEYED, name, restore_keyed_entry, state, err);
}

slu_status
node_restore_state(void *owner, slu_state *state, slu_error *err)
{
    const slu_node *node = owner;
    const char *name = slu_state_get_spec(state)->name;
    for (uint32_t i = 0; node->restore_over && i < node->restorable_count; i++)
        if (strcmp(node->restorable[i], name) == 0) /* the bytes are gone; to begin empty would be a lie */
            return slu_error_set(err, SLU_INVALID, "state %s: after a restore, it can be opened in open and restore only", name);
    if (node->restore_over)
        return SLU_OK;
    /* Within the plugin's open, but not its doing: however long a large state takes, the plugin does not hang. */
    const slu_crash_note before = slu_crash_enter(NULL, NULL);
    const slu_status status = state_take_over(owner, state, err);
    slu_crash_leave(before);
    return status;
}

static slu_status
restore_timers_entry(slu_node *node, const slu_section *section, uint32_t key_group, int64_t tag, slu_view bytes, void *to,
                     slu_error *err)
{
    (void)node;
    (void)section;
    (void)key_group;
    (void)tag;
    return slu_timers_restore(to, bytes, err);
}

slu_status
node_restore_timers(void *owner, slu_timers *timers, slu_error *err)
{
    const slu_node *node = owner;
    if (node->restore_over) /* there were none, or they would be there already */
        return SLU_OK;
    return restore_each(owner, SLU_SECTION_TIMERS, NULL, restore_timers_entry, timers, err);
}

static slu_status
restore_rules_entry(slu_node *node, const slu_section *section, uint32_t key_group, int64_t tag, slu_view bytes, void *to,
                    slu_error *err)
{
    (void)section;
    (void)key_group;
    (void)tag;
    (void)to;
    return node_rules_take(node, bytes, err);
}

static slu_status
restore_operator_entry(slu_node *node, const slu_section *section, uint32_t key_group, int64_t tag, slu_view bytes, void *to,
                       slu_error *err)
{
    (void)tag;
    (void)to;
    if (section->state_version > node->spec.plugin->state_version)
        return slu_error_set(err, SLU_UNSUPPORTED, "the checkpoint holds state of version %u; this plugin knows up to %u",
                             section->state_version, node->spec.plugin->state_version);
    slu_status (*restore)(void *, uint32_t, uint32_t, const void *, uint64_t, slu_error *) =
        node->op != NULL ? node->op->restore : node->sink->restore;
    if (restore == NULL)
        return slu_error_set(err, SLU_INVALID, "the checkpoint holds state for it, which it cannot restore");
    const slu_crash_note before = slu_crash_enter(node->spec.plugin->name, node->spec.op->id);
    const slu_status status = restore(node->self, section->state_version, key_group, bytes.data, bytes.bytes, err);
    slu_crash_leave(before);
    return status;
}

/* Whether the checkpoint was written at another parallelism of this operator. */
static bool
rescaled(const slu_node *node)
{
    for (uint32_t i = 0; node->spec.restore != NULL && i < node->spec.restore->count; i++) {
        const slu_snapshot_reader *reader = node->spec.restore->readers[i];
        for (uint32_t s = 0; s < slu_snapshot_section_count(reader); s++)
            if (strcmp(slu_snapshot_section(reader, s)->operator_id, node->spec.op->id) == 0 &&
                node->spec.restore->parallelisms[i] != node->spec.op->parallelism)
                return true;
    }
    return false;
}

static slu_status
restore_committable_entry(slu_node *node, const slu_section *section, uint32_t key_group, int64_t tag, slu_view bytes, void *to,
                          slu_error *err)
{
    uint32_t *index = to;
    (void)section;
    (void)key_group;
    /* After a rescale every subtask sees all of them; they are dealt out, so that each is committed once. */
    const bool mine = (*index)++ % node->spec.op->parallelism == node->spec.subtask;
    return mine || !rescaled(node) ? node_stage(node, tag, bytes.data, bytes.bytes, true, err) : SLU_OK;
}

typedef struct split_list {
    slu_split *items;
    uint32_t count, capacity;
} split_list;

static slu_status
split_list_add(slu_node *node, split_list *list, const slu_split *split, slu_error *err)
{
    if (list->count == list->capacity) {
        const uint32_t capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
        slu_split *grown = slu_realloc(list->items, capacity * sizeof *grown);
        if (grown == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for %u splits", capacity);
        list->items = grown;
        list->capacity = capacity;
    }
    (void)node;
    list->items[list->count++] = *split;
    return SLU_OK;
}

static slu_status
restore_split_entry(slu_node *node, const slu_section *section, uint32_t key_group, int64_t tag, slu_view bytes, void *to,
                    slu_error *err)
{
    (void)section;
    (void)key_group;
    const size_t id_bytes = (size_t)tag;
    if (id_bytes > bytes.bytes || id_bytes >= SLU_PATH_BYTES_MAX)
        return slu_error_set(err, SLU_CORRUPT, "a split whose id is longer than itself");
    const char *id = slu_arena_strndup(&node->arena, (const char *)bytes.data, id_bytes);
    if (id == NULL)
        return slu_arena_status(&node->arena, err);
    const slu_split split = {
        .size = sizeof split, .id = id, .data = bytes.data + id_bytes, .data_bytes = (uint32_t)(bytes.bytes - id_bytes)};
    return split_list_add(node, to, &split, err);
}

static int
split_order(const void *a, const void *b)
{
    return strcmp(((const slu_split *)a)->id, ((const slu_split *)b)->id);
}

static bool
has_section(const slu_node *node, uint32_t kind)
{
    for (uint32_t f = 0; node->spec.restore != NULL && f < node->spec.restore->count; f++)
        for (uint32_t s = 0; s < slu_snapshot_section_count(node->spec.restore->readers[f]); s++) {
            const slu_section *section = slu_snapshot_section(node->spec.restore->readers[f], s);
            if (section->kind == kind && strcmp(section->operator_id, node->spec.op->id) == 0)
                return true;
        }
    return false;
}

/* The splits of this subtask: of the checkpoint (after a rescale dealt out anew, by id), or of the plan where the source is new. */
static slu_status
collect_splits(slu_node *node, split_list *list, slu_error *err)
{
    const slu_operator *op = node->spec.op;
    if (!has_section(node, SLU_SECTION_SPLITS)) {
        for (uint32_t i = 0; i < op->split_count; i++)
            if (slu_split_subtask(i, op->parallelism) == node->spec.subtask)
                SLU_TRY(split_list_add(node, list, &op->splits[i], err));
        return SLU_OK;
    }
    SLU_TRY(restore_each(node, SLU_SECTION_SPLITS, NULL, restore_split_entry, list, err));
    if (!rescaled(node))
        return SLU_OK;
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, split_order);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++)
        if (slu_split_subtask(i, op->parallelism) == node->spec.subtask)
            list->items[kept++] = list->items[i];
    list->count = kept;
    return SLU_OK;
}

slu_status
node_assign_splits(slu_node *node, slu_error *err)
{
    split_list list = {0};
    slu_status status = collect_splits(node, &list, err);
    const slu_crash_note before = slu_crash_enter(node->spec.plugin->name, node->spec.op->id);
    if (status == SLU_OK && node->source->assign != NULL)
        status = node->source->assign(node->self, list.items, list.count, err);
    slu_crash_leave(before);
    node->assigned = list.count;
    slu_free(list.items);
    return status;
}

/* Which states could not be opened any more once the files are gone. */
static slu_status
note_restorable(slu_node *node, slu_error *err)
{
    uint32_t count = 0;
    for (uint32_t f = 0; node->spec.restore != NULL && f < node->spec.restore->count; f++)
        count += slu_snapshot_section_count(node->spec.restore->readers[f]);
    node->restorable = slu_arena_array(&node->arena, count, sizeof *node->restorable);
    for (uint32_t f = 0; node->restorable != NULL && count > 0 && f < node->spec.restore->count; f++)
        for (uint32_t s = 0; s < slu_snapshot_section_count(node->spec.restore->readers[f]); s++) {
            const slu_section *section = slu_snapshot_section(node->spec.restore->readers[f], s);
            if ((section->kind == SLU_SECTION_KEYED || section->kind == SLU_SECTION_FILES) && section->entry_count > 0 &&
                strcmp(section->operator_id, node->spec.op->id) == 0)
                node->restorable[node->restorable_count++] = slu_arena_strdup(&node->arena, section->name);
        }
    return slu_arena_status(&node->arena, err);
}

slu_status
node_restore(slu_node *node, slu_error *err)
{
    uint32_t index = 0;
    SLU_TRY(note_restorable(node, err));
    SLU_TRY(restore_each(node, SLU_SECTION_RULES, NULL, restore_rules_entry, NULL, err));
    SLU_TRY(node_rules_restored(node, err));
    SLU_TRY(restore_each(node, SLU_SECTION_OPERATOR, NULL, restore_operator_entry, NULL, err));
    SLU_TRY(restore_each(node, SLU_SECTION_COMMITTABLES, NULL, restore_committable_entry, &index, err));
    return has_section(node, SLU_SECTION_TIMERS) ? slu_services_need_timers(node->services, err) : SLU_OK;
}
