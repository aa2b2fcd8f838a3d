/* face.c: see face.h. */
#include "face.h"

#include "base/host_env.h"
#include "fluss/s3/fluss_s3.h"

#include <stdio.h>

/* "database.table"; the names of both hold no dot. */
static slu_status
name_split(fluss_face *face, const face_options *options, const slu_value *with, slu_error *err)
{
    const char *dot = strchr(options->table, '.');
    const size_t database_bytes = dot == NULL ? 0 : (size_t)(dot - options->table);
    if (database_bytes == 0 || dot[1] == 0 || strchr(dot + 1, '.') != NULL || database_bytes >= sizeof face->database ||
        strlen(dot + 1) >= sizeof face->table)
        return slu_error_at(err, SLU_INVALID, slu_value_get(with, "table"), 0, "table: \"%s\" is not of the form database.table",
                            options->table);
    memcpy(face->database, options->table, database_bytes);
    (void)snprintf(face->table, sizeof face->table, "%s", dot + 1);
    return SLU_OK;
}

static slu_status
client_start(fluss_face *face, const face_options *options, bool watch, slu_error *err)
{
    fluss_client_options client = {.bootstrap_servers = options->bootstrap_servers,
                                   .request_timeout_ms = options->request_timeout_ms,
                                   .login = options->login,
                                   .files = options->files};
    client.files.open = fluss_s3_open;
    SLU_TRY(fluss_client_open(&face->env, &client, &face->client, err));
    SLU_TRY(fluss_target_open(face->client, face->database, face->table, &face->target, err));
    if (!watch)
        return SLU_OK;
    SLU_TRY(face->host->watch(face->host, fluss_client_fd(face->client), SLU_IO_READ, FACE_COOKIE, err));
    face->watched = true;
    face_arm(face);
    return SLU_OK;
}

slu_status
face_open(fluss_face *face, slu_host *host, const face_options *options, const slu_value *with, bool watch, slu_error *err)
{
    face->host = host;
    slu_env_init_host(&face->env, host);
    SLU_TRY(name_split(face, options, with, err));
    const slu_status status = client_start(face, options, watch, err);
    if (status != SLU_OK)
        face_close(face);
    return status < 0 ? slu_error_in(err, status, "table %s", options->table) : status;
}

void
face_close(fluss_face *face)
{
    if (face->watched && face->host->watch(face->host, fluss_client_fd(face->client), 0, FACE_COOKIE, NULL) != SLU_OK)
        face->host->log(face->host, SLU_HOST_LOG_WARN, "FLUSS-WATCH", "the descriptor of the Fluss client could not be forgotten");
    face->watched = false;
    fluss_target_close(&face->target);
    fluss_client_close(&face->client);
}

slu_status
face_wait(fluss_face *face, slu_error *err)
{
    SLU_TRY(fluss_target_wait(face->target, FACE_WAIT_MS, err)); /* it names the table */
    return face_check(face, err);
}

void
face_step(fluss_face *face)
{
    fluss_client_step(face->client, 0);
}

#define ARM_ROUNDS_MAX 4

void
face_arm_at(fluss_face *face, int64_t at_ms)
{
    int timeout_ms = 0;
    for (int round = 0; round < ARM_ROUNDS_MAX && timeout_ms == 0; round++) {
        face_step(face);
        timeout_ms = fluss_client_timeout_ms(face->client);
    }
    const int64_t own_ms = timeout_ms < 0 ? INT64_MAX : face->host->now_ms(face->host) + timeout_ms;
    face->host->deadline(face->host, own_ms < at_ms ? own_ms : at_ms);
}

void
face_arm(fluss_face *face)
{
    face_arm_at(face, INT64_MAX);
}

slu_status
face_check(const fluss_face *face, slu_error *err)
{
    const fluss_table *table = fluss_target_table(face->target);
    if (table->bucket_count < 1)
        return slu_error_set(err, SLU_CORRUPT, "table %s.%s has %d buckets", face->database, face->table, table->bucket_count);
    return SLU_OK;
}

slu_status
face_column(const fluss_face *face, const char *name, const slu_value *item, int32_t *out, slu_error *err)
{
    const fluss_schema *schema = &fluss_target_table(face->target)->descriptor->schema;
    char names[400];
    size_t at = 0;
    *out = fluss_schema_find(schema, name);
    if (*out >= 0)
        return SLU_OK;
    names[0] = 0;
    for (size_t i = 0; i < schema->column_count && at < sizeof names - 1; i++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i == 0 ? "" : ", ", schema->columns[i].name);
    return slu_error_at(err, SLU_INVALID, item, 0, "table %s.%s has no column %s; it has %s", face->database, face->table, name,
                        names);
}

bool
face_formats_match(const char *from, const char *to)
{
    const slu_type a = slu_type_of(from);
    const slu_type b = slu_type_of(to);
    if (a.id == SLU_TYPE_OTHER || a.id != b.id || a.width_bytes != b.width_bytes)
        return false;
    if (a.id == SLU_TYPE_DECIMAL)
        return a.scale == b.scale && a.precision <= b.precision;
    return a.id == SLU_TYPE_TIME || a.id == SLU_TYPE_TIMESTAMP ? a.precision == b.precision : true;
}
