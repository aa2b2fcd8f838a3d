/* our_driver.c: our own client as a driver (PROTOCOL.md): JSON lines in, JSON lines out. */
#include "values.h"

#include "base/env.h"
#include "fluss/client/admin.h"
#include "fluss/client/few_rows.h"
#include "fluss/client/lookup.h"
#include "fluss/client/scanner.h"
#include "fluss/client/writer.h"
#include "fluss/record/key.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATABASE "interop"
#define WAIT_MS 20000
#define SERVERS_MAX 16
#define TABLES_MAX 1024
#define BUCKETS_MAX 64

typedef struct server {
    char address[64];
    fluss_client *client;
} server;

typedef struct opened {
    server *at;
    char name[128];
    fluss_target *target;
} opened;

static slu_env env;
static server servers[SERVERS_MAX];
static opened tables[TABLES_MAX];

static const char *
text_of(const json_t *request, const char *key)
{
    const json_t *value = json_object_get(request, key);
    return json_is_string(value) ? json_string_value(value) : "";
}

static slu_status
server_of(const json_t *request, server **out, slu_error *err)
{
    const char *address = text_of(request, "at");
    for (int i = 0; i < SERVERS_MAX; i++) {
        server *of = &servers[i];
        if (of->client == NULL) {
            (void)snprintf(of->address, sizeof of->address, "%s", address);
            SLU_TRY(fluss_client_open(&env, &(fluss_client_options){.bootstrap_servers = of->address}, &of->client, err));
        }
        if (strcmp(of->address, address) == 0) {
            *out = of;
            return SLU_OK;
        }
    }
    return slu_error_set(err, SLU_LIMIT, "more than %d servers", SERVERS_MAX);
}

static slu_status
table_of(const json_t *request, fluss_target **out, slu_error *err)
{
    server *at = NULL;
    SLU_TRY(server_of(request, &at, err));
    const char *name = text_of(request, "table");
    for (int i = 0; i < TABLES_MAX; i++) {
        opened *of = &tables[i];
        if (of->at == NULL) {
            SLU_TRY(fluss_target_open(at->client, DATABASE, name, out, err));
            const slu_status status = fluss_target_wait(*out, WAIT_MS, err);
            if (status != SLU_OK) {
                fluss_target_close(out);
                return status;
            }
            *of = (opened){.at = at, .target = *out};
            (void)snprintf(of->name, sizeof of->name, "%s", name);
            return SLU_OK;
        }
        if (of->at == at && strcmp(of->name, name) == 0) {
            *out = of->target;
            return SLU_OK;
        }
    }
    return slu_error_set(err, SLU_LIMIT, "more than %d tables", TABLES_MAX);
}

/* ---- Tables ---- */

static slu_status
create(const json_t *request, json_t **out, slu_error *err)
{
    server *at = NULL;
    SLU_TRY(server_of(request, &at, err));
    SLU_TRY(fluss_admin_create_database(at->client, DATABASE, true, err));
    char *json = json_dumps(json_object_get(request, "descriptor"), JSON_COMPACT);
    const slu_status status =
        fluss_admin_create_table(at->client, DATABASE, text_of(request, "table"), slu_view_of_text(json), false, err);
    free(json);
    *out = json_true();
    return status;
}

static slu_status
drop(const json_t *request, json_t **out, slu_error *err)
{
    server *at = NULL;
    SLU_TRY(server_of(request, &at, err));
    *out = json_true();
    return fluss_admin_drop_table(at->client, DATABASE, text_of(request, "table"), true, err);
}

static slu_status
make_partition(const json_t *request, json_t **out, slu_error *err)
{
    const char *keys[FLUSS_SPEC_KEYS_MAX], *values[FLUSS_SPEC_KEYS_MAX];
    fluss_spec spec = {.keys = keys, .values = values};
    server *at = NULL;
    const char *key;
    json_t *value;
    SLU_TRY(server_of(request, &at, err));
    json_object_foreach(json_object_get(request, "spec"), key, value)
    {
        keys[spec.count] = key;
        values[spec.count++] = json_string_value(value);
    }
    *out = json_true();
    return fluss_admin_create_partition(at->client, DATABASE, text_of(request, "table"), &spec, true, err);
}

