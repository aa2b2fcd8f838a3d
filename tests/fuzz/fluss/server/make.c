#include "make.h"

#include "unit/fluss/server/batches.h"

#include "fluss/record/kv_batch.h"
#include "fluss/wire/message.h"

#include <stdio.h>

#define DEPTH_MAX 6
#define COUNT_OF(a) ((uint32_t)(sizeof(a) / sizeof((a)[0])))

const char *const maker_databases[] = {"attack", "attack2", "fluss", "nowhere", "", "..", "a/b", "__internal", "x y"};
const char *const maker_tables[] = {"l",  "k",    "v",    "p",    "ik", "agg", "auto", "lake",
                                    "l2", "new1", "new2", "gone", "",   ".",   "../k", "t$lake"};

#define COLUMNS_ID_V                                                                                                               \
    "{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false}},{\"name\":\"v\",\"data_type\":{\"type\":\"STRING\"}" \
    "}"

const char *const maker_descriptors[] = {
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[" COLUMNS_ID_V "]},\"partition_key\":[],\"bucket_key\":[],"
    "\"bucket_count\":2,\"properties\":{},\"custom_properties\":{}}",
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[" COLUMNS_ID_V "],\"primary_key\":[\"id\"]},\"partition_key\":[],"
    "\"bucket_key\":[\"id\"],\"bucket_count\":2,\"properties\":{},\"custom_properties\":{}}",
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[" COLUMNS_ID_V "],\"primary_key\":[\"id\"]},\"partition_key\":[],"
    "\"bucket_key\":[\"id\"],\"bucket_count\":1,\"properties\":{\"table.merge-engine\":\"versioned\","
    "\"table.merge-engine.versioned.ver-column\":\"id\"},\"custom_properties\":{\"a\":\"b\"}}",
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[" COLUMNS_ID_V
    ",{\"name\":\"day\",\"data_type\":{\"type\":\"STRING\"}}]},"
    "\"partition_key\":[\"day\"],\"bucket_key\":[],\"bucket_count\":1,\"properties\":{},\"custom_properties\":{}}",
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[" COLUMNS_ID_V "],\"primary_key\":[\"id\"]},\"partition_key\":[],"
    "\"bucket_key\":[\"id\"],\"bucket_count\":1,\"properties\":{\"table.log.format\":\"INDEXED\",\"table.kv.format\":\"INDEXED\"},"
    "\"custom_properties\":{}}",
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"id\",\"data_type\":{\"type\":\"BIGINT\",\"nullable\":false}}"
    ","
    "{\"name\":\"n\",\"data_type\":{\"type\":\"BIGINT\"},\"agg_function\":\"sum\"}],\"primary_key\":[\"id\"]},\"partition_key\":[],"
    "\"bucket_key\":[\"id\"],\"bucket_count\":1,\"properties\":{\"table.merge-engine\":\"aggregation\"},\"custom_properties\":{}}",
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[" COLUMNS_ID_V
    ",{\"name\":\"day\",\"data_type\":{\"type\":\"STRING\"}}]},"
    "\"partition_key\":[\"day\"],\"bucket_key\":[],\"bucket_count\":1,\"properties\":{\"table.auto-partition.enabled\":\"true\","
    "\"table.auto-partition.time-unit\":\"DAY\",\"table.auto-partition.num-precreate\":\"2\"},\"custom_properties\":{}}",
    "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[" COLUMNS_ID_V "]},\"partition_key\":[],\"bucket_key\":[],"
    "\"bucket_count\":1,\"properties\":{\"table.datalake.enabled\":\"true\",\"table.datalake.freshness\":\"1s\"},"
    "\"custom_properties\":{}}",
    NULL,
};

static const char *const words[] = {
    "BIGINT",    "DECIMAL",   "ROW",        "ARRAY", "MAP",  "STRING", "\"nullable\":false",   "null", "true",
    "-1",        "0",         "2147483648", "[]",    "{}",   "\"\"",   "99999999999999999999", "1e9",  "\\u0000",
    "first_row", "COMPACTED", "ZSTD",       "1000",  "[[[[", "\"id\"", "\"precision\":77"};
static const char *const texts[] = {
    "",
    "1",
    "-1",
    "true",
    "30s",
    "iceberg",
    "20250101",
    "2025-01-01",
    "day",
    "zone=1",
    "User",
    "*",
    "\xff\xfe",
    "table.log.ttl",
    "table.datalake.enabled",
    "datalake.format",
    "kv.snapshot.interval",
    "SASL",
    "PLAIN",
    "/etc/passwd",
    "../../x",
    "a$b",
    "99999999999999999999",
    "very-long-name-very-long-name-very-long-name-"
    "very-long-name-very-long-name-very-long-name-very-long-name-very-long-name-very-long-name-very-long-name-"
    "very-long-name-very-long-name-very-long-name-very-long-name"};
static const int64_t numbers[] = {0,     1,  -1, 2,         3,         5,       7,         100,       1000,         65535,
                                  65536, -2, -3, INT32_MAX, INT32_MIN, 1 << 20, INT64_MAX, INT64_MIN, INT64_MAX - 1};

uint64_t
maker_random(maker *m)
{
    m->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = m->random;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t
maker_below(maker *m, uint32_t limit)
{
    return (uint32_t)(maker_random(m) % limit);
}

static bool
one_in(maker *m, uint32_t n)
{
    return maker_below(m, n) == 0;
}

void
maker_mutate(maker *m, slu_buf *bytes)
{
    for (uint32_t times = 1 + maker_below(m, 4); times > 0 && bytes->bytes > 0; times--) {
        const size_t at = maker_random(m) % bytes->bytes;
        const size_t run = 1 + maker_random(m) % (bytes->bytes - at < 16 ? bytes->bytes - at : 16);
        switch (maker_below(m, 5)) {
        case 0: bytes->data[at] ^= (uint8_t)(1u << maker_below(m, 8)); break;
        case 1: bytes->data[at] = (uint8_t)maker_random(m); break;
        case 2: bytes->bytes = one_in(m, 4) ? at : bytes->bytes; break;
        case 3:
            memmove(bytes->data + at, bytes->data + at + run, bytes->bytes - at - run);
            bytes->bytes -= run;
            break;
        default:
            if (slu_buf_reserve(bytes, run)) {
                memmove(bytes->data + at + run, bytes->data + at, bytes->bytes - at);
                bytes->bytes += run;
            }
        }
    }
}

/* ---- Records ---- */

static void
kv_make(maker *m, slu_buf *out)
{
    fluss_kv_writer w;
    fluss_kv_writer_begin(&w, out, one_in(m, 8) ? (int16_t)maker_below(m, 4) : 1, one_in(m, 2) ? -1 : (int64_t)maker_below(m, 40),
                          one_in(m, 2) ? -1 : (int32_t)maker_below(m, 4));
    for (uint32_t n = maker_below(m, 20); n > 0; n--) {
        uint8_t key[10];
        uint8_t row[64];
        slu_buf b;
        slu_buf_init(&b, 64);
        slu_buf_varint(&b, maker_below(m, 50));
        const size_t key_bytes = b.bytes;
        memcpy(key, b.data, key_bytes);
        slu_buf_reset(&b);
        slu_buf_u8(&b, one_in(m, 3) ? 2 : 0);
        slu_buf_append(&b, key, key_bytes);
        slu_buf_varint(&b, 3);
        slu_buf_text(&b, "abc");
        if (one_in(m, 10))
            maker_mutate(m, &b);
        const size_t row_bytes = b.bytes;
        memcpy(row, b.data, row_bytes);
        slu_buf_fini(&b);
        fluss_kv_writer_put(&w, slu_view_of(key, key_bytes), one_in(m, 5) ? slu_view_of(NULL, 0) : slu_view_of(row, row_bytes));
    }
    fluss_kv_writer_end(&w);
}

/* A damaged batch with a right CRC gets further than one without. */
static void
crc_mend(slu_buf *batch, bool kv)
{
    const size_t crc_at = kv ? 5 : 21;
    if (batch->bytes > crc_at + 4)
        slu_buf_patch_u32le(batch, crc_at, slu_crc32c(0, batch->data + crc_at + 4, batch->bytes - crc_at - 4));
}

void
maker_records(maker *m, slu_buf *out)
{
    const bool kv = one_in(m, 2);
    if (kv)
        kv_make(m, out);
    else
        batch_make(out, one_in(m, 2) ? -1 : (int64_t)maker_below(m, 40), one_in(m, 2) ? -1 : (int32_t)maker_below(m, 4),
                   (int32_t)maker_below(m, 9), maker_below(m, 300));
    if (!one_in(m, 3))
        return;
    maker_mutate(m, out);
    if (!one_in(m, 4))
        crc_mend(out, kv);
}

/* ---- Fields ---- */

static void
descriptor_make(maker *m, slu_buf *out)
{
    uint32_t count = 0;
    while (maker_descriptors[count] != NULL)
        count++;
    slu_buf_text(out, maker_descriptors[maker_below(m, count)]);
    for (uint32_t times = maker_below(m, 3); times > 0 && out->bytes > 0; times--) {
        const char *word = words[maker_below(m, COUNT_OF(words))];
        const size_t length = strlen(word);
        const size_t at = maker_random(m) % out->bytes;
        if (one_in(m, 2)) {
            maker_mutate(m, out);
        } else if (at + length < out->bytes) {
            /* In place of what begins behind a quote, colon or comma. */
            size_t from = at;
            while (from > 0 && strchr(":,[{", out->data[from - 1]) == NULL)
                from--;
            if (from + length < out->bytes)
                memcpy(out->data + from, word, length);
        }
    }
}

static bool
named(const char *name, const char *part)
{
    return strstr(name, part) != NULL;
}

static ProtobufCBinaryData
bytes_make(maker *m, const char *name)
{
    slu_buf b;
    slu_buf_init(&b, 1 << 20);
    if (named(name, "records"))
        maker_records(m, &b);
    else if (named(name, "json") && !one_in(m, 10))
        descriptor_make(m, &b);
    else if (named(name, "key"))
        slu_buf_varint(&b, maker_below(m, 60));
    else
        for (uint32_t n = maker_below(m, one_in(m, 10) ? 2000 : 20); n > 0; n--)
            slu_buf_u8(&b, (uint8_t)maker_random(m));
    uint8_t *copy = slu_arena_alloc(m->arena, b.bytes + 1);
    if (copy != NULL)
        memcpy(copy, b.data == NULL ? (const uint8_t *)"" : b.data, b.bytes);
    const ProtobufCBinaryData made = {copy == NULL ? 0 : b.bytes, copy};
    slu_buf_fini(&b);
    return made;
}

static char *
text_make(maker *m, const char *name)
{
    const char *text = texts[maker_below(m, COUNT_OF(texts))];
    if (named(name, "database") && !one_in(m, 12))
        text = maker_databases[one_in(m, 4) ? maker_below(m, COUNT_OF(maker_databases)) : 0];
    else if (named(name, "table") && !one_in(m, 12))
        text = maker_tables[maker_below(m, one_in(m, 4) ? COUNT_OF(maker_tables) : 11)];
    else if (named(name, "column") && !one_in(m, 3))
        text = one_in(m, 2) ? "id" : one_in(m, 2) ? "v" : "extra";
    return (char *)(uintptr_t)slu_arena_printf(m->arena, "%s", text);
}

static int64_t
number_make(maker *m, const char *name)
{
    if (named(name, "table_id") && m->table_count > 0 && !one_in(m, 20))
        return m->table_ids[maker_below(m, m->table_count)];
    if (named(name, "table_id"))
        return 1000000 + (int64_t)maker_below(m, 1000); /* never by chance a table that is not ours */
    if (named(name, "partition_id") && m->partition_count > 0 && !one_in(m, 4))
        return m->partition_ids[maker_below(m, m->partition_count)];
    if (named(name, "bucket_id") && !one_in(m, 10))
        return maker_below(m, 3);
    if (named(name, "wait") || named(name, "timeout"))
        return one_in(m, 20) ? numbers[maker_below(m, COUNT_OF(numbers))] : maker_below(m, 50);
    if (named(name, "offset") && one_in(m, 2))
        return maker_below(m, 200);
    if (named(name, "bytes") && one_in(m, 2))
        return 1 << maker_below(m, 24);
    return one_in(m, 6) ? (int64_t)maker_random(m) : numbers[maker_below(m, COUNT_OF(numbers))];
}

static ProtobufCMessage *message_make(maker *m, const ProtobufCMessageDescriptor *type, int depth);

static size_t
value_bytes(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return 8;
    case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    default: return 4;
    }
}

static void
value_make(maker *m, const ProtobufCFieldDescriptor *field, void *to, int depth)
{
    const int64_t number = number_make(m, field->name);
    const int32_t small = (int32_t)number;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: *(char **)to = text_make(m, field->name); break;
    case PROTOBUF_C_TYPE_BYTES: *(ProtobufCBinaryData *)to = bytes_make(m, field->name); break;
    case PROTOBUF_C_TYPE_MESSAGE: *(ProtobufCMessage **)to = message_make(m, field->descriptor, depth + 1); break;
    case PROTOBUF_C_TYPE_BOOL: *(protobuf_c_boolean *)to = (protobuf_c_boolean)(maker_random(m) & 1); break;
    default: memcpy(to, value_bytes(field->type) == 8 ? (const void *)&number : (const void *)&small, value_bytes(field->type));
    }
}

