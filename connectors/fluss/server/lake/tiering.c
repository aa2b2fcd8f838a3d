#include "fluss/server/lake/tiering.h"

#include "base/alloc.h"
#include "base/sizes.h"

#include <inttypes.h>

#define TIERING_WORKER_TIMEOUT_MS ((int64_t)2 * 60 * 1000)

typedef enum tiering_state { TIERING_SCHEDULED, TIERING_PENDING, TIERING_RUNNING } tiering_state;

typedef struct tiering_table tiering_table;

struct tiering_table {
    int64_t id;
    char *database;
    char *name;
    tiering_state state;
    int64_t epoch;
    int64_t freshness_ms;
    int64_t next_ms; /* monotonic: when it becomes due (scheduled), or its worker is given up (running) */
    uint64_t place;  /* in the queue of the pending */
    tiering_table *next;
};

struct fluss_tiering {
    fluss_server *server;
    tiering_table *tables;
    slu_timer *timer;
    uint64_t place_next;
};

static const char *
tiering_state_name(tiering_state state)
{
    return state == TIERING_SCHEDULED ? "Scheduled" : state == TIERING_PENDING ? "Pending" : "Tiering";
}

static void
tiering_make_pending(fluss_tiering *tiering, tiering_table *table)
{
    table->state = TIERING_PENDING;
    table->epoch++;
    table->place = tiering->place_next++;
}

static void
tiering_set_timer(fluss_tiering *tiering)
{
    int64_t first = INT64_MAX;
    for (const tiering_table *table = tiering->tables; table != NULL; table = table->next)
        if (table->state != TIERING_PENDING)
            first = SLU_MIN(first, table->next_ms);
    if (first == INT64_MAX)
        slu_timer_clear(tiering->timer);
    else
        slu_timer_set(tiering->timer, SLU_MAX(first - slu_now_ms(tiering->server->env), (int64_t)0));
}

static void
tiering_schedule(fluss_tiering *tiering, tiering_table *table, int64_t after_ms)
{
    table->state = TIERING_SCHEDULED;
    table->next_ms = slu_now_ms(tiering->server->env) + SLU_MAX(after_ms, (int64_t)0);
    tiering_set_timer(tiering);
}

static void
tiering_due(void *context)
{
    fluss_tiering *tiering = context;
    const int64_t now = slu_now_ms(tiering->server->env);
    for (tiering_table *table = tiering->tables; table != NULL; table = table->next) {
        if (table->state == TIERING_PENDING || table->next_ms > now)
            continue;
        if (table->state == TIERING_RUNNING)
            slu_log_warn(tiering->server->env, "TIERING-LOST",
                         "table %s.%s: its tiering service was silent for two minutes; the table is given "
                         "to another",
                         table->database, table->name);
        tiering_make_pending(tiering, table);
    }
    tiering_set_timer(tiering);
}

