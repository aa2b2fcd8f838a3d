/* savepoints.c: Flink's asynchronous savepoints: POST /jobs/:id/savepoints and /jobs/:id/stop, then GET /jobs/:id/savepoints/:trigger. */
#include "rest/savepoints.h"

static const char *
text_of(const json_t *body, const char *name, const char *also)
{
    const char *text = json_string_value(json_object_get(body, name));
    if (text == NULL)
        text = json_string_value(json_object_get(body, also));
    return text == NULL ? "" : text;
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
    if (body_read(bytes, &body, err) != SLU_OK)
        return NULL;
    uint64_t flags = stop || json_is_true(json_object_get(body, "cancel-job")) ? SLU_STOP_AFTER : 0;
    if (stop && json_is_true(json_object_get(body, "drain")))
        flags |= SLU_STOP_DRAIN;
    const slu_status status =
        slu_jobmanager_trigger(jm, job, text_of(body, "target-directory", "targetDirectory"), flags, &trigger, err);
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