/* The slot of the request's partition, ready; 0 for a table without partitions. */
static slu_status
slot_of(fluss_target *target, const json_t *request, int32_t *out, slu_error *err)
{
    *out = 0;
    if (!fluss_target_partitioned(target))
        return SLU_OK;
    SLU_TRY(fluss_target_slot_named(target, text_of(request, "partition"), -1, out, err));
    for (int i = 0; i < WAIT_MS / 20; i++) {
        const slu_status status = fluss_target_slot_ready(target, *out, false, err);
        if (status != SLU_AGAIN)
            return status;
        fluss_client_step(fluss_target_client(target), 20);
    }
    return slu_error_set(err, SLU_TIMEOUT, "no word of partition %s", text_of(request, "partition"));
}

static slu_status
offsets(const json_t *request, json_t **out, slu_error *err)
{
    fluss_target *target = NULL;
    int32_t slot;
    int64_t found[BUCKETS_MAX];
    const json_t *spec = json_object_get(request, "spec");
    SLU_TRY(table_of(request, &target, err));
    SLU_TRY(slot_of(target, request, &slot, err));
    const fluss_table *table = fluss_target_table(target);
    const int32_t type = json_is_integer(spec)                              ? FLUSS_OFFSETS_TIMESTAMP
                         : strcmp(json_string_value(spec), "earliest") == 0 ? FLUSS_OFFSETS_EARLIEST
                                                                            : FLUSS_OFFSETS_LATEST;
    SLU_TRY(fluss_admin_list_offsets(fluss_target_client(target), table->table_id,
                                     fluss_target_partition_id(target, slot * table->bucket_count), type, json_integer_value(spec),
                                     fluss_target_slot_leaders(target, slot), table->bucket_count, found, err));
    *out = json_object();
    for (int32_t bucket = 0; bucket < table->bucket_count; bucket++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%" PRId32, bucket);
        (void)json_object_set_new(*out, key, json_integer(found[bucket]));
    }
    return SLU_OK;
}

/* ---- Writing ---- */

/* The fields of some columns, in the wanted order, as a schema that borrows. */
typedef struct picked {
    struct ArrowSchema schema;
    struct ArrowSchema *children[256];
    int32_t positions[256];
} picked;

static slu_status
pick(picked *of, const fluss_table *table, const int32_t *positions, size_t count)
{
    *of = (picked){.schema = {.format = "+s", .name = "", .n_children = (int64_t)count, .children = of->children}};
    for (size_t i = 0; i < count; i++) {
        of->positions[i] = positions[i];
        of->children[i] = table->arrow.children[positions[i]];
    }
    return SLU_OK;
}

static slu_status
pick_named(picked *of, const fluss_table *table, const json_t *names, slu_error *err)
{
    int32_t positions[256];
    size_t i;
    const json_t *name;
    json_array_foreach(names, i, name)
    {
        positions[i] = fluss_schema_find(&table->descriptor->schema, json_string_value(name));
        if (positions[i] < 0)
            return slu_error_set(err, SLU_NOTFOUND, "no column %s", json_string_value(name));
    }
    return pick(of, table, positions, json_array_size(names));
}

static slu_status
writer_ready(fluss_client *client, fluss_writer *writer, slu_error *err)
{
    for (int i = 0; i < WAIT_MS / 20; i++) {
        const slu_status status = fluss_writer_poll(writer, err);
        if (status != SLU_AGAIN)
            return status;
        fluss_client_step(client, 20);
    }
    return slu_error_set(err, SLU_TIMEOUT, "no writer id");
}

/* The bucket number of each row: its bucket within its partition. */
static slu_status
bucket_numbers(fluss_target *target, const struct ArrowSchema *schema, const struct ArrowArray *array, int32_t *slots,
               int32_t *buckets, slu_error *err)
{
    const fluss_table *table = fluss_target_table(target);
    if (table->bucket_column_count != 0)
        SLU_TRY(fluss_table_buckets(table, schema, array, NULL, array->length, buckets, err));
    SLU_TRY(fluss_target_slots(target, schema, array, NULL, array->length, slots, err));
    for (int64_t i = 0; i < array->length; i++)
        buckets[i] += slots[i] * table->bucket_count;
    return SLU_OK;
}

