#include "fluss/server/commits.h"

#include "base/alloc.h"
#include "fluss/server/log/fetch.h"

#include <inttypes.h>

#define COMMIT_TABLETS_FIRST 64 /* there is always room for these */

typedef struct held {
    fluss_session *session; /* NULL: gone */
    int32_t request_id;
    slu_arena arena;
    const ProtobufCMessage *response;
    fluss_tablet **tablets;
    size_t count;
    fluss_commit_fail fail;
    struct held *next;
} held;

struct fluss_commits {
    fluss_server *server;
    slu_timer *timer;
    fluss_tablet **tablets; /* with something to sync */
    size_t tablet_count;
    size_t tablet_room;
    held *first;
    held **last;
};

static void
held_free(held *answer)
{
    slu_arena_fini(&answer->arena);
    slu_free(answer);
}

static void
commits_turn_ends(void *context)
{
    fluss_commits_flush(context);
}

slu_status
fluss_commits_open(fluss_server *server, fluss_commits **out, slu_error *err)
{
    fluss_commits *commits = slu_alloc_zero(1, sizeof *commits);
    if (commits == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for commits");
    commits->server = server;
    commits->last = &commits->first;
    commits->tablet_room = COMMIT_TABLETS_FIRST;
    commits->tablets = slu_alloc_zero(commits->tablet_room, sizeof *commits->tablets);
    const slu_status status = commits->tablets == NULL
                                  ? slu_error_set(err, SLU_NOMEM, "no memory for commits")
                                  : slu_timer_open(server->loop, commits_turn_ends, commits, &commits->timer, err);
    if (status != SLU_OK) {
        slu_free(commits->tablets);
        slu_free(commits);
        return status;
    }
    *out = commits;
    return SLU_OK;
}

void
fluss_commits_close(fluss_commits **commits)
{
    if (*commits == NULL)
        return;
    fluss_commits_flush(*commits);
    slu_timer_close(&(*commits)->timer);
    slu_free((*commits)->tablets);
    slu_free(*commits);
    *commits = NULL;
}

bool
fluss_commits_wait(const fluss_commits *commits)
{
    return commits->tablet_count != 0 || commits->first != NULL;
}

/* A turn is not ended in the middle of a request: what it has written so far could not be refused any more. */
static bool
commits_reserve(fluss_commits *commits)
{
    if (commits->tablet_count < commits->tablet_room)
        return true;
    fluss_tablet **tablets = slu_realloc(commits->tablets, 2 * commits->tablet_room * sizeof *tablets);
    if (tablets == NULL)
        return false;
    commits->tablets = tablets;
    commits->tablet_room *= 2;
    return true;
}

bool
fluss_commits_note(fluss_commits *commits, fluss_tablet *tablet)
{
    if (!fluss_log_wants_sync(tablet->log)) {
        fluss_fetches_wake(commits->server->fetches, tablet);
        return false;
    }
    if (!tablet->committing) {
        if (!commits_reserve(commits))
            fluss_commits_flush(commits); /* no memory for more: then there is room again */
        tablet->committing = true;
        commits->tablets[commits->tablet_count++] = tablet;
        slu_timer_set(commits->timer, 0);
    }
    return true;
}

slu_status
fluss_commits_answer(fluss_commits *commits, fluss_request *r, const ProtobufCMessage *response, fluss_tablet *const *tablets,
                     size_t count, fluss_commit_fail fail, slu_error *err)
{
    bool wait = false;
    for (size_t i = 0; i < count; i++)
        wait = wait || (tablets[i] != NULL && tablets[i]->committing);
    if (!wait)
        return fluss_request_answer(r, response, err);
    SLU_TRY(slu_arena_status(r->arena, err));
    held *answer = slu_alloc_zero(1, sizeof *answer);
    if (answer == NULL) { /* no memory to wait with */
        fluss_commits_flush(commits);
        return slu_error_set(err, SLU_NOMEM, "no memory for an answer");
    }
    answer->session = r->session;
    answer->request_id = r->id;
    answer->response = response;
    answer->tablets = slu_arena_array(r->arena, count + 1, sizeof *answer->tablets);
    if (answer->tablets != NULL)
        memcpy(answer->tablets, tablets, count * sizeof *tablets);
    answer->count = answer->tablets == NULL ? 0 : count;
    answer->fail = fail;
    answer->arena = *r->arena; /* it goes along; the server begins another */
    slu_arena_init(r->arena, r->arena->bytes_max);
    *commits->last = answer;
    commits->last = &answer->next;
    return SLU_OK;
}

/* Every bucket of the log that could not be synced is refused. */
static void
commits_refuse(fluss_commits *commits, const fluss_tablet *tablet, const slu_error *why)
{
    for (held *answer = commits->first; answer != NULL; answer = answer->next) {
        for (size_t i = 0; i < answer->count; i++) {
            if (answer->tablets[i] != tablet)
                continue;
            char *message = slu_arena_strdup(&answer->arena, why->message);
            answer->fail(answer->response, i, FLUSS_ERROR_LOG_STORAGE_EXCEPTION,
                         message == NULL ? (char *)(uintptr_t) "" : message);
        }
    }
}

static void
commits_sync(fluss_commits *commits, fluss_tablet *tablet)
{
    slu_error why;
    tablet->committing = false;
    const slu_status status = fluss_log_sync(tablet->log, &why);
    if (status == SLU_OK)
        return;
    (void)slu_error_in(&why, status, "table %s.%s", tablet->table->row.database, tablet->table->row.name);
    slu_log_error(commits->server->env, "SYNC-FAILED", "%s; what was not acknowledged is taken back", why.message);
    commits_refuse(commits, tablet, &why);
    fluss_tables_reset(commits->server->tables, tablet);
}

void
fluss_commits_flush(fluss_commits *commits)
{
    slu_timer_clear(commits->timer);
    for (size_t i = 0; i < commits->tablet_count; i++)
        commits_sync(commits, commits->tablets[i]);
    held *answers = commits->first;
    const size_t count = commits->tablet_count;
    commits->first = NULL;
    commits->last = &commits->first;
    commits->tablet_count = 0;
    while (answers != NULL) {
        held *answer = answers;
        answers = answer->next;
        if (answer->session != NULL)
            fluss_session_answer(answer->session, answer->request_id, answer->response);
        held_free(answer);
    }
    for (size_t i = 0; i < count; i++)
        if (commits->tablets[i]->log != NULL)
            fluss_fetches_wake(commits->server->fetches, commits->tablets[i]);
}

void
fluss_commits_forget(fluss_commits *commits, const fluss_session *session)
{
    for (held *answer = commits->first; answer != NULL; answer = answer->next)
        if (answer->session == session)
            answer->session = NULL;
}
