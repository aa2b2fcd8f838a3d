/*
 * rules.c: a set of rules that a running job is given.
 *
 *   DUE --every task runs: RULES to all--> CHECKING --every task says it is good--> READY --trigger--> PENDING --whole--> in force
 *    ^    one says it is not: refused, nothing has changed                            |                   |
 *    +---------------------------- the attempt ended, or the checkpoint was given up -+-------------------+
 *
 * From READY on it is in the store, and outlives whatever dies: with checkpoint -1 while it waits, then with the checkpoint from which
 * on it is in force. It is given up when a task of a later attempt refuses it, or behind TRIES_MAX checkpoints that were given up.
 */
#include "jobmanager/internal.h"

#include "base/alloc.h"
#include "base/sizes.h"
#include "plan/value_codec.h"
#include "ruleset/ruleset.h"

#include <inttypes.h>

#define CHECK_MS 30000 /* how long the tasks may take to say whether it is good */
#define BOOK_MAX 200   /* sets that are listed */
#define TRIES_MAX 10   /* checkpoints that may be given up before it is */

enum { DUE, CHECKING, READY, PENDING };

struct rules_change {
    uint64_t peer, request; /* peer 0: nobody waits for it */
    uint32_t state;
    bool stored;
    char operator_id[SLU_OPERATOR_ID_BYTES_MAX + 1];
    int64_t version;
    slu_buf rules;
    uint64_t attempt_id; /* that was asked */
    uint8_t *good;       /* per task */
    uint32_t good_count;
    int64_t deadline; /* of CHECKING */
    int64_t checkpoint;
    int64_t began_ms;
    uint32_t tries;
};

void
rules_free(job *j)
{
    if (j->rules == NULL)
        return;
    slu_buf_fini(&j->rules->rules);
    slu_free(j->rules->good);
    slu_free(j->rules);
    j->rules = NULL;
}

static void
refuse(slu_jobmanager *jm, job *j, slu_status status, const char *text)
{
    rules_change *c = j->rules;
    slu_error err = {0};
    slu_log_warn(jm->spec.env, "RULES-REFUSED", "job %s, operator %s: %s", j->name, c->operator_id, text);
    if (c->stored && slu_jobstore_remove_rules(jm->spec.store, j->id, c->version, &err) != SLU_OK)
        slu_log_error(jm->spec.env, "STORE-FAILED", "job %s: %s", j->name, err.message);
    if (c->peer != 0)
        peer_send(jm, c->peer,
                  &(slu_message){.kind = SLU_MESSAGE_FAILED, .request = c->request, .status = (int64_t)status, .text = text});
    rules_free(j);
}

static slu_status
store(slu_jobmanager *jm, const job *j, const rules_change *c, slu_error *err)
{
    const slu_rules_record record = {.operator_id = c->operator_id,
                                     .version = c->version,
                                     .checkpoint = c->checkpoint,
                                     .created_ms = slu_wall_ms(jm->spec.env),
                                     .rules = slu_buf_view(&c->rules)};
    return slu_jobstore_put_rules(jm->spec.store, j->id, &record, err);
}

/* ---- What there is ----------------------------------------------------------------------------------------------------------- */

static slu_status
change_new(job *j, const char *operator_id, int64_t version, slu_view rules, slu_error *err)
{
    rules_free(j);
    rules_change *c = slu_alloc_zero(1, sizeof *c);
    if (c == NULL)
        return slu_error_set(err, SLU_NOMEM, "a set of rules");
    j->rules = c;
    c->version = version;
    c->checkpoint = -1;
    (void)snprintf(c->operator_id, sizeof c->operator_id, "%s", operator_id);
    slu_buf_init(&c->rules, SLU_RULESET_BYTES_MAX);
    slu_buf_append(&c->rules, rules.data, rules.bytes);
    const slu_status status = slu_buf_status(&c->rules, err);
    if (status != SLU_OK)
        rules_free(j);
    return status;
}

/* The oldest of those that are to be applied is what stays: they come newest first. */
static slu_status
record_take(void *context, const slu_rules_record *record, slu_error *err)
{
    job *j = context;
    if (record->checkpoint >= 0 && record->checkpoint <= j->completed)
        return SLU_OK;
    SLU_TRY(change_new(j, record->operator_id, record->version, record->rules, err));
    j->rules->stored = true;
    return SLU_OK;
}