slu_status
fluss_tiering_open(fluss_server *server, fluss_tiering **out, slu_error *err)
{
    fluss_tiering *tiering = slu_alloc_zero(1, sizeof *tiering);
    if (tiering == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for tiering");
    tiering->server = server;
    const slu_status status = slu_timer_open(server->loop, tiering_due, tiering, &tiering->timer, err);
    if (status != SLU_OK) {
        slu_free(tiering);
        return status;
    }
    *out = tiering;
    return SLU_OK;
}

static void
tiering_table_free(tiering_table *table)
{
    slu_free(table->database);
    slu_free(table->name);
    slu_free(table);
}

void
fluss_tiering_close(fluss_tiering **tiering)
{
    if (*tiering == NULL)
        return;
    while ((*tiering)->tables != NULL) {
        tiering_table *table = (*tiering)->tables;
        (*tiering)->tables = table->next;
        tiering_table_free(table);
    }
    slu_timer_close(&(*tiering)->timer);
    slu_free(*tiering);
    *tiering = NULL;
}

slu_status
fluss_tiering_add(fluss_tiering *tiering, int64_t table_id, const char *database, const char *name, int64_t freshness_ms,
                  int64_t last_tiered_ms, slu_error *err)
{
    tiering_table *table = slu_alloc_zero(1, sizeof *table);
    if (table != NULL) {
        table->id = table_id;
        table->database = slu_strdup(database);
        table->name = slu_strdup(name);
        table->freshness_ms = freshness_ms;
    }
    if (table == NULL || table->database == NULL || table->name == NULL) {
        if (table != NULL)
            tiering_table_free(table);
        return slu_error_set(err, SLU_NOMEM, "no memory for tiering");
    }
    table->next = tiering->tables;
    tiering->tables = table;
    tiering_schedule(tiering, table, last_tiered_ms + freshness_ms - slu_wall_ms(tiering->server->env));
    return SLU_OK;
}

void
fluss_tiering_remove(fluss_tiering *tiering, int64_t table_id)
{
    for (tiering_table **at = &tiering->tables; *at != NULL; at = &(*at)->next) {
        if ((*at)->id != table_id)
            continue;
        tiering_table *table = *at;
        *at = table->next;
        tiering_table_free(table);
        tiering_set_timer(tiering);
        return;
    }
}

slu_status
fluss_tiering_claim(fluss_tiering *tiering, int64_t *out_table_id, int64_t *out_epoch, const char **out_database,
                    const char **out_table)
{
    tiering_table *first = NULL;
    for (tiering_table *table = tiering->tables; table != NULL; table = table->next)
        if (table->state == TIERING_PENDING && (first == NULL || table->place < first->place))
            first = table;
    if (first == NULL)
        return SLU_NOTFOUND;
    first->state = TIERING_RUNNING;
    first->next_ms = slu_now_ms(tiering->server->env) + TIERING_WORKER_TIMEOUT_MS;
    tiering_set_timer(tiering);
    *out_table_id = first->id;
    *out_epoch = first->epoch;
    *out_database = first->database;
    *out_table = first->name;
    return SLU_OK;
}

/* The table under this epoch; without it the worker is told that it is somebody else's by now, or gone. */
static slu_status
tiering_find(fluss_tiering *tiering, int64_t table_id, int64_t epoch, tiering_table **out, slu_error *err)
{
    tiering_table *table = tiering->tables;
    while (table != NULL && table->id != table_id)
        table = table->next;
    slu_status status = SLU_OK;
    if (table == NULL) {
        status = slu_error_set(err, SLU_NOTFOUND, "The table %" PRId64 " doesn't exist.", table_id);
        err->code = FLUSS_ERROR_TABLE_NOT_EXIST;
    } else if (table->epoch != epoch) {
        status = slu_error_set(err, SLU_CONFLICT,
                               "The tiering epoch %" PRId64 " is not match current epoch %" PRId64
                               " in coordinator for table %" PRId64 ".",
                               epoch, table->epoch, table_id);
        err->code = FLUSS_ERROR_FENCED_TIERING_EPOCH_EXCEPTION;
    }
    *out = table;
    return status;
}

static slu_status
tiering_find_running(fluss_tiering *tiering, int64_t table_id, int64_t epoch, tiering_table **out, slu_error *err)
{
    SLU_TRY(tiering_find(tiering, table_id, epoch, out, err));
    if ((*out)->state == TIERING_RUNNING)
        return SLU_OK;
    return slu_error_set(err, SLU_INVALID,
                         "The table %" PRId64 " to renew tiering heartbeat must in Tiering state, but in %s state.", table_id,
                         tiering_state_name((*out)->state));
}

slu_status
fluss_tiering_renew(fluss_tiering *tiering, int64_t table_id, int64_t epoch, slu_error *err)
{
    tiering_table *table = NULL;
    SLU_TRY(tiering_find_running(tiering, table_id, epoch, &table, err));
    table->next_ms = slu_now_ms(tiering->server->env) + TIERING_WORKER_TIMEOUT_MS;
    tiering_set_timer(tiering);
    return SLU_OK;
}

slu_status
fluss_tiering_finish(fluss_tiering *tiering, int64_t table_id, int64_t epoch, bool again_at_once, slu_error *err)
{
    tiering_table *table = NULL;
    SLU_TRY(tiering_find(tiering, table_id, epoch, &table, err));
    if (table->state != TIERING_RUNNING)
        return SLU_OK; /* said twice */
    if (again_at_once)
        tiering_make_pending(tiering, table);
    else
        tiering_schedule(tiering, table, table->freshness_ms);
    tiering_set_timer(tiering);
    return SLU_OK;
}

slu_status
fluss_tiering_failed(fluss_tiering *tiering, int64_t table_id, int64_t epoch, slu_error *err)
{
    tiering_table *table = NULL;
    SLU_TRY(tiering_find(tiering, table_id, epoch, &table, err));
    if (table->state == TIERING_RUNNING)
        tiering_make_pending(tiering, table);
    tiering_set_timer(tiering);
    return SLU_OK;
}
