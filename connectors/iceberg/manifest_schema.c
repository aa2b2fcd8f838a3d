#include "iceberg/manifest_schema.h"

static void
field(slu_buf *out, bool first, const char *name, int32_t id, const char *type)
{
    slu_buf_printf(out, "%s{\"name\":\"%s\",\"type\":%s,\"field-id\":%d}", first ? "" : ",", name, type, (int)id);
}

static void
optional(slu_buf *out, const char *name, int32_t id, const char *type)
{
    slu_buf_printf(out, ",{\"name\":\"%s\",\"type\":[\"null\",%s],\"default\":null,\"field-id\":%d}", name, type, (int)id);
}

static void
optional_map(slu_buf *out, const char *name, int32_t id, int32_t key_id, const char *value_type)
{
    char type[320];
    const int32_t value_id = key_id + 1;
    (void)snprintf(
        type, sizeof type,
        "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"k%d_v%d\",\"fields\":[{\"name\":\"key\",\"type\":\"int\","
        "\"field-id\":%d},{\"name\":\"value\",\"type\":%s,\"field-id\":%d}]},\"logicalType\":\"map\"}",
        (int)key_id, (int)value_id, (int)key_id, value_type, (int)value_id);
    optional(out, name, id, type);
}

size_t
iceberg_decimal_bytes(int32_t precision)
{
    static const uint8_t DIGITS[] = {0, 2, 4, 6, 9, 11, 14, 16, 18, 21, 23, 26, 28, 31, 33, 35, 38};
    size_t bytes = 1;
    while (DIGITS[bytes] < precision)
        bytes++;
    return bytes;
}

static slu_status
partition_type(const iceberg_type *type, int32_t id, char *out, size_t out_bytes, slu_error *err)
{
    const char *text = NULL;
    switch (type->kind) {
    case ICEBERG_BOOLEAN: text = "\"boolean\""; break;
    case ICEBERG_INT: text = "\"int\""; break;
    case ICEBERG_LONG: text = "\"long\""; break;
    case ICEBERG_FLOAT: text = "\"float\""; break;
    case ICEBERG_DOUBLE: text = "\"double\""; break;
    case ICEBERG_STRING: text = "\"string\""; break;
    case ICEBERG_BINARY: text = "\"bytes\""; break;
    case ICEBERG_DATE: text = "{\"type\":\"int\",\"logicalType\":\"date\"}"; break;
    case ICEBERG_TIME: text = "{\"type\":\"long\",\"logicalType\":\"time-micros\"}"; break;
    case ICEBERG_TIMESTAMP: text = "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\",\"adjust-to-utc\":false}"; break;
    case ICEBERG_TIMESTAMPTZ: text = "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\",\"adjust-to-utc\":true}"; break;
    case ICEBERG_TIMESTAMP_NS: text = "{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\",\"adjust-to-utc\":false}"; break;
    case ICEBERG_TIMESTAMPTZ_NS: text = "{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\",\"adjust-to-utc\":true}"; break;
    case ICEBERG_UUID:
        (void)snprintf(out, out_bytes, "{\"type\":\"fixed\",\"size\":16,\"name\":\"uuid_fixed_%d\",\"logicalType\":\"uuid\"}",
                       (int)id);
        return SLU_OK;
    case ICEBERG_FIXED:
        (void)snprintf(out, out_bytes, "{\"type\":\"fixed\",\"size\":%d,\"name\":\"fixed_%d\"}", (int)type->length, (int)id);
        return SLU_OK;
    case ICEBERG_DECIMAL:
        (void)snprintf(
            out, out_bytes,
            "{\"type\":\"fixed\",\"size\":%zu,\"name\":\"decimal_%d\",\"logicalType\":\"decimal\",\"precision\":%d,\"scale\":%d}",
            iceberg_decimal_bytes(type->precision), (int)id, (int)type->precision, (int)type->scale);
        return SLU_OK;
    default: return slu_error_set(err, SLU_UNSUPPORTED, "partition field %d has a type that cannot be written", (int)id);
    }
    (void)snprintf(out, out_bytes, "%s", text);
    return SLU_OK;
}

static bool
is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Avro allows letters, digits and '_': other characters become _x<HEX>, a leading digit gets a '_' in front. */
static void
safe_name(const char *name, slu_buf *out)
{
    for (const char *at = name; *at != 0; at++) {
        const uint8_t c = (uint8_t)*at;
        const bool digit = c >= '0' && c <= '9';
        if (digit && at == name)
            slu_buf_u8(out, '_');
        if (digit || is_letter(c))
            slu_buf_u8(out, c);
        else
            slu_buf_printf(out, "_x%X", c);
    }
}