void
rules_take_up(slu_jobmanager *jm, job *j)
{
    slu_error err = {0};
    if (j->rules == NULL && slu_jobstore_rules(jm->spec.store, j->id, record_take, j, &err) != SLU_OK)
        slu_log_error(jm->spec.env, "STORE-FAILED", "job %s: %s", j->name, err.message);
}

static slu_status
version_take(void *context, const slu_rules_record *record, slu_error *err)
{
    int64_t *version = context;
    *version = SLU_MAX(*version, record->version);
    return SLU_OK;
}

/* ---- Asking ------------------------------------------------------------------------------------------------------------------ */

/* The operator by its name, or the only one with rules. */
static slu_status
operator_choose(const job *j, const char *name, const char **out, slu_error *err)
{
    const char *found = NULL;
    for (uint32_t i = 0; i < j->graph->operator_count; i++) {
        const slu_operator *op = &j->graph->operators[i];
        const bool has = slu_ruleset_of_operator(op) != NULL;
        if (name[0] != 0 && strcmp(op->id, name) == 0) {
            *out = op->id;
            return has ? SLU_OK : slu_error_set(err, SLU_INVALID, "operator %s of job %s has no option `rules`", name, j->name);
        }
        if (name[0] == 0 && has && found != NULL)
            return slu_error_set(err, SLU_INVALID, "operators %s and %s of job %s have rules: say which with --operator", found,
                                 op->id, j->name);
        found = has ? op->id : found;
    }
    *out = found;
    if (found != NULL && name[0] == 0)
        return SLU_OK;
    return name[0] != 0 ? slu_error_set(err, SLU_NOTFOUND, "job %s has no operator \"%s\"", j->name, name)
                        : slu_error_set(err, SLU_INVALID, "no operator of job %s has an option `rules`", j->name);
}

slu_status
rules_ask(slu_jobmanager *jm, const peer *from, const slu_message *message, job *j, slu_error *err)
{
    const char *operator_id = NULL;
    int64_t version = 1;
    if (j->ending || !j->begun || j->state != JOB_RUNNING || j->completed < 0)
        return slu_error_set(err, SLU_INVALID,
                             "job %s is %s: to be given rules it must be RUNNING, with its first checkpoint behind it", j->name,
                             job_state_name(j->state));
    if (j->stopping || j->rescale != NULL)
        return slu_error_set(err, SLU_CONFLICT, "job %s is being %s", j->name, j->stopping ? "stopped" : "rescaled");
    if (j->rules != NULL)
        return slu_error_set(err, SLU_CONFLICT, "job %s is being given version %" PRId64 " of the rules of operator %s", j->name,
                             j->rules->version, j->rules->operator_id);
    SLU_TRY(operator_choose(j, message->name, &operator_id, err));
    SLU_TRY(slu_jobstore_rules(jm->spec.store, j->id, version_take, &version, err));
    SLU_TRY(change_new(j, operator_id, version + 1, message->data, err));
    j->rules->peer = from->number;
    j->rules->request = message->request;
    j->rules->began_ms = jm_now(jm);
    return SLU_OK;
}

static bool
all_run(const job *j)
{
    for (uint32_t t = 0; t < j->layout->task_count; t++)
        if (j->tasks[t] != TASK_RUNNING && j->tasks[t] != TASK_ENDED)
            return false;
    return j->begun && !j->ending && j->coordinator != NULL && !j->stopping && j->rescale == NULL && j->state == JOB_RUNNING;
}

static void
check_begin(slu_jobmanager *jm, job *j)
{
    rules_change *c = j->rules;
    uint8_t *good = slu_realloc(c->good, j->layout->task_count + 1u); /* the job may have another parallelism by now */
    if (good == NULL)
        return;
    c->good = good;
    c->state = CHECKING;
    c->attempt_id = j->attempt_id;
    c->good_count = 0;
    memset(c->good, 0, j->layout->task_count);
    c->deadline = jm_now(jm) + CHECK_MS;
    attempt_tell(
        jm, j,
        (slu_message){.kind = SLU_MESSAGE_RULES, .name = c->operator_id, .value = c->version, .data = slu_buf_view(&c->rules)});
}