static slu_status
write_batch(fluss_client *client, fluss_writer *writer, int32_t bucket, const struct ArrowSchema *schema,
            const struct ArrowArray *array, const int32_t *selection, int64_t rows, const uint8_t *kinds, slu_error *err)
{
    for (int i = 0; i < WAIT_MS / 20; i++) {
        const slu_status status = fluss_writer_write(writer, bucket, schema, array, selection, rows, kinds, err);
        if (status != SLU_AGAIN)
            return status;
        fluss_client_step(client, 20);
    }
    return slu_error_set(err, SLU_TIMEOUT, "a full writer");
}

/* One batch of each bucket. */
static slu_status
write_buckets(fluss_target *target, fluss_writer *writer, const struct ArrowSchema *schema, const struct ArrowArray *array,
              const uint8_t *kinds, slu_error *err)
{
    const size_t rows = (size_t)array->length;
    int32_t *slots = calloc(rows + 1, sizeof *slots), *buckets = calloc(rows + 1, sizeof *buckets);
    int32_t *selection = calloc(rows + 1, sizeof *selection);
    slu_status status = bucket_numbers(target, schema, array, slots, buckets, err);
    for (int32_t bucket = 0; status == SLU_OK && bucket < fluss_target_bucket_numbers(target); bucket++) {
        int64_t selected = 0;
        for (size_t i = 0; i < rows; i++)
            if (buckets[i] == bucket)
                selection[selected++] = (int32_t)i;
        if (selected > 0)
            status = write_batch(fluss_target_client(target), writer, bucket, schema, array, selection, selected, kinds, err);
    }
    free(slots);
    free(buckets);
    free(selection);
    return status;
}

/* `partial`: only these columns, as a partial update. */
static slu_status
write_rows(const json_t *request, picked *partial, bool deletes, json_t **out, slu_error *err)
{
    fluss_target *target = NULL;
    fluss_writer *writer = NULL;
    fluss_writer_options options = {0};
    struct ArrowArray array = {0};
    SLU_TRY(table_of(request, &target, err));
    const fluss_table *table = fluss_target_table(target);
    const struct ArrowSchema *schema = partial != NULL ? &partial->schema : &table->arrow;
    if (partial != NULL) {
        options.target_columns = partial->positions;
        options.target_column_count = (uint32_t)partial->schema.n_children;
    }
    SLU_TRY(fluss_writer_open(target, &options, &writer, err));
    values_rows_to_arrow(schema, json_object_get(request, "rows"), &array);
    uint8_t *kinds = deletes ? malloc((size_t)array.length + 1) : NULL;
    if (kinds != NULL)
        memset(kinds, SLU_ROW_DELETE, (size_t)array.length);
    slu_status status = writer_ready(fluss_target_client(target), writer, err);
    if (status == SLU_OK)
        status = write_buckets(target, writer, schema, &array, kinds, err);
    if (status == SLU_OK)
        status = fluss_writer_wait(writer, WAIT_MS, err);
    fluss_writer_close(&writer);
    slu_array_release(&array);
    free(kinds);
    *out = json_true();
    return status;
}

static slu_status
partial(const json_t *request, json_t **out, slu_error *err)
{
    fluss_target *target = NULL;
    picked columns;
    SLU_TRY(table_of(request, &target, err));
    SLU_TRY(pick_named(&columns, fluss_target_table(target), json_object_get(request, "columns"), err));
    return write_rows(request, &columns, false, out, err);
}

/* ---- Reading ---- */

static const char *const kind_names[] = {"+A", "+I", "-U", "+U", "-D"};

