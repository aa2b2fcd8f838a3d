#include "iceberg/rest/rest_catalog.h"

#include "base/alloc.h"
#include "iceberg/catalog_parts.h"
#include "iceberg/manifest.h"
#include "iceberg/rest/staged.h"
#include "iceberg/rest/vended.h"

#define PATH_BYTES_MAX ((size_t)64 << 10)
#define BODY_BYTES_MAX ((size_t)16 << 20)
#define SMALL_BYTES_MAX ((size_t)1 << 20)
#define LIST_BYTES_MAX ((size_t)16 << 20)
#define PAGES_MAX 100000

typedef struct rest_catalog {
    const slu_env *env;
    iceberg_store store;
    iceberg_store_maker maker;
    iceberg_rest_session *session;
    iceberg_rest_vended *vended;
} rest_catalog;

/* ---- paths ---- */

static slu_status
name_check(const char *what, const char *name, slu_error *err)
{
    if (name == NULL || name[0] == 0 || name[0] == '.' || strstr(name, "..") != NULL || name[strlen(name) - 1] == '.')
        return slu_error_set(err, SLU_INVALID, "\"%.64s\" cannot be the name of a %s", name == NULL ? "" : name, what);
    return SLU_OK;
}

/* namespaces/{ns} */
static slu_status
path_ns(const rest_catalog *catalog, const char *ns, slu_buf *path, slu_error *err)
{
    SLU_TRY(name_check("namespace", ns, err));
    slu_buf_text(path, "namespaces/");
    iceberg_rest_ns_encode(catalog->session, path, ns);
    return slu_buf_status(path, err);
}

/* namespaces/{ns}/tables/{name} */
static slu_status
path_table(const rest_catalog *catalog, const char *ns, const char *name, slu_buf *path, slu_error *err)
{
    SLU_TRY(name_check("table", name, err));
    SLU_TRY(path_ns(catalog, ns, path, err));
    slu_buf_text(path, "/tables/");
    iceberg_rest_text_encode(path, name, strlen(name));
    return slu_buf_status(path, err);
}

static slu_status
call_as(const rest_catalog *catalog, const char *method, slu_buf *path, const slu_buf *body, size_t answer_max, const char *token,
        iceberg_rest_reply *reply, slu_error *err)
{
    const iceberg_rest_call asked = {method, slu_buf_cstr(path), body == NULL ? slu_view_of(NULL, 0) : slu_buf_view(body),
                                     answer_max, token};
    SLU_TRY(slu_buf_status(path, err));
    return iceberg_rest_session_call(catalog->session, &asked, reply, err);
}

static slu_status
call(const rest_catalog *catalog, const char *method, slu_buf *path, const slu_buf *body, size_t answer_max,
     iceberg_rest_reply *reply, slu_error *err)
{
    return call_as(catalog, method, path, body, answer_max, NULL, reply, err);
}

/* With the table's own token, where one came with it. */
static slu_status
call_table(const rest_catalog *catalog, const char *method, const char *ns, const char *name, const slu_buf *body,
           iceberg_rest_reply *reply, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    SLU_AUTO(slu_buf_fini) slu_buf token = {0};
    slu_buf_init(&path, PATH_BYTES_MAX);
    slu_buf_init(&token, SMALL_BYTES_MAX);
    SLU_TRY(path_table(catalog, ns, name, &path, err));
    iceberg_rest_vended_token(catalog->vended, ns, name, &token);
    SLU_TRY(slu_buf_status(&token, err));
    return call_as(catalog, method, &path, body, ICEBERG_METADATA_BYTES_MAX, token.bytes == 0 ? NULL : slu_buf_cstr(&token), reply,
                   err);
}

/* What went wrong on the way to a success is forgotten: err is touched by a failure only. */
static slu_status
failed_in(const slu_error *own, slu_status status, slu_error *err, const char *deed, const char *ns, const char *name)
{
    if (status == SLU_OK || err == NULL)
        return status;
    *err = *own;
    return slu_error_in(err, status, "%s %s.%s", deed, ns, name);
}

/* ---- tables ---- */

/* Takes what came with the table, too. */
static slu_status
table_take(const rest_catalog *catalog, const char *ns, const char *name, const iceberg_rest_reply *reply, iceberg_table *out,
           slu_error *err)
{
    SLU_AUTO(iceberg_rest_loaded_fini) iceberg_rest_loaded loaded = {0};
    SLU_TRY(iceberg_rest_table_decode(slu_buf_view(&reply->body), &loaded, err));
    SLU_TRY(iceberg_rest_vended_take(catalog->vended, ns, name, &loaded, err));
    return iceberg_table_make(ns, name, loaded.metadata_location, &loaded.metadata, out, err);
}