/* Every task has said that it is good: now it is the job's, whatever happens. */
static void
all_good(slu_jobmanager *jm, job *j)
{
    rules_change *c = j->rules;
    slu_error err = {0};
    if (!c->stored && store(jm, j, c, &err) != SLU_OK) {
        refuse(jm, j, err.status, err.message);
        return;
    }
    c->stored = true;
    c->state = READY;
    slu_coordinator_request(j->coordinator, SLU_BARRIER_RULES);
}

void
rules_answered(slu_jobmanager *jm, job *j, const slu_message *message)
{
    rules_change *c = j->rules;
    if (c == NULL || c->state != CHECKING || message->value != c->version || message->task >= j->layout->task_count)
        return;
    if (message->status == SLU_CONFLICT && !c->stored) { /* of a savepoint that knew more versions than we do */
        c->version = message->checkpoint + 1;
        c->state = DUE;
        return;
    }
    if (message->status != SLU_OK) {
        refuse(jm, j, (slu_status)message->status, message->text);
        return;
    }
    c->good_count += c->good[message->task] == 0;
    c->good[message->task] = 1;
    if (c->good_count == j->layout->task_count)
        all_good(jm, j);
}

/* ---- Its checkpoint ---------------------------------------------------------------------------------------------------------- */

void
rules_triggered(job *j, const slu_action *action)
{
    rules_change *c = j->rules;
    if (c == NULL || c->state != READY || (action->flags & SLU_BARRIER_RULES) == 0)
        return;
    c->state = PENDING;
    c->checkpoint = action->checkpoint;
}

void
rules_whole(slu_jobmanager *jm, job *j, int64_t checkpoint)
{
    rules_change *c = j->rules;
    slu_error err = {0};
    if (c == NULL || c->state != PENDING || c->checkpoint != checkpoint)
        return;
    if (store(jm, j, c, &err) != SLU_OK)
        slu_log_error(jm->spec.env, "STORE-FAILED", "job %s: %s", j->name, err.message);
    slu_log_info(jm->spec.env, "RULES", "job %s, operator %s: version %" PRId64 " from checkpoint %" PRId64 " on", j->name,
                 c->operator_id, c->version, checkpoint);
    const slu_message applied = {.kind = SLU_MESSAGE_APPLIED,
                                 .request = c->request,
                                 .job = j->id,
                                 .name = c->operator_id,
                                 .value = c->version,
                                 .checkpoint = checkpoint,
                                 .duration_ms = jm_now(jm) - c->began_ms};
    if (c->peer != 0)
        peer_send(jm, c->peer, &applied);
    rules_free(j);
}

void
rules_aborted(slu_jobmanager *jm, job *j, int64_t checkpoint, const char *why)
{
    char text[400];
    rules_change *c = j->rules;
    if (c == NULL || c->state != PENDING || c->checkpoint != checkpoint)
        return;
    c->state = DUE;
    c->checkpoint = -1;
    if (++c->tries < TRIES_MAX)
        return;
    (void)snprintf(text, sizeof text, "%d checkpoints were given up, the last since %.300s: the rules stay as they are", TRIES_MAX,
                   why);
    refuse(jm, j, SLU_TIMEOUT, text);
}

/* The attempt that was asked is not there any more. */
static void
attempt_gone(slu_jobmanager *jm, job *j)
{
    rules_change *c = j->rules;
    if (job_over(j)) {
        refuse(jm, j, SLU_CLOSED, "the job is over");
        return;
    }
    if (!c->stored) {
        refuse(jm, j, SLU_CLOSED, "the attempt of the job ended meanwhile: nothing has changed, try again");
        return;
    }
    c->state = DUE;
    c->checkpoint = -1;
}

