/*
 * fluss_lookup.c: rows of a primary key table by their whole key, for lookup_join and whoever else asks the host for a lookup.
 */
#include "face.h"

#include "base/alloc.h"
#include "fluss/client/lookup.h"

#include <stdio.h>

typedef struct lookup_options {
    face_options face;
} lookup_options;

static const slu_option options_table[] = {
    FACE_OPTIONS(lookup_options),
};

#define QUEUE_MAX FLUSS_LOOKUP_FLIGHT_MAX

/* Keys that came before the table was open. */
typedef struct queued {
    uint64_t token;
    const slu_batch *keys;
} queued;

typedef struct lookup {
    fluss_face face;
    const lookup_options *options;
    fluss_lookup *client; /* once the table is open */
    int32_t *columns;     /* position in the table of each wanted column */
    uint32_t column_count;
    const struct ArrowSchema *wanted;
    queued queue[QUEUE_MAX];
    uint32_t queue_count;
} lookup;

/* ---- Planning ---- */

static bool
names_key(const fluss_table *table, const char *name)
{
    const fluss_schema *schema = &table->descriptor->schema;
    for (size_t i = 0; i < schema->primary_key_count; i++)
        if (strcmp(schema->columns[schema->primary_key[i]].name, name) == 0)
            return true;
    return false;
}

static void
key_names(const fluss_table *table, char *out, size_t room)
{
    const fluss_schema *schema = &table->descriptor->schema;
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < schema->primary_key_count && at < room - 1; i++)
        at += (size_t)snprintf(out + at, room - at, "%s%s", i == 0 ? "" : ", ", schema->columns[schema->primary_key[i]].name);
}

/* The keys must be the primary key, all of it. */
static slu_status
keys_check(const fluss_face *face, const struct ArrowSchema *keys, slu_error *err)
{
    const fluss_table *table = fluss_target_table(face->target);
    const fluss_schema *schema = &table->descriptor->schema;
    char wanted[300];
    key_names(table, wanted, sizeof wanted);
    if (schema->primary_key_count == 0)
        return slu_error_set(err, SLU_INVALID, "table %s.%s has no primary key, so it cannot be looked up", face->database,
                             face->table);
    for (int64_t i = 0; i < keys->n_children; i++) {
        const struct ArrowSchema *key = keys->children[i];
        const int32_t at = fluss_schema_find(schema, key->name);
        if (at < 0 || !names_key(table, key->name))
            return slu_error_set(err, SLU_INVALID, "%s is not a key column of table %s.%s; its primary key is (%s)", key->name,
                                 face->database, face->table, wanted);
        if (!face_formats_match(key->format, table->arrow.children[at]->format))
            return slu_error_set(err, SLU_INVALID, "key column %s of table %s.%s has format %s, the rows have %s", key->name,
                                 face->database, face->table, table->arrow.children[at]->format, key->format);
    }
    if ((size_t)keys->n_children != schema->primary_key_count)
        return slu_error_set(err, SLU_UNSUPPORTED, "table %s.%s is looked up by its whole primary key (%s)", face->database,
                             face->table, wanted);
    return SLU_OK;
}

static slu_status
lookup_plan_open(fluss_face *face, slu_plan_call *call, slu_error *err)
{
    SLU_TRY(face_wait(face, err));
    SLU_TRY(keys_check(face, call->inputs[0], err));
    return slu_schema_copy(&fluss_target_table(face->target)->arrow, call->outputs, err);
}

static slu_status
lookup_plan(slu_plan_call *call, slu_error *err)
{
    const lookup_options *options = call->options;
    fluss_face face = {0};
    SLU_TRY(face_open(&face, call->host, &options->face, call->with, false, err));
    const slu_status status = lookup_plan_open(&face, call, err);
    face_close(&face);
    return status;
}

/* ---- Running ---- */

static slu_status
lookup_open(void *self, const slu_open *open, slu_error *err)
{
    lookup *mine = self;
    mine->options = open->options;
    mine->wanted = open->outputs[0];
    return face_open(&mine->face, open->host, &mine->options->face, open->with, true, err);
}

/* ---- The wanted columns out of a whole row ---- */

static void
picked_release(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release != NULL)
            array->children[i]->release(array->children[i]);
    slu_free(array->private_data);
    array->release = NULL;
}

typedef struct picked {
    const void *no_validity[1];
    struct ArrowArray *children[SLU_COLUMNS_MAX];
    struct ArrowArray arrays[];
} picked;

