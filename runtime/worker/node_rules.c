/*
 * node_rules.c: the rules of an operator, replaced at a barrier.
 *
 *   [in force] --check--> [staged] --barrier with SLU_BARRIER_RULES--> [switched] --its checkpoint is whole--> [in force]
 *                                                                         | --it will not be (CANCEL)--> the set before
 *
 * Sources give nothing between the barrier and the end of its checkpoint, so no row is ever seen by a set that is taken back
 * (timers of processing time go on: what they see is the set that was switched to).
 */
#include "node_internal.h"

#include "base/alloc.h"
#include "base/crash.h"
#include "plan/value_codec.h"

static slu_status
tell_plugin(slu_node *node, uint32_t step, const slu_ruleset *set, slu_error *err)
{
    const slu_rules told = {.size = sizeof told,
                            .step = step,
                            .version = slu_ruleset_version(set),
                            .rules = step == SLU_RULES_CHECK ? slu_ruleset_value(set) : NULL};
    const slu_crash_note before = slu_crash_enter(node->spec.plugin->name, node->spec.op->id);
    const slu_status status = node->op->control(node->self, &told, sizeof told, err);
    slu_crash_leave(before);
    return status <= 0 ? status : slu_error_set(err, SLU_INVALID, "control answered %s", slu_status_name(status));
}

static bool
takes_rules(const slu_node *node)
{
    return node->op != NULL && node->op->control != NULL && slu_ruleset_of_operator(node->spec.op) != NULL;
}

int64_t
slu_node_rules_version(const slu_node *node)
{
    return node->rules.now == NULL ? 1 : slu_ruleset_version(node->rules.now);
}

slu_status
slu_node_rules_check(slu_node *node, slu_ruleset *set, slu_error *err)
{
    if (!takes_rules(node))
        return slu_error_set(err, SLU_UNSUPPORTED, "plugin %s of operator %s has no rules that can be replaced while it runs",
                             node->spec.plugin->name, node->spec.op->id);
    if (slu_node_rules_version(node) > slu_ruleset_version(set))
        return slu_error_set(err, SLU_CONFLICT, "version %lld of its rules is in force", (long long)slu_node_rules_version(node));
    if (slu_node_rules_version(node) == slu_ruleset_version(set) && node->rules.switched < 0)
        return SLU_OK; /* the word that it is in force was lost */
    SLU_TRY(tell_plugin(node, SLU_RULES_CHECK, set, err));
    slu_ruleset_unref(&node->rules.staged);
    node->rules.staged = slu_ruleset_ref(set);
    return SLU_OK;
}

void
slu_node_rules_forget(slu_node *node)
{
    slu_ruleset_unref(&node->rules.staged);
}

slu_status
node_rules_switch(slu_node *node, int64_t checkpoint, slu_error *err)
{
    slu_ruleset *next = node->rules.staged;
    if (next == NULL || slu_ruleset_version(next) <= slu_node_rules_version(node))
        return SLU_OK;
    SLU_TRY(tell_plugin(node, SLU_RULES_SWITCH, next, err));
    slu_ruleset_unref(&node->rules.before);
    node->rules.before = node->rules.now;
    node->rules.now = slu_take(&node->rules.staged);
    node->rules.switched = checkpoint;
    return SLU_OK;
}

slu_status
node_rules_keep(slu_node *node, int64_t checkpoint, slu_error *err)
{
    if (node->rules.switched < 0 || node->rules.switched > checkpoint)
        return SLU_OK;
    SLU_TRY(tell_plugin(node, SLU_RULES_KEEP, node->rules.now, err));
    slu_ruleset_unref(&node->rules.before);
    node->rules.switched = -1;
    return SLU_OK;
}

slu_status
node_rules_back(slu_node *node, int64_t checkpoint, slu_error *err)
{
    if (node->rules.switched != checkpoint)
        return SLU_OK;
    SLU_TRY(tell_plugin(node, SLU_RULES_BACK, node->rules.now, err));
    slu_ruleset_unref(&node->rules.now);
    node->rules.now = slu_take(&node->rules.before);
    node->rules.switched = -1;
    return SLU_OK;
}

void
node_rules_free(slu_node *node)
{
    slu_ruleset_unref(&node->rules.now);
    slu_ruleset_unref(&node->rules.before);
    slu_ruleset_unref(&node->rules.staged);
}

/* ---- Checkpoints */

slu_status
node_snapshot_rules(slu_node *node, slu_snapshot_writer *writer, slu_error *err)
{
    slu_buf record;
    if (node->rules.now == NULL)
        return SLU_OK;
    slu_buf_init(&record, 2 * SLU_RULESET_BYTES_MAX);
    slu_status status = slu_ruleset_record(node->rules.now, slu_ruleset_hash(slu_ruleset_of_operator(node->spec.op)), &record, err);
    const slu_section section = {.operator_id = node->spec.op->id, .name = "", .kind = SLU_SECTION_RULES};
    if (status == SLU_OK)
        status = slu_snapshot_writer_section(writer, &section, err);
    if (status == SLU_OK)
        status = slu_snapshot_writer_entry(writer, SLU_KEY_GROUP_NONE, slu_ruleset_version(node->rules.now), record.data,
                                           record.bytes, err);
    slu_buf_fini(&record);
    return status;
}

/* The newest of what every subtask wrote alike. */
slu_status
node_rules_take(slu_node *node, slu_view record, slu_error *err)
{
    slu_ruleset *set = NULL;
    SLU_TRY(slu_ruleset_of_restored(node->spec.op, record, &set, err));
    if (slu_ruleset_version(set) > slu_node_rules_version(node)) {
        slu_ruleset_unref(&node->rules.now);
        node->rules.now = set;
    } else {
        slu_ruleset_unref(&set);
    }
    return SLU_OK;
}

slu_status
node_rules_restored(slu_node *node, slu_error *err)
{
    const slu_ruleset *set = node->rules.now;
    if (set == NULL || !takes_rules(node))
        return SLU_OK;
    SLU_TRY(tell_plugin(node, SLU_RULES_CHECK, set, err));
    SLU_TRY(tell_plugin(node, SLU_RULES_SWITCH, set, err));
    return tell_plugin(node, SLU_RULES_KEEP, set, err);
}