void
rules_tick(slu_jobmanager *jm, job *j)
{
    char text[200];
    rules_change *c = j->rules;
    if (c == NULL)
        return;
    if (job_over(j) || (c->state != DUE && (j->ending || c->attempt_id != j->attempt_id))) {
        attempt_gone(jm, j);
        return;
    }
    if (c->state == DUE && all_run(j))
        check_begin(jm, j);
    if (c->state != CHECKING || jm_now(jm) < c->deadline)
        return;
    if (c->stored) {
        c->state = DUE;
        return;
    }
    (void)snprintf(text, sizeof text, "%" PRIu32 " of %" PRIu32 " tasks answered within %d s: nothing has changed", c->good_count,
                   j->layout->task_count, CHECK_MS / 1000);
    refuse(jm, j, SLU_TIMEOUT, text);
}

int64_t
rules_deadline(const job *j)
{
    if (j->rules == NULL)
        return INT64_MAX;
    return j->rules->state == CHECKING ? j->rules->deadline : j->rules->state == DUE && all_run(j) ? 0 : INT64_MAX;
}

/* ---- The book of them -------------------------------------------------------------------------------------------------------- */

typedef struct book {
    slu_arena *arena;
    slu_message *items;
    uint32_t count;
} book;

static slu_status
book_add(book *b, const slu_rules_record *record, const char *state, slu_error *err)
{
    uint8_t *bytes = slu_arena_alloc(b->arena, record->rules.bytes + 1);
    if (bytes == NULL)
        return slu_arena_status(b->arena, err);
    memcpy(bytes, record->rules.data, record->rules.bytes);
    b->items[b->count++] = (slu_message){.kind = SLU_MESSAGE_RULESET,
                                         .name = slu_arena_strdup(b->arena, record->operator_id),
                                         .value = record->version,
                                         .checkpoint = record->checkpoint,
                                         .state = state,
                                         .start_ms = record->created_ms,
                                         .data = slu_view_of(bytes, record->rules.bytes)};
    return slu_arena_status(b->arena, err);
}

/* No later one of the operator is in force. */
static bool
book_newest(const book *b, const char *operator_id)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (strcmp(b->items[i].name, operator_id) == 0 && b->items[i].checkpoint >= 0)
            return false;
    return true;
}

static const char *
book_state(const book *b, const slu_rules_record *record)
{
    return record->checkpoint < 0 ? "WAITING" : book_newest(b, record->operator_id) ? "IN_FORCE" : "REPLACED";
}

static slu_status
book_take(void *context, const slu_rules_record *record, slu_error *err)
{
    book *b = context;
    return b->count == BOOK_MAX ? SLU_OK : book_add(b, record, book_state(b, record), err);
}

/* Version 1 of each operator: what the descriptor says. */
static slu_status
book_add_descriptor(book *b, const job *j, slu_error *err)
{
    slu_buf encoded;
    slu_status status = SLU_OK;
    slu_buf_init(&encoded, SLU_RULESET_BYTES_MAX);
    for (uint32_t i = 0; status == SLU_OK && j->graph != NULL && i < j->graph->operator_count; i++) {
        const slu_value *rules = slu_ruleset_of_operator(&j->graph->operators[i]);
        if (rules == NULL)
            continue;
        slu_buf_reset(&encoded);
        slu_value_pack(rules, &encoded);
        const slu_rules_record record = {
            .operator_id = j->graph->operators[i].id, .version = 1, .created_ms = j->created_ms, .rules = slu_buf_view(&encoded)};
        status = slu_buf_status(&encoded, err);
        if (status == SLU_OK)
            status = book_add(b, &record, book_state(b, &record), err);
    }
    slu_buf_fini(&encoded);
    return status;
}

slu_status
rules_book_answer(slu_jobmanager *jm, const peer *to, const slu_message *message, const job *j, slu_error *err)
{
    book b = {.arena = &jm->answer, .items = slu_arena_array(&jm->answer, BOOK_MAX + SLU_OPERATORS_MAX, sizeof(slu_message))};
    if (b.items == NULL)
        return slu_arena_status(&jm->answer, err);
    SLU_TRY(slu_jobstore_rules(jm->spec.store, j->id, book_take, &b, err));
    SLU_TRY(book_add_descriptor(&b, j, err));
    const slu_message answer = {.kind = SLU_MESSAGE_RULESETS,
                                .request = message->request,
                                .job = j->id,
                                .name = j->name,
                                .items = b.items,
                                .item_count = b.count};
    peer_send(jm, to->number, &answer);
    return SLU_OK;
}
