#include <sluice/sdk/suggest.h>
#include <sluice/sdk/values.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <strings.h>

#define DEPTH_MAX 32
#define ITEMS_MAX 4096

/* ---- Memory ----------------------------------------------------------------------------------------------------------------- */

void
sdk_values_fini(sdk_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        free(values->memory[i]);
    free(values->memory);
    memset(values, 0, sizeof *values);
}

static void *
values_alloc(sdk_values *values, size_t bytes)
{
    if (values->count == values->capacity) {
        const size_t capacity = values->capacity == 0 ? 32 : values->capacity * 2;
        void **wider = realloc(values->memory, capacity * sizeof *wider);
        if (wider == NULL)
            return NULL;
        values->memory = wider;
        values->capacity = capacity;
    }
    void *memory = calloc(1, bytes != 0 ? bytes : 1);
    if (memory != NULL)
        values->memory[values->count++] = memory;
    return memory;
}

/* ---- Reading flow style ----------------------------------------------------------------------------------------------------- */

typedef struct reader {
    sdk_values *values;
    const char *at;
    uint32_t line;
    const char *line_start;
    slu_error *err;
    int depth;
} reader;

static slu_status
reader_fail(const reader *in, const char *what)
{
    const slu_status status = slu_error_set(in->err, SLU_INVALID, "%s", what);
    if (in->err != NULL) {
        in->err->line = in->line;
        in->err->column = (uint32_t)(in->at - in->line_start) + 1;
    }
    return status;
}

static void
reader_space(reader *in)
{
    for (; *in->at == ' ' || *in->at == '\t' || *in->at == '\r' || *in->at == '\n'; in->at++) {
        if (*in->at == '\n') {
            in->line++;
            in->line_start = in->at + 1;
        }
    }
}

static slu_status
reader_nomem(const reader *in)
{
    return slu_error_set(in->err, SLU_NOMEM, "no memory for a value");
}

static void
value_place(const reader *in, slu_value *out)
{
    memset(out, 0, sizeof *out);
    out->size = sizeof *out;
    out->line = in->line;
    out->column = (uint32_t)(in->at - in->line_start) + 1;
}

static slu_status
read_quoted(reader *in, slu_value *out)
{
    const char quote = *in->at++;
    char *text = values_alloc(in->values, strlen(in->at) + 1);
    size_t bytes = 0;
    if (text == NULL)
        return reader_nomem(in);
    value_place(in, out);
    for (; *in->at != 0; in->at++) {
        if (*in->at == quote && in->at[1] == quote && quote == '\'')
            in->at++;
        else if (*in->at == quote)
            break;
        else if (*in->at == '\\' && quote == '"' && in->at[1] != 0)
            in->at++;
        text[bytes++] = *in->at;
    }
    if (*in->at != quote)
        return reader_fail(in, "a quote that is not closed");
    in->at++;
    out->kind = SLU_VALUE_SCALAR;
    out->text = text;
    out->quoted = 1;
    return SLU_OK;
}

/* A plain word ends at a comma, a bracket, ": " or the end. */
static slu_status
read_plain(reader *in, slu_value *out)
{
    value_place(in, out);
    const char *start = in->at;
    while (*in->at != 0 && strchr(",]}[{\n", *in->at) == NULL && !(in->at[0] == ':' && strchr(" \n", in->at[1]) != NULL))
        in->at++;
    size_t bytes = (size_t)(in->at - start);
    while (bytes > 0 && (start[bytes - 1] == ' ' || start[bytes - 1] == '\r'))
        bytes--;
    if (bytes == 0)
        return reader_fail(in, "a value is expected");
    char *text = values_alloc(in->values, bytes + 1);
    if (text == NULL)
        return reader_nomem(in);
    memcpy(text, start, bytes);
    out->kind = SLU_VALUE_SCALAR;
    out->text = text;
    if (strcmp(text, "null") == 0 || strcmp(text, "~") == 0) {
        out->kind = SLU_VALUE_NULL;
        out->text = NULL;
    }
    return SLU_OK;
}

static slu_status read_value(reader *in, slu_value *out);

