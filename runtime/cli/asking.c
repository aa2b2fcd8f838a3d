/* asking.c: see asking.h. */
#include "asking.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

slu_status
slu_asking_open(slu_asking *a, const slu_args *args)
{
    const char *address = slu_args_get(args, "jobmanager");
    memset(a, 0, sizeof *a);
    a->args = args;
    slu_buf_init(&a->out, SLU_ASKING_BYTES_MAX);
    return slu_jobs_client(slu_cli_env(), address, &a->client, &a->err);
}

int
slu_asking_close(slu_asking *a, slu_status status)
{
    int code = status == SLU_OK ? slu_cli_print(&a->out) : slu_cli_fail(a->args, &a->err);
    slu_client_close(&a->client);
    slu_buf_fini(&a->out);
    return code;
}

void
slu_asking_json(slu_asking *a, json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2));
    slu_buf_printf(&a->out, "%s\n", text == NULL ? "null" : text);
    free(text);
    json_decref(value);
}

const char *
slu_time_text(int64_t wall_ms, char out[32])
{
    const time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    out[0] = 0;
    if (wall_ms > 0 && localtime_r(&seconds, &parts) != NULL)
        (void)strftime(out, 32, "%Y-%m-%d %H:%M:%S", &parts);
    return out;
}

const char *
slu_duration_text(int64_t ms, char out[32])
{
    if (ms < 1000)
        (void)snprintf(out, 32, "%" PRId64 " ms", ms);
    else if (ms < 60000)
        (void)snprintf(out, 32, "%" PRId64 ".%" PRId64 " s", ms / 1000, ms % 1000 / 100);
    else
        (void)snprintf(out, 32, "%" PRId64 "m%02" PRId64 "s", ms / 60000, ms / 1000 % 60);
    return out;
}

void
slu_asking_done(slu_asking *a, const slu_message *done)
{
    if (a->args->json)
        slu_asking_json(a, json_pack("{s:s, s:s, s:s, s:s, s:I}", "job", done->job, "name", done->name, "state", done->state,
                                     "text", done->text, "duration_ms", (json_int_t)done->duration_ms));
    else
        slu_buf_printf(&a->out, "%s  %s: %s%s%s\n", done->job, done->name, done->state, done->text[0] == 0 ? "" : ": ", done->text);
}
