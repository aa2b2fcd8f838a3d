/* savepoints.c: Flink's asynchronous savepoints: POST /jobs/:id/savepoints and /jobs/:id/stop, then GET /jobs/:id/savepoints/:trigger. */
#include "rest/savepoints.h"

typedef struct request {
    const char *dir; /* of the body */
    bool cancel, drain;
} request;

static slu_status
field_read(const char *name, const json_t *value, request *out, slu_error *err)
{
    const bool dir = strcmp(name, "target-directory") == 0 || strcmp(name, "targetDirectory") == 0;
    const bool cancel = strcmp(name, "cancel-job") == 0, drain = strcmp(name, "drain") == 0;
    if (json_is_null(value))
        return SLU_OK;
    if (dir && !json_is_string(value))
        return slu_error_set(err, SLU_INVALID, "%s is no text", name);
    if ((cancel || drain) && !json_is_boolean(value))
        return slu_error_set(err, SLU_INVALID, "%s is neither true nor false", name);
    if (dir)
        out->dir = json_string_value(value);
    out->cancel = cancel ? json_is_true(value) : out->cancel;
    out->drain = drain ? json_is_true(value) : out->drain;
    return SLU_OK;
}

/* Words that are not ours (formatType, triggerId) pass, as in Flink. */
static slu_status
request_read(json_t *body, request *out, slu_error *err)
{
    const char *name;
    json_t *value;
    if (!json_is_object(body))
        return slu_error_set(err, SLU_INVALID, "the request's body is no JSON object");
    json_object_foreach(body, name, value) SLU_TRY(field_read(name, value, out, err));
    return SLU_OK;
}

/* An empty body is an empty object. */
static slu_status
body_read(slu_view bytes, json_t **out, slu_error *err)
{
    json_error_t why;
    *out = bytes.bytes == 0 ? json_object() : json_loadb((const char *)bytes.data, bytes.bytes, 0, &why);
    if (*out == NULL)
        return slu_error_set(err, SLU_INVALID, "the request's body is no JSON: %s", bytes.bytes == 0 ? "no memory" : why.text);
    return SLU_OK;
}

json_t *
rest_savepoint_begin(slu_jobmanager *jm, const char *job, slu_view bytes, bool stop, slu_error *err)
{
    json_t *body = NULL;
    slu_trigger trigger;
    request asked = {.dir = ""};
    if (body_read(bytes, &body, err) != SLU_OK)
        return NULL;
    slu_status status = request_read(body, &asked, err);
    const uint64_t flags = (stop || asked.cancel ? SLU_STOP_AFTER : 0) | (stop && asked.drain ? SLU_STOP_DRAIN : 0);
    if (status == SLU_OK)
        status = slu_jobmanager_trigger(jm, job, asked.dir, flags, &trigger, err);
    json_decref(body);
    return status == SLU_OK ? json_pack("{s:s}", "request-id", trigger.id) : NULL;
}

json_t *
rest_savepoint_state(const slu_jobmanager *jm, const char *job, const char *id, slu_error *err)
{
    slu_trigger trigger;
    if (slu_jobmanager_trigger_find(jm, job, id, &trigger, err) != SLU_OK)
        return NULL;
    if (!trigger.over)
        return json_pack("{s:{s:s}}", "status", "id", "IN_PROGRESS");
    if (trigger.status == SLU_OK)
        return json_pack("{s:{s:s}, s:{s:s}}", "status", "id", "COMPLETED", "operation", "location", trigger.text);
    return json_pack("{s:{s:s}, s:{s:{s:s, s:s, s:s}}}", "status", "id", "COMPLETED", "operation", "failure-cause", "class",
                     "org.apache.flink.runtime.checkpoint.CheckpointException", "stack-trace", trigger.text, "serialized-throwable",
                     "");
}