/* Moves the wanted children out of `whole`, which is released. A column wanted twice cannot be (the join refuses it). */
static slu_status
columns_pick(const lookup *mine, struct ArrowArray *whole, struct ArrowArray *out, slu_error *err)
{
    picked *memory = slu_alloc_zero(1, sizeof *memory + mine->column_count * sizeof memory->arrays[0]);
    if (memory == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for an answer");
    for (uint32_t i = 0; i < mine->column_count; i++) {
        memory->arrays[i] = *whole->children[mine->columns[i]];
        whole->children[mine->columns[i]]->release = NULL;
        memory->children[i] = &memory->arrays[i];
    }
    *out = (struct ArrowArray){.length = whole->length,
                               .n_buffers = 1,
                               .buffers = memory->no_validity,
                               .n_children = mine->column_count,
                               .children = memory->children,
                               .release = picked_release,
                               .private_data = memory};
    slu_array_release(whole);
    return SLU_OK;
}

static void
lookup_done(void *context, uint64_t token, struct ArrowArray *values, const uint8_t *found, const slu_error *failure)
{
    lookup *mine = context;
    slu_host *host = mine->face.host;
    slu_error err = {0};
    struct ArrowArray answer = {0};
    if (failure == NULL && columns_pick(mine, values, &answer, &err) != SLU_OK)
        failure = &err;
    if (values != NULL)
        slu_array_release(values);
    if (host->lookup_answer(host, token, failure == NULL ? &answer : NULL, found, failure) != SLU_OK)
        host->log(host, SLU_HOST_LOG_WARN, "FLUSS-LOOKUP", "an answer found nobody who asked for it");
    slu_array_release(&answer);
}

/* The table has just been opened. */
static slu_status
client_start(lookup *mine, slu_error *err)
{
    SLU_TRY(face_check(&mine->face, err));
    mine->column_count = (uint32_t)mine->wanted->n_children;
    mine->columns = slu_alloc((mine->column_count + 1) * sizeof *mine->columns);
    if (mine->columns == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for %u columns", mine->column_count);
    for (uint32_t i = 0; i < mine->column_count; i++)
        SLU_TRY(face_column(&mine->face, mine->wanted->children[i]->name, NULL, &mine->columns[i], err));
    return fluss_lookup_open(mine->face.target, lookup_done, mine, &mine->client, err);
}

/* Opens the lookup once the table is open; AGAIN until then. */
static slu_status
lookup_start(lookup *mine, slu_error *err)
{
    if (mine->client != NULL)
        return SLU_OK;
    SLU_TRY(fluss_target_poll(mine->face.target, err));
    return client_start(mine, err);
}

static slu_status
queue_push(lookup *mine, uint64_t token, const slu_batch *keys)
{
    if (mine->queue_count == QUEUE_MAX)
        return SLU_AGAIN;
    mine->queue[mine->queue_count++] = (queued){token, mine->face.host->batch_ref(mine->face.host, keys)};
    return SLU_OK;
}

static slu_status
keys_send(lookup *mine, uint64_t token, const slu_batch *keys, slu_error *err)
{
    return fluss_lookup_submit(mine->client, token, keys->schema, keys->array, keys->selection, keys->rows, err);
}

static slu_status
lookup_submit(void *self, uint64_t token, const slu_batch *keys, slu_error *err)
{
    lookup *mine = self;
    slu_status status = lookup_start(mine, err);
    if (status == SLU_AGAIN || mine->queue_count > 0)
        status = queue_push(mine, token, keys);
    else if (status == SLU_OK)
        status = keys_send(mine, token, keys, err);
    /* Without stepping: an answer may not come from inside submit. What was asked goes out at the deadline, which is now. */
    mine->face.host->deadline(mine->face.host, mine->face.host->now_ms(mine->face.host));
    return status;
}

/* Sends what waited for the table, or answers it with the table's failure. */
static void
queue_send(lookup *mine)
{
    slu_host *host = mine->face.host;
    slu_error err = {0};
    const slu_status started = lookup_start(mine, &err);
    if (started == SLU_AGAIN)
        return;
    for (uint32_t i = 0; i < mine->queue_count; i++) {
        const slu_status status = started == SLU_OK ? keys_send(mine, mine->queue[i].token, mine->queue[i].keys, &err) : started;
        if (status != SLU_OK)
            lookup_done(mine, mine->queue[i].token, NULL, NULL, &err);
        host->batch_unref(host, &mine->queue[i].keys);
    }
    mine->queue_count = 0;
}

static slu_status
lookup_ready(void *self, uint64_t cookie, uint32_t events, slu_error *err)
{
    lookup *mine = self;
    (void)cookie;
    (void)events;
    (void)err;
    face_step(&mine->face);
    if (mine->queue_count > 0)
        queue_send(mine);
    face_arm(&mine->face);
    return SLU_OK;
}

static void
lookup_close(void *self)
{
    lookup *mine = self;
    for (uint32_t i = 0; i < mine->queue_count; i++)
        mine->face.host->batch_unref(mine->face.host, &mine->queue[i].keys);
    mine->queue_count = 0;
    fluss_lookup_close(&mine->client);
    face_close(&mine->face);
    slu_free(mine->columns);
    mine->columns = NULL;
}

static const slu_lookup_ops ops = {
    .size = sizeof ops,
    .open = lookup_open,
    .submit = lookup_submit,
    .ready = lookup_ready,
    .close = lookup_close,
};

const slu_plugin fluss_lookup_plugin = {
    .size = sizeof fluss_lookup_plugin,
    .kind = SLU_KIND_LOOKUP,
    .name = "fluss_lookup",
    .help = "Looks rows of a Fluss primary key table up by their key.",
    .options = options_table,
    .option_count = sizeof options_table / sizeof options_table[0],
    .options_bytes = sizeof(lookup_options),
    .instance_bytes = sizeof(lookup),
    .state_version = 1,
    .plan = lookup_plan,
    .ops = &ops,
};