static slu_status
rest_load(void *self, const char *ns, const char *name, iceberg_table *out, slu_error *err)
{
    SLU_AUTO(iceberg_rest_reply_fini) iceberg_rest_reply reply = {0};
    SLU_TRY_IN(call_table(self, "GET", ns, name, NULL, &reply, err), err, "load table %s.%s", ns, name);
    SLU_TRY_IN(table_take(self, ns, name, &reply, out, err), err, "load table %s.%s", ns, name);
    return SLU_OK;
}

/* For new keys, of a table whose keys end. */
static slu_status
rest_ask(void *self, const char *ns, const char *name, iceberg_rest_loaded *out, slu_error *err)
{
    SLU_AUTO(iceberg_rest_reply_fini) iceberg_rest_reply reply = {0};
    SLU_TRY(call_table(self, "GET", ns, name, NULL, &reply, err));
    return iceberg_rest_table_decode(slu_buf_view(&reply.body), out, err);
}

/* The deed is done and its answer cannot be read: for the caller that is an answer that was lost. */
static slu_status
answer_lost(slu_error *err)
{
    if (err != NULL)
        err->retriable = 1;
    return slu_error_in(err, SLU_IO, "the server did it, but its answer cannot be used");
}

static slu_status
create_post(const rest_catalog *catalog, const char *ns, const char *name, const iceberg_create *create, bool stage,
            iceberg_rest_reply *reply, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    SLU_AUTO(slu_buf_fini) slu_buf body = {0};
    slu_buf_init(&path, PATH_BYTES_MAX);
    slu_buf_init(&body, BODY_BYTES_MAX);
    SLU_TRY(path_ns(catalog, ns, &path, err));
    slu_buf_text(&path, "/tables");
    SLU_TRY(iceberg_rest_create_encode(name, create, stage, &body, err));
    return call(catalog, "POST", &path, &body, ICEBERG_METADATA_BYTES_MAX, reply, err);
}

static slu_status
create_staged(const rest_catalog *catalog, const char *ns, const char *name, const iceberg_create *create, iceberg_table *out,
              slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf body = {0};
    SLU_AUTO(iceberg_rest_reply_fini) iceberg_rest_reply staged = {0};
    SLU_AUTO(iceberg_rest_reply_fini) iceberg_rest_reply reply = {0};
    slu_buf_init(&body, BODY_BYTES_MAX);
    SLU_TRY(create_post(catalog, ns, name, create, true, &staged, err));
    SLU_TRY(iceberg_rest_staged_encode(slu_buf_view(&staged.body), ns, name, &body, err));
    SLU_TRY(call_table(catalog, "POST", ns, name, &body, &reply, err));
    return table_take(catalog, ns, name, &reply, out, err) == SLU_OK ? SLU_OK : answer_lost(err);
}

/* Does the refusal say that tables are to be staged first? */
static bool
wants_stage(slu_status status, const iceberg_rest_fault *fault)
{
    return status == SLU_UNSUPPORTED || (status == SLU_INVALID && strcasestr(fault->message, "stage") != NULL);
}

static slu_status
create_once(const rest_catalog *catalog, const char *ns, const char *name, const iceberg_create *create, iceberg_table *out,
            slu_error *err)
{
    SLU_AUTO(iceberg_rest_reply_fini) iceberg_rest_reply reply = {0};
    const slu_status status = create_post(catalog, ns, name, create, false, &reply, err);
    if (status == SLU_OK)
        return table_take(catalog, ns, name, &reply, out, err) == SLU_OK ? SLU_OK : answer_lost(err);
    return wants_stage(status, &reply.fault) ? create_staged(catalog, ns, name, create, out, err) : status;
}

static slu_status
namespace_create(const rest_catalog *catalog, const char *ns, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    SLU_AUTO(slu_buf_fini) slu_buf body = {0};
    SLU_AUTO(iceberg_rest_reply_fini) iceberg_rest_reply reply = {0};
    slu_buf_init(&path, PATH_BYTES_MAX);
    slu_buf_init(&body, SMALL_BYTES_MAX);
    SLU_TRY(name_check("namespace", ns, err));
    SLU_TRY(iceberg_rest_namespace_encode(ns, &body, err));
    slu_buf_text(&path, "namespaces");
    SLU_TRY_IN(call(catalog, "POST", &path, &body, SMALL_BYTES_MAX, &reply, err), err, "create namespace %s", ns);
    return SLU_OK;
}

