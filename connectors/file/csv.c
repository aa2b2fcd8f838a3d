#include "rows.h"

/* A quoted field: its content goes to scratch with doubled quotes made one. Leaves *at behind the closing quote. */
static bool
cut_quoted(const char *record, size_t bytes, size_t *at, char *scratch, size_t *used, file_field *field)
{
    field->kind = FILE_FIELD_VALUE;
    field->data = scratch + *used;
    for (size_t i = *at + 1; i < bytes; i++) {
        if (record[i] == '"' && i + 1 < bytes && record[i + 1] == '"') {
            i++;
        } else if (record[i] == '"') {
            field->bytes = (size_t)(scratch + *used - field->data);
            *at = i + 1;
            return true;
        }
        scratch[(*used)++] = record[i];
    }
    return false;
}

static void
cut_plain(const char *record, size_t bytes, size_t *at, char delimiter, const char *null_text, file_field *field)
{
    const char *end = memchr(record + *at, delimiter, bytes - *at);
    field->data = record + *at;
    field->bytes = end != NULL ? (size_t)(end - field->data) : bytes - *at;
    const bool null = field->bytes == strlen(null_text) && memcmp(field->data, null_text, field->bytes) == 0;
    field->kind = null ? FILE_FIELD_NULL : FILE_FIELD_VALUE;
    *at += field->bytes;
}

int64_t
file_csv_cut(const char *record, size_t bytes, char delimiter, const char *null_text, char *scratch, file_field *fields,
             int64_t fields_max, const char **problem)
{
    size_t at = 0, used = 0;
    int64_t count = 0;
    for (;;) {
        if (count == fields_max) {
            *problem = "more fields than columns";
            return -1;
        }
        if (at < bytes && record[at] == '"') {
            if (!cut_quoted(record, bytes, &at, scratch, &used, &fields[count])) {
                *problem = "a quote that is not closed";
                return -1;
            }
        } else {
            cut_plain(record, bytes, &at, delimiter, null_text, &fields[count]);
        }
        count++;
        if (at == bytes)
            return count;
        if (record[at++] != delimiter) {
            *problem = "text behind a closing quote";
            return -1;
        }
    }
}
