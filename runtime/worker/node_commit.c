/* node_commit.c: what a sink prepares for a checkpoint, and commits once it is whole. */
#include "node_internal.h"

#include "base/alloc.h"

slu_status
node_stage(slu_node *node, int64_t checkpoint, const void *data, size_t bytes, bool restored, slu_error *err)
{
    committable *made = slu_alloc(sizeof *made + bytes);
    if (made == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a committable of %zu bytes", bytes);
    *made = (committable){.checkpoint = checkpoint, .whole = restored, .restored = restored, .bytes = bytes};
    if (bytes != 0)
        memcpy(made->data, data, bytes);
    *node->staged_last = made;
    node->staged_last = &made->next;
    return SLU_OK;
}

typedef struct prepare_call {
    slu_snapshot shown;
    slu_node *node;
} prepare_call;

static slu_status
prepare_write(slu_snapshot *snapshot, uint32_t key_group, const void *data, uint64_t bytes, slu_error *err)
{
    slu_node *node = ((prepare_call *)(void *)snapshot)->node;
    (void)key_group;
    return node_stage(node, snapshot->checkpoint, data, (size_t)bytes, false, err);
}

/* What a prepare that was not finished wrote: it will write it again. */
static void
unstage(slu_node *node, committable **from)
{
    committable *dropped = *from;
    *from = NULL;
    node->staged_last = from;
    while (dropped != NULL) {
        committable *next = dropped->next;
        slu_free(dropped);
        dropped = next;
    }
}

slu_status
node_prepare(slu_node *node, int64_t checkpoint, slu_error *err)
{
    committable **from = node->staged_last;
    prepare_call call = {{sizeof call.shown, 0, checkpoint, prepare_write}, node};
    const slu_status status = node->sink->prepare(node->self, &call.shown, err);
    node->refused = status == SLU_AGAIN;
    if (status != SLU_OK)
        unstage(node, from);
    return status;
}

/* Commits, in order, what belongs to whole checkpoints. */
slu_status
node_commit(slu_node *node, bool *did, slu_error *err)
{
    while (node->staged != NULL && node->staged->whole && !node->commit_refused) {
        committable *first = node->staged;
        const slu_status status =
            node->sink->commit == NULL ? SLU_OK : node->sink->commit(node->self, first->checkpoint, first->data, first->bytes, err);
        if (status < 0)
            return node_failed(node, status, err);
        if (status == SLU_AGAIN) {
            node->commit_refused = true;
            return SLU_OK;
        }
        *did = true;
        node->staged = first->next;
        if (node->staged == NULL)
            node->staged_last = &node->staged;
        slu_free(first);
    }
    return SLU_OK;
}

slu_status
node_snapshot_committables(slu_node *node, slu_snapshot_writer *writer, slu_error *err)
{
    if (node->staged == NULL)
        return SLU_OK;
    SLU_TRY(slu_snapshot_writer_section(
        writer, &(slu_section){.operator_id = node->spec.op->id, .name = "", .kind = SLU_SECTION_COMMITTABLES}, err));
    for (const committable *c = node->staged; c != NULL; c = c->next)
        SLU_TRY(slu_snapshot_writer_entry(writer, SLU_KEY_GROUP_NONE, c->checkpoint, c->data, c->bytes, err));
    return SLU_OK;
}

bool
slu_node_committed(const slu_node *node)
{
    return node->staged == NULL;
}