static slu_status
rest_create(void *self, const char *ns, const char *name, const iceberg_create *create, iceberg_table *out, slu_error *err)
{
    SLU_TRY(name_check("table", name, err));
    slu_error own = {0};
    slu_status status = create_once(self, ns, name, create, out, &own);
    if (status == SLU_NOTFOUND) {
        status = namespace_create(self, ns, &own);
        if (status == SLU_OK || status == SLU_CONFLICT)
            status = create_once(self, ns, name, create, out, &own);
    }
    return failed_in(&own, status, err, "create table", ns, name);
}

/* ---- commit ---- */

static int64_t
own_snapshot(const iceberg_change *change)
{
    for (size_t i = 0; i < change->update_count; i++)
        if (change->updates[i].kind == ICEBERG_UPDATE_ADD_SNAPSHOT)
            return change->updates[i].snapshot->id;
    return ICEBERG_ABSENT;
}

/* Whether the table's history, seen without a gap from the ref back to the base of the change, lacks the change's snapshot: then
 * the change was not made and, its requirement broken, never will be. */
static bool
is_surely_absent(const iceberg_metadata *now, const iceberg_change *change, int64_t own)
{
    const iceberg_ref *ref = change->requirements.ref == NULL ? NULL : iceberg_metadata_ref(now, change->requirements.ref);
    int64_t at = ref == NULL ? ICEBERG_ABSENT : ref->snapshot_id;
    if (ref == NULL || at == change->requirements.ref_snapshot)
        return false; /* still where it was: a late commit could yet be made */
    for (uint32_t steps = 0; steps <= now->snapshot_count; steps++) {
        if (at == change->requirements.ref_snapshot)
            return true;
        const iceberg_snapshot *snapshot = at == ICEBERG_ABSENT ? NULL : iceberg_metadata_snapshot_of(now, at);
        if (snapshot == NULL || snapshot->parent_id == own)
            return false;
        at = snapshot->parent_id;
    }
    return false;
}

/* A refusal that may be the echo of our own deed: what is true? After a try in doubt, and also without one, since what stands between
 * us and the server may have repeated the request. */
static slu_status
refusal_settle(rest_catalog *catalog, const iceberg_table *base, const iceberg_change *change, bool in_doubt, slu_status answer,
               iceberg_table *out, slu_error *err)
{
    SLU_AUTO(iceberg_table_fini) iceberg_table now = {0};
    slu_error again = {0};
    const int64_t own = own_snapshot(change);
    if (own != ICEBERG_ABSENT && rest_load(catalog, base->ns, base->name, &now, &again) == SLU_OK) {
        if (iceberg_metadata_snapshot_of(now.metadata, own) != NULL) {
            slu_log_info(catalog->env, "ICEBERG-REST-ECHO",
                         "commit to %s.%s: refused, but its snapshot is there: an earlier request did it", base->ns, base->name);
            *out = now;
            memset(&now, 0, sizeof now);
            return SLU_OK;
        }
        if (is_surely_absent(now.metadata, change, own))
            return answer;
    }
    if (!in_doubt)
        return answer;
    if (err != NULL)
        err->retriable = 1;
    return slu_error_in(err, SLU_IO, "an earlier try had no answer and may have been done");
}

static bool
is_unknown(slu_status status)
{
    return status == SLU_IO || status == SLU_TIMEOUT || status == SLU_CLOSED;
}

static slu_status
commit_send(rest_catalog *catalog, const iceberg_table *base, const iceberg_change *change, iceberg_table *out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf body = {0};
    SLU_AUTO(iceberg_rest_reply_fini) iceberg_rest_reply reply = {0};
    slu_buf_init(&body, BODY_BYTES_MAX);
    SLU_TRY(iceberg_rest_commit_encode(base, change, &body, err));
    const slu_status status = call_table(catalog, "POST", base->ns, base->name, &body, &reply, err);
    if (status == SLU_OK)
        return table_take(catalog, base->ns, base->name, &reply, out, err) == SLU_OK ? SLU_OK : answer_lost(err);
    if (!is_unknown(status) && (reply.in_doubt || status == SLU_CONFLICT || (status == SLU_INVALID && err->code == 400)))
        return refusal_settle(catalog, base, change, reply.in_doubt, status, out, err);
    return status;
}