static slu_status
scan_all(fluss_client *client, fluss_scanner *scanner, int32_t first_bucket, json_t *rows, slu_error *err)
{
    const int64_t deadline = slu_now_ms(&env) + WAIT_MS;
    while (slu_now_ms(&env) < deadline) {
        fluss_scan_batch batch;
        const slu_status status = fluss_scanner_poll(scanner, &batch, err);
        if (status == SLU_END)
            return SLU_OK;
        if (status == SLU_AGAIN) {
            fluss_client_step(client, 20);
            continue;
        }
        SLU_TRY(status);
        for (int64_t row = batch.first; row < batch.first + batch.count; row++)
            (void)json_array_append_new(rows,
                                        json_pack("[i,I,s,o]", batch.bucket - first_bucket, (json_int_t)(batch.base_offset + row),
                                                  kind_names[batch.kinds == NULL ? 0 : batch.kinds[row]],
                                                  values_from_arrow(fluss_scanner_schema(scanner), &batch.array, row)));
        fluss_scan_batch_fini(&batch);
    }
    return SLU_OK; /* what came: the other side says that it is short */
}

static slu_status
scan(const json_t *request, json_t **out, slu_error *err)
{
    fluss_target *target = NULL;
    fluss_scanner *scanner = NULL;
    fluss_scanner_options options = {0};
    picked columns;
    int32_t slot;
    SLU_TRY(table_of(request, &target, err));
    SLU_TRY(slot_of(target, request, &slot, err));
    const int32_t first_bucket = slot * fluss_target_table(target)->bucket_count;
    if (json_is_array(json_object_get(request, "columns"))) {
        SLU_TRY(pick_named(&columns, fluss_target_table(target), json_object_get(request, "columns"), err));
        options.columns = columns.positions;
        options.column_count = (uint32_t)columns.schema.n_children;
    }
    SLU_TRY(fluss_scanner_open(target, &options, &scanner, err));
    const char *bucket;
    json_t *end;
    slu_status status = SLU_OK;
    json_object_foreach(json_object_get(request, "until"), bucket, end)
    {
        const int64_t from = json_integer_value(json_object_get(json_object_get(request, "from"), bucket));
        if (status == SLU_OK && json_integer_value(end) > from)
            status = fluss_scanner_add(scanner, first_bucket + atoi(bucket), from, json_integer_value(end), err);
    }
    *out = json_array();
    if (status == SLU_OK)
        status = scan_all(fluss_target_client(target), scanner, first_bucket, *out, err);
    fluss_scanner_close(&scanner);
    return status;
}

typedef struct lookup_answer {
    bool done;
    const struct ArrowSchema *schema;
    json_t *rows;
    slu_error failure;
} lookup_answer;

static void
looked_up(void *context, uint64_t token, struct ArrowArray *values, const uint8_t *found, const slu_error *failure)
{
    lookup_answer *answer = context;
    (void)token;
    answer->done = true;
    if (failure != NULL) {
        answer->failure = *failure;
        return;
    }
    for (int64_t i = 0; i < values->length; i++)
        (void)json_array_append_new(answer->rows, found[i] ? values_from_arrow(answer->schema, values, i) : json_null());
    slu_array_release(values);
}

static slu_status
lookup(const json_t *request, json_t **out, slu_error *err)
{
    fluss_target *target = NULL;
    fluss_lookup *of = NULL;
    picked keys;
    int32_t positions[256];
    struct ArrowArray array = {0};
    SLU_TRY(table_of(request, &target, err));
    const fluss_table *table = fluss_target_table(target);
    const fluss_schema *schema = &table->descriptor->schema;
    for (size_t i = 0; i < schema->primary_key_count; i++)
        positions[i] = schema->primary_key[i];
    SLU_TRY(pick(&keys, table, positions, schema->primary_key_count));
    *out = json_array();
    lookup_answer answer = {.schema = &table->arrow, .rows = *out};
    SLU_TRY(fluss_lookup_open(target, looked_up, &answer, &of, err));
    values_rows_to_arrow(&keys.schema, json_object_get(request, "keys"), &array);
    slu_status status = fluss_lookup_submit(of, 0, &keys.schema, &array, NULL, array.length, err);
    if (status == SLU_OK)
        status = fluss_client_wait(fluss_target_client(target), &answer.done, WAIT_MS, "a lookup", err);
    if (status == SLU_OK && answer.failure.status != SLU_OK) {
        *err = answer.failure;
        status = answer.failure.status;
    }
    fluss_lookup_close(&of);
    slu_array_release(&array);
    return status;
}

/* What few_rows.h finds, as JSON. */
typedef struct few {
    const struct ArrowSchema *schema;
    json_t *rows;
} few;