/* Items up to the closing bracket; for a map each is "key: value". */
static slu_status
read_items(reader *in, slu_value *out, bool map)
{
    const char close = map ? '}' : ']';
    uint32_t capacity = 0;
    slu_value *keys = NULL, *items = NULL;
    value_place(in, out);
    out->kind = map ? SLU_VALUE_MAP : SLU_VALUE_LIST;
    in->at++;
    for (;;) {
        reader_space(in);
        if (*in->at == close)
            break;
        if (out->count == capacity) {
            capacity = capacity == 0 ? 8 : capacity * 2;
            slu_value *wider_keys = values_alloc(in->values, capacity * sizeof *keys);
            slu_value *wider_items = values_alloc(in->values, capacity * sizeof *items);
            if (wider_keys == NULL || wider_items == NULL)
                return reader_nomem(in);
            if (out->count != 0) {
                memcpy(wider_keys, keys, out->count * sizeof *keys);
                memcpy(wider_items, items, out->count * sizeof *items);
            }
            keys = wider_keys;
            items = wider_items;
        }
        if (out->count == ITEMS_MAX)
            return reader_fail(in, "too many items");
        if (map) {
            SLU_TRY(read_value(in, &keys[out->count]));
            reader_space(in);
            if (*in->at != ':' || keys[out->count].kind != SLU_VALUE_SCALAR)
                return reader_fail(in, "'key: value' is expected");
            in->at++;
        }
        SLU_TRY(read_value(in, &items[out->count]));
        out->count++;
        reader_space(in);
        if (*in->at == ',')
            in->at++;
        else if (*in->at != close)
            return reader_fail(in, map ? "',' or '}' is expected" : "',' or ']' is expected");
    }
    in->at++;
    out->keys = map ? keys : NULL;
    out->items = items;
    return SLU_OK;
}

static slu_status
read_value(reader *in, slu_value *out)
{
    reader_space(in);
    if (++in->depth > DEPTH_MAX)
        return reader_fail(in, "nested too deep");
    slu_status status;
    if (*in->at == '{' || *in->at == '[')
        status = read_items(in, out, *in->at == '{');
    else if (*in->at == '"' || *in->at == '\'')
        status = read_quoted(in, out);
    else
        status = read_plain(in, out);
    in->depth--;
    return status;
}

slu_status
sdk_value_read(sdk_values *values, const char *text, const slu_value **out, slu_error *err)
{
    reader in = {values, text, 1, text, err, 0};
    slu_value *value = values_alloc(values, sizeof *value);
    if (value == NULL)
        return reader_nomem(&in);
    SLU_TRY(read_value(&in, value));
    reader_space(&in);
    if (*in.at != 0)
        return reader_fail(&in, "the end is expected");
    *out = value;
    return SLU_OK;
}

/* ---- Options ---------------------------------------------------------------------------------------------------------------- */

static slu_status
read_number(const char *text, const char **end, int64_t *out)
{
    char *stop;
    errno = 0;
    const long long value = strtoll(text, &stop, 10);
    *out = value;
    *end = stop;
    return stop == text || errno != 0 ? SLU_INVALID : SLU_OK;
}

typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