static slu_status
rest_commit(void *self, const iceberg_table *base, const iceberg_change *change, iceberg_table *out, slu_error *err)
{
    slu_error own = {0};
    return failed_in(&own, commit_send(self, base, change, out, &own), err, "commit to", base->ns, base->name);
}

/* ---- lists ---- */

typedef slu_status (*page_decode)(slu_view text, slu_arena *arena, iceberg_named found, void *to, const char **out_next,
                                  slu_error *err);

/* `query` NULL or "parent=..."; pages until the last. */
static slu_status
pages_walk(const rest_catalog *catalog, const char *resource, const char *query, page_decode decode, iceberg_named found, void *to,
           iceberg_rest_fault *out_fault, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    const char *next = NULL;
    slu_arena_init(&arena, LIST_BYTES_MAX);
    for (int page = 0; page < PAGES_MAX; page++) {
        SLU_AUTO(slu_buf_fini) slu_buf path = {0};
        SLU_AUTO(iceberg_rest_reply_fini) iceberg_rest_reply reply = {0};
        slu_buf_init(&path, PATH_BYTES_MAX);
        slu_buf_printf(&path, "%s%s%s", resource, query == NULL ? "" : "?", query == NULL ? "" : query);
        if (next != NULL) {
            slu_buf_printf(&path, "%cpageToken=", query == NULL ? '?' : '&');
            iceberg_rest_text_encode(&path, next, strlen(next));
        }
        slu_arena_reset(&arena);
        const slu_status status = call(catalog, "GET", &path, NULL, LIST_BYTES_MAX, &reply, err);
        *out_fault = reply.fault;
        SLU_TRY(status);
        SLU_TRY(decode(slu_buf_view(&reply.body), &arena, found, to, &next, err));
        if (next == NULL)
            return SLU_OK;
    }
    return slu_error_set(err, SLU_LIMIT, "%.200s: more than %d pages", resource, PAGES_MAX);
}

static slu_status
rest_list(void *self, const char *ns, iceberg_named found, void *to, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    iceberg_rest_fault fault = {0};
    slu_buf_init(&path, PATH_BYTES_MAX);
    SLU_TRY(path_ns(self, ns, &path, err));
    slu_buf_text(&path, "/tables");
    SLU_TRY(slu_buf_status(&path, err));
    const slu_status status = pages_walk(self, slu_buf_cstr(&path), NULL, iceberg_rest_tables_decode, found, to, &fault, err);
    if (status == SLU_NOTFOUND && strstr(fault.type, "Namespace") != NULL)
        return SLU_OK; /* a missing namespace has none, as a missing folder */
    return slu_error_in(err, status, "list the tables of %s", ns);
}

static const iceberg_store *
rest_store(void *self, const iceberg_table *table)
{
    rest_catalog *catalog = self;
    const iceberg_store *own = iceberg_rest_vended_store(catalog->vended, table->ns, table->name);
    return own != NULL ? own : &catalog->store;
}

static void
rest_close(void *self)
{
    rest_catalog *catalog = self;
    iceberg_rest_vended_close(&catalog->vended);
    iceberg_rest_session_close(&catalog->session);
    iceberg_store_close(&catalog->store);
    iceberg_store_maker_close(&catalog->maker);
    slu_free(catalog);
}

static const iceberg_catalog_ops REST = {
    .load = rest_load,
    .create = rest_create,
    .commit = rest_commit,
    .list = rest_list,
    .store = rest_store,
    .close = rest_close,
};

static slu_status
stores_open(rest_catalog *catalog, const iceberg_store_maker *maker, slu_error *err)
{
    const iceberg_rest_properties all = iceberg_rest_session_settings(catalog->session);
    const iceberg_store_settings settings = {.items = all.items, .count = all.count};
    SLU_TRY(maker->open(maker->self, &settings, &catalog->store, err));
    return iceberg_rest_vended_open(catalog->env, all, &catalog->maker, rest_ask, catalog, &catalog->vended, err);
}