/* A name that had to be changed is kept beside it, as Java does. */
static void
original_name(const char *name, slu_buf *out)
{
    bool safe = !(name[0] >= '0' && name[0] <= '9');
    for (const char *at = name; *at != 0; at++)
        safe = safe && (is_letter((uint8_t)*at) || (*at >= '0' && *at <= '9'));
    if (safe)
        return;
    slu_buf_text(out, ",\"iceberg-field-name\":\"");
    for (const char *at = name; *at != 0; at++) {
        if (*at == '"' || *at == '\\')
            slu_buf_printf(out, "\\%c", *at);
        else if ((uint8_t)*at < 0x20)
            slu_buf_printf(out, "\\u%04x", (unsigned)*at);
        else
            slu_buf_u8(out, (uint8_t)*at);
    }
    slu_buf_text(out, "\"");
}

static slu_status
partition_record(const iceberg_partition_spec *spec, const iceberg_type *types, slu_buf *out, slu_error *err)
{
    slu_buf_text(out, ",{\"name\":\"partition\",\"type\":{\"type\":\"record\",\"name\":\"r102\",\"fields\":[");
    for (uint32_t i = 0; i < spec->field_count; i++) {
        char type[256];
        SLU_TRY(partition_type(&types[i], spec->fields[i].field_id, type, sizeof type, err));
        slu_buf_text(out, i == 0 ? "{\"name\":\"" : ",{\"name\":\"");
        safe_name(spec->fields[i].name, out);
        slu_buf_printf(out, "\",\"type\":[\"null\",%s],\"default\":null,\"field-id\":%d", type, (int)spec->fields[i].field_id);
        original_name(spec->fields[i].name, out);
        slu_buf_text(out, "}");
    }
    slu_buf_text(out, "]},\"field-id\":102}");
    return SLU_OK;
}

slu_status
iceberg_entry_schema(const iceberg_partition_spec *spec, const iceberg_type *types, slu_buf *out, slu_error *err)
{
    slu_buf_text(out, "{\"type\":\"record\",\"name\":\"manifest_entry\",\"fields\":[");
    field(out, true, "status", 0, "\"int\"");
    optional(out, "snapshot_id", 1, "\"long\"");
    optional(out, "sequence_number", 3, "\"long\"");
    optional(out, "file_sequence_number", 4, "\"long\"");
    slu_buf_text(out, ",{\"name\":\"data_file\",\"type\":{\"type\":\"record\",\"name\":\"r2\",\"fields\":[");
    field(out, true, "content", 134, "\"int\"");
    field(out, false, "file_path", 100, "\"string\"");
    field(out, false, "file_format", 101, "\"string\"");
    SLU_TRY(partition_record(spec, types, out, err));
    field(out, false, "record_count", 103, "\"long\"");
    field(out, false, "file_size_in_bytes", 104, "\"long\"");
    optional_map(out, "column_sizes", 108, 117, "\"long\"");
    optional_map(out, "value_counts", 109, 119, "\"long\"");
    optional_map(out, "null_value_counts", 110, 121, "\"long\"");
    optional_map(out, "nan_value_counts", 137, 138, "\"long\"");
    optional_map(out, "lower_bounds", 125, 126, "\"bytes\"");
    optional_map(out, "upper_bounds", 128, 129, "\"bytes\"");
    optional(out, "key_metadata", 131, "\"bytes\"");
    optional(out, "split_offsets", 132, "{\"type\":\"array\",\"items\":\"long\",\"element-id\":133}");
    optional(out, "equality_ids", 135, "{\"type\":\"array\",\"items\":\"int\",\"element-id\":136}");
    optional(out, "sort_order_id", 140, "\"int\"");
    optional(out, "referenced_data_file", 143, "\"string\"");
    slu_buf_text(out, "]},\"field-id\":2}]}");
    return slu_buf_status(out, err);
}

void
iceberg_list_schema(slu_buf *out)
{
    slu_buf_text(out, "{\"type\":\"record\",\"name\":\"manifest_file\",\"fields\":[");
    field(out, true, "manifest_path", 500, "\"string\"");
    field(out, false, "manifest_length", 501, "\"long\"");
    field(out, false, "partition_spec_id", 502, "\"int\"");
    field(out, false, "content", 517, "\"int\"");
    field(out, false, "sequence_number", 515, "\"long\"");
    field(out, false, "min_sequence_number", 516, "\"long\"");
    field(out, false, "added_snapshot_id", 503, "\"long\"");
    field(out, false, "added_files_count", 504, "\"int\"");
    field(out, false, "existing_files_count", 505, "\"int\"");
    field(out, false, "deleted_files_count", 506, "\"int\"");
    field(out, false, "added_rows_count", 512, "\"long\"");
    field(out, false, "existing_rows_count", 513, "\"long\"");
    field(out, false, "deleted_rows_count", 514, "\"long\"");
    slu_buf_text(out, ",{\"name\":\"partitions\",\"type\":[\"null\",{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":"
                      "\"r508\",\"fields\":[");
    field(out, true, "contains_null", 509, "\"boolean\"");
    optional(out, "contains_nan", 518, "\"boolean\"");
    optional(out, "lower_bound", 510, "\"bytes\"");
    optional(out, "upper_bound", 511, "\"bytes\"");
    slu_buf_text(out, "]},\"element-id\":508}],\"default\":null,\"field-id\":507}");
    optional(out, "key_metadata", 519, "\"bytes\"");
    slu_buf_text(out, "]}");
}