static void
repeated_make(maker *m, const ProtobufCFieldDescriptor *field, uint8_t *message, int depth)
{
    const uint32_t count = depth < 2 && one_in(m, 200) ? 2000 : one_in(m, 10) ? maker_below(m, 40) : maker_below(m, 4);
    const size_t bytes = value_bytes(field->type);
    uint8_t *values = slu_arena_alloc(m->arena, (count + 1) * bytes);
    if (values == NULL)
        return;
    for (uint32_t i = 0; i < count; i++)
        value_make(m, field, values + i * bytes, depth);
    *(size_t *)(void *)(message + field->quantifier_offset) = count;
    *(void **)(void *)(message + field->offset) = values;
}

static ProtobufCMessage *
message_make(maker *m, const ProtobufCMessageDescriptor *type, int depth)
{
    uint8_t *made = slu_arena_alloc(m->arena, type->sizeof_message);
    if (made == NULL)
        return NULL;
    protobuf_c_message_init(type, made);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        const bool pointer = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            if (depth < DEPTH_MAX)
                repeated_make(m, field, made, depth);
            continue;
        }
        if (field->label != PROTOBUF_C_LABEL_REQUIRED && (one_in(m, 2) || depth >= DEPTH_MAX))
            continue;
        value_make(m, field, made + field->offset, depth);
        if (field->label != PROTOBUF_C_LABEL_REQUIRED && !pointer)
            *(protobuf_c_boolean *)(void *)(made + field->quantifier_offset) = 1;
    }
    return (ProtobufCMessage *)(void *)made;
}

ProtobufCMessage *
maker_message(maker *m, const ProtobufCMessageDescriptor *type)
{
    return message_make(m, type, 0);
}