slu_status
iceberg_catalog_rest_open(const slu_env *env, const iceberg_rest_options *options, iceberg_store_maker *maker, iceberg_catalog *out,
                          slu_error *err)
{
    rest_catalog *catalog = slu_alloc_zero(1, sizeof *catalog);
    if (catalog == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a catalog");
    catalog->env = env;
    slu_status status = iceberg_rest_session_open(env, options, &catalog->session, err);
    if (status == SLU_OK)
        status = stores_open(catalog, maker, err);
    if (status != SLU_OK) {
        rest_close(catalog);
        return slu_error_in(err, status, "REST catalog");
    }
    catalog->maker = *maker;
    memset(maker, 0, sizeof *maker);
    *out = (iceberg_catalog){&REST, catalog, env};
    return SLU_OK;
}

/* ---- beyond the table of functions ---- */

static slu_status
rest_of(const iceberg_catalog *catalog, rest_catalog **out, slu_error *err)
{
    if (catalog->ops != &REST)
        return slu_error_set(err, SLU_INVALID, "this needs a REST catalog");
    *out = catalog->self;
    return SLU_OK;
}

slu_status
iceberg_rest_namespaces(const iceberg_catalog *catalog, const char *parent, iceberg_named found, void *to, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf query = {0};
    iceberg_rest_fault fault = {0};
    rest_catalog *rest = NULL;
    SLU_TRY(rest_of(catalog, &rest, err));
    slu_buf_init(&query, PATH_BYTES_MAX);
    slu_buf_text(&query, "parent=");
    if (parent != NULL)
        iceberg_rest_ns_encode(rest->session, &query, parent);
    SLU_TRY(slu_buf_status(&query, err));
    SLU_TRY_IN(pages_walk(rest, "namespaces", parent == NULL ? NULL : slu_buf_cstr(&query), iceberg_rest_namespaces_decode, found,
                          to, &fault, err),
               err, "list namespaces");
    return SLU_OK;
}

slu_status
iceberg_rest_namespace_create(const iceberg_catalog *catalog, const char *ns, slu_error *err)
{
    rest_catalog *rest = NULL;
    SLU_TRY(rest_of(catalog, &rest, err));
    return namespace_create(rest, ns, err);
}

slu_status
iceberg_rest_namespace_check(const iceberg_catalog *catalog, const char *ns, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    SLU_AUTO(iceberg_rest_reply_fini) iceberg_rest_reply reply = {0};
    rest_catalog *rest = NULL;
    SLU_TRY(rest_of(catalog, &rest, err));
    slu_buf_init(&path, PATH_BYTES_MAX);
    SLU_TRY(path_ns(rest, ns, &path, err));
    SLU_TRY_IN(call(rest, "GET", &path, NULL, SMALL_BYTES_MAX, &reply, err), err, "load namespace %s", ns);
    return SLU_OK;
}

slu_status
iceberg_rest_table_drop(const iceberg_catalog *catalog, const char *ns, const char *name, bool purge, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    SLU_AUTO(iceberg_rest_reply_fini) iceberg_rest_reply reply = {0};
    rest_catalog *rest = NULL;
    SLU_TRY(rest_of(catalog, &rest, err));
    slu_buf_init(&path, PATH_BYTES_MAX);
    SLU_TRY(path_table(rest, ns, name, &path, err));
    slu_buf_text(&path, purge ? "?purgeRequested=true" : "?purgeRequested=false");
    SLU_TRY_IN(call(rest, "DELETE", &path, NULL, SMALL_BYTES_MAX, &reply, err), err, "drop table %s.%s", ns, name);
    return SLU_OK;
}

slu_status
iceberg_rest_table_rename(const iceberg_catalog *catalog, const char *from_ns, const char *from, const char *to_ns, const char *to,
                          slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    SLU_AUTO(slu_buf_fini) slu_buf body = {0};
    SLU_AUTO(iceberg_rest_reply_fini) iceberg_rest_reply reply = {0};
    rest_catalog *rest = NULL;
    SLU_TRY(rest_of(catalog, &rest, err));
    slu_buf_init(&path, PATH_BYTES_MAX);
    slu_buf_init(&body, SMALL_BYTES_MAX);
    SLU_TRY(name_check("table", to, err));
    SLU_TRY(name_check("namespace", to_ns, err));
    SLU_TRY(iceberg_rest_rename_encode(from_ns, from, to_ns, to, &body, err));
    slu_buf_text(&path, "tables/rename");
    SLU_TRY_IN(call(rest, "POST", &path, &body, SMALL_BYTES_MAX, &reply, err), err, "rename table %s.%s to %s.%s", from_ns, from,
               to_ns, to);
    return SLU_OK;
}