static void
few_found(void *context, const struct ArrowArray *array, int64_t first, int64_t count)
{
    const few *to = context;
    for (int64_t row = first; row < first + count; row++)
        (void)json_array_append_new(to->rows, values_from_arrow(to->schema, array, row));
}

static slu_status
limit_scan(const json_t *request, json_t **out, slu_error *err)
{
    fluss_target *target = NULL;
    int32_t slot;
    SLU_TRY(table_of(request, &target, err));
    SLU_TRY(slot_of(target, request, &slot, err));
    const fluss_table *table = fluss_target_table(target);
    const int32_t bucket = slot * table->bucket_count + (int32_t)json_integer_value(json_object_get(request, "bucket"));
    *out = json_array();
    return fluss_limit_scan(target, bucket, (int32_t)json_integer_value(json_object_get(request, "limit")), few_found,
                            &(few){&table->arrow, *out}, err);
}

static slu_status
prefix(const json_t *request, json_t **out, slu_error *err)
{
    fluss_target *target = NULL;
    picked columns;
    struct ArrowArray keys = {0};
    SLU_TRY(table_of(request, &target, err));
    const fluss_table *table = fluss_target_table(target);
    SLU_TRY(pick_named(&columns, table, json_object_get(request, "columns"), err));
    values_rows_to_arrow(&columns.schema, json_object_get(request, "keys"), &keys);
    *out = json_array();
    slu_status status = SLU_OK;
    for (int32_t row = 0; status == SLU_OK && row < keys.length; row++) {
        json_t *rows = json_array();
        status = fluss_prefix_lookup(target, &columns.schema, &keys, row, few_found, &(few){&table->arrow, rows}, err);
        (void)json_array_append_new(*out, rows);
    }
    slu_array_release(&keys);
    return status;
}

/* ---- Lines ---- */

static slu_status
answer_to(const json_t *request, json_t **out, slu_error *err)
{
    const char *verb = text_of(request, "do");
    if (strcmp(verb, "create") == 0)
        return create(request, out, err);
    if (strcmp(verb, "drop") == 0)
        return drop(request, out, err);
    if (strcmp(verb, "partition") == 0)
        return make_partition(request, out, err);
    if (strcmp(verb, "append") == 0 || strcmp(verb, "upsert") == 0)
        return write_rows(request, NULL, false, out, err);
    if (strcmp(verb, "delete") == 0)
        return write_rows(request, NULL, true, out, err);
    if (strcmp(verb, "partial") == 0)
        return partial(request, out, err);
    if (strcmp(verb, "scan") == 0)
        return scan(request, out, err);
    if (strcmp(verb, "lookup") == 0)
        return lookup(request, out, err);
    if (strcmp(verb, "limit") == 0)
        return limit_scan(request, out, err);
    if (strcmp(verb, "prefix") == 0)
        return prefix(request, out, err);
    if (strcmp(verb, "offsets") == 0)
        return offsets(request, out, err);
    return slu_error_set(err, SLU_UNSUPPORTED, "our client has no %s", verb);
}

int
main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    slu_env_init_system(&env, getenv("SLUICE_DEBUG") != NULL ? SLU_LOG_DEBUG : SLU_LOG_WARN);
    while (getline(&line, &capacity, stdin) > 0) {
        slu_error err = {0};
        json_error_t bad;
        json_t *result = NULL;
        json_t *request = json_loads(line, JSON_ALLOW_NUL, &bad);
        const slu_status status =
            request == NULL ? slu_error_set(&err, SLU_INVALID, "%s", bad.text) : answer_to(request, &result, &err);
        json_t *answer = json_object();
        (void)json_object_set_new(answer, status == SLU_OK ? "ok" : "error", status == SLU_OK ? result : json_string(err.message));
        (void)json_dumpf(answer, stdout, JSON_COMPACT);
        (void)puts("");
        (void)fflush(stdout);
        json_decref(answer);
        json_decref(request);
    }
    free(line);
    for (int i = 0; i < TABLES_MAX; i++)
        fluss_target_close(&tables[i].target);
    for (int i = 0; i < SERVERS_MAX; i++)
        fluss_client_close(&servers[i].client);
    return 0;
}
