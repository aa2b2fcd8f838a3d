/* node_snapshot.c: what a node leaves in a checkpoint. */
#include "node_internal.h"

#include "base/crash.h"

typedef struct plugin_snapshot {
    slu_snapshot shown;
    slu_node *node;
    slu_snapshot_writer *writer;
} plugin_snapshot;

static slu_status
plugin_write(slu_snapshot *snapshot, uint32_t key_group, const void *data, uint64_t bytes, slu_error *err)
{
    return slu_snapshot_writer_entry(((plugin_snapshot *)(void *)snapshot)->writer, key_group, 0, data, (size_t)bytes, err);
}

typedef struct entry_target {
    slu_snapshot_writer *writer;
} entry_target;

static slu_status
write_group(void *to, uint32_t key_group, slu_view bytes, slu_error *err)
{
    return slu_snapshot_writer_entry(((entry_target *)to)->writer, key_group, 0, bytes.data, bytes.bytes, err);
}

static slu_status
snapshot_host_state(slu_node *node, int64_t checkpoint, slu_snapshot_writer *writer, slu_error *err)
{
    entry_target target = {writer};
    for (uint32_t i = 0; i < slu_services_state_count(node->services); i++) {
        slu_state *state = slu_services_state(node->services, i);
        const slu_state_spec *spec = slu_state_get_spec(state);
        const slu_section section = {node->spec.op->id, spec->name,        SLU_SECTION_KEYED, node->spec.plugin->state_version,
                                     spec->key_bytes,   spec->value_bytes, spec->ttl_ms,      0};
        const slu_status status = node_snapshot_files(node, state, &section, checkpoint, writer, err);
        if (status == SLU_OK)
            continue;
        if (status != SLU_UNSUPPORTED)
            return status;
        SLU_TRY(slu_snapshot_writer_section(writer, &section, err));
        SLU_TRY(slu_state_snapshot(state, write_group, &target, err));
    }
    if (slu_services_timers(node->services) == NULL)
        return SLU_OK;
    SLU_TRY(slu_snapshot_writer_section(
        writer, &(slu_section){.operator_id = node->spec.op->id, .name = "", .kind = SLU_SECTION_TIMERS}, err));
    return slu_timers_snapshot(slu_services_timers(node->services), write_group, &target, err);
}

typedef struct plugin_splits {
    slu_split_list shown;
    slu_snapshot_writer *writer;
} plugin_splits;

static slu_status
plugin_add_split(slu_split_list *list, const slu_split *split, slu_error *err)
{
    slu_snapshot_writer *writer = ((plugin_splits *)(void *)list)->writer;
    const size_t id_bytes = strlen(split->id);
    uint8_t *room = slu_snapshot_writer_extend(writer, id_bytes + split->data_bytes);
    if (room != NULL) {
        memcpy(room, split->id, id_bytes);
        if (split->data_bytes != 0)
            memcpy(room + id_bytes, split->data, split->data_bytes);
    }
    return slu_snapshot_writer_close_entry(writer, SLU_KEY_GROUP_NONE, (int64_t)id_bytes, err);
}

static slu_status
snapshot_source(slu_node *node, int64_t checkpoint, slu_snapshot_writer *writer, slu_error *err)
{
    plugin_splits list = {{sizeof list.shown, 0, plugin_add_split}, writer};
    SLU_TRY(slu_snapshot_writer_section(
        writer, &(slu_section){.operator_id = node->spec.op->id, .name = "", .kind = SLU_SECTION_SPLITS}, err));
    const slu_crash_note before = slu_crash_enter(node->spec.plugin->name, node->spec.op->id);
    const slu_status status = node->source->snapshot(node->self, checkpoint, &list.shown, err);
    slu_crash_leave(before);
    return status;
}

static slu_status
snapshot_plugin(slu_node *node, int64_t checkpoint, slu_snapshot_writer *writer, slu_error *err)
{
    slu_status (*call)(void *, slu_snapshot *, slu_error *) = node->op != NULL ? node->op->snapshot : node->sink->snapshot;
    if (call == NULL)
        return SLU_OK;
    plugin_snapshot snapshot = {{sizeof snapshot.shown, 0, checkpoint, plugin_write}, node, writer};
    SLU_TRY(slu_snapshot_writer_section(writer,
                                        &(slu_section){.operator_id = node->spec.op->id,
                                                       .name = "",
                                                       .kind = SLU_SECTION_OPERATOR,
                                                       .state_version = node->spec.plugin->state_version},
                                        err));
    const slu_crash_note before = slu_crash_enter(node->spec.plugin->name, node->spec.op->id);
    const slu_status status = call(node->self, &snapshot.shown, err);
    slu_crash_leave(before);
    return status;
}

/* What the machine keeps for the plugin, which does not hang however long that takes. */
static slu_status
snapshot_machine(slu_node *node, int64_t checkpoint, slu_snapshot_writer *writer, slu_error *err)
{
    const slu_crash_note before = slu_crash_enter(NULL, NULL);
    const slu_status status = snapshot_host_state(node, checkpoint, writer, err);
    slu_crash_leave(before);
    return status;
}

/* Everything staged and not yet committed: the completion of its own checkpoint may be lost. */
slu_status
slu_node_snapshot(slu_node *node, int64_t checkpoint, slu_snapshot_writer *writer, slu_error *err)
{
    slu_status status =
        node->source != NULL ? snapshot_source(node, checkpoint, writer, err) : snapshot_plugin(node, checkpoint, writer, err);
    if (status == SLU_OK)
        status = snapshot_machine(node, checkpoint, writer, err);
    if (status == SLU_OK)
        status = node_snapshot_rules(node, writer, err);
    if (status == SLU_OK)
        status = node_snapshot_committables(node, writer, err);
    return status == SLU_OK
               ? SLU_OK
               : node_failed(node,
                             status < 0 ? status : slu_error_set(err, SLU_INVALID, "snapshot answered %s", slu_status_name(status)),
                             err);
}