static const unit durations[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const unit sizes[] = {{"b", 1},         {"kb", 1000},     {"mb", 1000000},  {"gb", 1000000000},
                             {"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {NULL, 0}};

static bool
read_with_unit(const char *text, const unit *units, int64_t *out)
{
    const char *end;
    if (read_number(text, &end, out) != SLU_OK)
        return false;
    while (*end == ' ')
        end++;
    for (; units->name != NULL; units++)
        if (strcasecmp(end, units->name) == 0)
            return !__builtin_mul_overflow(*out, units->factor, out);
    return false;
}

slu_status
sdk_duration_read(const slu_value *value, const char *context, int64_t *out_ms, slu_error *err)
{
    if (value == NULL || value->kind != SLU_VALUE_SCALAR || !read_with_unit(value->text, durations, out_ms))
        return slu_error_at(err, SLU_INVALID, value, 0, "%s: a duration with a unit (ms s m h d) is expected%s%s", context,
                            value != NULL && value->text != NULL ? ", not " : "",
                            value != NULL && value->text != NULL ? value->text : "");
    return SLU_OK;
}

static bool
read_bool(const char *text, uint32_t *out)
{
    *out = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;
    return *out || strcmp(text, "false") == 0 || strcmp(text, "no") == 0;
}

static bool
read_choice(const char *text, const char *choices)
{
    const size_t bytes = strlen(text);
    for (const char *at = choices; at != NULL; at = strchr(at, '|') != NULL ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, text, bytes) == 0 && (at[bytes] == '|' || at[bytes] == 0))
            return true;
    return false;
}

static bool
in_bounds(const slu_option *option, int64_t value)
{
    return (option->min == 0 && option->max == 0) || (value >= option->min && value <= option->max);
}

/* Stores a scalar's text in the options struct; false: it is not of the option's type or bounds. */
static bool
store_scalar(const slu_option *option, const char *text, uint8_t *field)
{
    const char *end;
    char *stop;
    int64_t number = 0;
    switch (option->type) {
    case SLU_OPTION_CHOICE:
        if (!read_choice(text, option->choices))
            return false;
        memcpy(field, &text, sizeof text);
        return true;
    case SLU_OPTION_STRING: memcpy(field, &text, sizeof text); return true;
    case SLU_OPTION_F64: {
        const double value = strtod(text, &stop);
        memcpy(field, &value, sizeof value);
        return stop != text && *stop == 0;
    }
    case SLU_OPTION_BOOL: {
        uint32_t value;
        const bool good = read_bool(text, &value);
        memcpy(field, &value, sizeof value);
        return good;
    }
    case SLU_OPTION_I64:
        if (read_number(text, &end, &number) != SLU_OK || *end != 0)
            return false;
        break;
    default:
        if (!read_with_unit(text, option->type == SLU_OPTION_DURATION ? durations : sizes, &number))
            return false;
    }
    memcpy(field, &number, sizeof number);
    return in_bounds(option, number);
}

static slu_status
store_option(const slu_option *option, const slu_value *given, uint8_t *options, slu_error *err)
{
    static const char *const kinds[] = {
        "",        "a text", "a whole number", "a number", "true or false", "a duration with a unit", "a size with a unit",
        "one of ", "a list", "a map",          "a value"};
    uint8_t *field = options + option->offset;
    if (option->type >= SLU_OPTION_LIST) {
        const bool fits =
            option->type == SLU_OPTION_VALUE || given->kind == (option->type == SLU_OPTION_LIST ? SLU_VALUE_LIST : SLU_VALUE_MAP);
        memcpy(field, &given, sizeof given);
        if (fits)
            return SLU_OK;
    } else if (given->kind == SLU_VALUE_SCALAR && store_scalar(option, given->text, field)) {
        return SLU_OK;
    }
    return slu_error_at(err, SLU_INVALID, given, 0, "option %s: %s%s is expected%s", option->name, kinds[option->type],
                        option->type == SLU_OPTION_CHOICE ? option->choices : "",
                        option->min != option->max ? ", within its bounds" : "");
}

static slu_status
unknown_options(const slu_plugin *plugin, const slu_value *with, slu_error *err)
{
    for (uint32_t i = 0; with != NULL && i < with->count; i++) {
        const char *names[64];
        bool known = plugin->kind == SLU_KIND_LOOKUP && strcmp(with->keys[i].text, "use") == 0;
        uint32_t count = 0;
        for (uint32_t o = 0; o < plugin->option_count && !known; o++) {
            known = strcmp(plugin->options[o].name, with->keys[i].text) == 0;
            if (count < 64)
                names[count++] = plugin->options[o].name;
        }
        if (known)
            continue;
        const char *near = sdk_suggest(with->keys[i].text, strlen(with->keys[i].text), names, count);
        return slu_error_at(err, SLU_INVALID, &with->keys[i], 0, "%s has no option '%s'%s%s%s", plugin->name, with->keys[i].text,
                            near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
    }
    return SLU_OK;
}

slu_status
sdk_options_read(sdk_values *values, const slu_plugin *plugin, const slu_value *with, const void **out, slu_error *err)
{
    if (with != NULL && with->kind != SLU_VALUE_MAP)
        return slu_error_at(err, SLU_INVALID, with, 0, "%s: options are a map", plugin->name);
    SLU_TRY(unknown_options(plugin, with, err));
    uint8_t *options = values_alloc(values, plugin->options_bytes);
    if (options == NULL)
        return slu_error_set(err, SLU_NOMEM, "%s: no memory", plugin->name);
    for (uint32_t i = 0; i < plugin->option_count; i++) {
        const slu_option *option = &plugin->options[i];
        const slu_value *given = slu_value_get(with, option->name);
        if (given != NULL)
            SLU_TRY(store_option(option, given, options, err));
        else if (option->text_default != NULL && !store_scalar(option, option->text_default, options + option->offset))
            return slu_error_set(err, SLU_INVALID, "%s: the default of option %s is not of its type", plugin->name, option->name);
        else if (option->text_default == NULL && (option->flags & SLU_OPTION_REQUIRED) != 0)
            return slu_error_at(err, SLU_INVALID, with, 0, "%s: option %s is required: %s", plugin->name, option->name,
                                option->help);
    }
    *out = options;
    return SLU_OK;
}
