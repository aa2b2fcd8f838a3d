#include "fluss/config/config.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/sizes.h"
#include "base/suggest.h"
#include "fluss/config/values.h"

#define SUGGESTIONS_MAX 256

/* The room for what was said. A value that replaces another one leaves it behind; take drops all of it. */
typedef struct fluss_config_memory {
    slu_arena arena;
    fluss_config_entry entries[FLUSS_CONFIG_ENTRIES_MAX];
} fluss_config_memory;

/* ---- One value ------------------------------------------------------------------------------------------------------------------ */

typedef union parsed {
    int64_t number;
    bool truth;
    double fraction;
    const char *text;
} parsed;

static slu_status
value_fail(const fluss_setting *setting, const char *key, const char *text, const char *where, slu_error *err)
{
    char wanted[256];
    switch (setting->kind) {
    case FLUSS_SETTING_CHOICE:
        (void)snprintf(wanted, sizeof wanted, "one of %.*s", (int)(strlen(setting->choices) - 2), setting->choices + 1);
        break;
    case FLUSS_SETTING_WHOLE:
        (void)snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld", (long long)setting->min, (long long)setting->max);
        break;
    case FLUSS_SETTING_FRACTION: (void)snprintf(wanted, sizeof wanted, "a number such as 0.85"); break;
    case FLUSS_SETTING_TRUTH: (void)snprintf(wanted, sizeof wanted, "true or false"); break;
    case FLUSS_SETTING_DURATION:
        (void)snprintf(wanted, sizeof wanted, "a number and ms, s, min, h or d, such as 30s, and at least %lldms",
                       (long long)setting->min);
        break;
    case FLUSS_SETTING_SIZE:
        (void)snprintf(wanted, sizeof wanted, "a number and b, kb, mb, gb or tb, such as 64mb, from %lldb to %lldb",
                       (long long)setting->min, (long long)setting->max);
        break;
    case FLUSS_SETTING_MAP: (void)snprintf(wanted, sizeof wanted, "NAME:VALUE, NAME:VALUE, ..."); break;
    default: (void)snprintf(wanted, sizeof wanted, "a text that is not empty"); break;
    }
    return slu_error_set(err, SLU_INVALID, "%s: %s: '%.200s' is not %s", where, key, fluss_setting_is_secret(key) ? "***" : text,
                         wanted);
}

static bool
choice_is_there(const fluss_setting *setting, const char *text)
{
    char wanted[64];
    if (text[0] == 0 || strchr(text, '|') != NULL || snprintf(wanted, sizeof wanted, "|%s|", text) >= (int)sizeof wanted)
        return false;
    return strcasestr(setting->choices, wanted) != NULL;
}

static bool
map_is_good(const char *text)
{
    const char *item;
    size_t bytes;
    while (fluss_list_next(&text, &item, &bytes)) {
        const char *colon = memchr(item, ':', bytes);
        if (colon == NULL || colon == item || (size_t)(colon - item) + 1 == bytes)
            return false;
    }
    return true;
}

static bool
value_parse(const fluss_setting *setting, const char *text, parsed *out)
{
    const bool bounded = setting->min != 0 || setting->max != 0;
    bool good = true;
    switch (setting->kind) {
    case FLUSS_SETTING_TRUTH: return fluss_truth_parse(text, &out->truth);
    case FLUSS_SETTING_FRACTION: return fluss_fraction_parse(text, &out->fraction);
    case FLUSS_SETTING_WHOLE: good = fluss_whole_parse(text, &out->number); break;
    case FLUSS_SETTING_DURATION: good = fluss_duration_parse(text, &out->number); break;
    case FLUSS_SETTING_SIZE: good = fluss_size_parse(text, &out->number); break;
    case FLUSS_SETTING_CHOICE: out->text = text; return choice_is_there(setting, text);
    case FLUSS_SETTING_MAP: out->text = text; return map_is_good(text);
    default: out->text = text; return true;
    }
    return good && (!bounded || (out->number >= setting->min && out->number <= setting->max));
}

static void
value_store(fluss_config *config, const fluss_setting *setting, const parsed *value)
{
    if (setting->offset == SIZE_MAX)
        return;
    uint8_t *at = (uint8_t *)config + setting->offset;
    switch (setting->kind) {
    case FLUSS_SETTING_TRUTH: memcpy(at, &value->truth, sizeof value->truth); break;
    case FLUSS_SETTING_WHOLE:
    case FLUSS_SETTING_DURATION:
    case FLUSS_SETTING_SIZE: memcpy(at, &value->number, sizeof value->number); break;
    case FLUSS_SETTING_FRACTION: memcpy(at, &value->fraction, sizeof value->fraction); break;
    default: memcpy(at, &value->text, sizeof value->text); break;
    }
}

static slu_status
key_unknown(const char *key, const char *where, slu_error *err)
{
    const char *names[SUGGESTIONS_MAX];
    size_t count = 0;
    size_t all;
    const fluss_setting *settings = fluss_settings(&all);
    for (size_t i = 0; i < all && count < SUGGESTIONS_MAX; i++)
        if (strchr(settings[i].key, '*') == NULL)
            names[count++] = settings[i].key;
    const char *near = slu_suggest(key, names, count);
    if (near != NULL)
        return slu_error_set(err, SLU_INVALID, "%s: a Fluss server has no setting %s: did you mean %s?", where, key, near);
    return slu_error_set(err, SLU_INVALID, "%s: a Fluss server has no setting %s: `sluice server --settings` lists them", where,
                         key);
}

static slu_status
setting_parse(const char *key, const char *text, const char *where, const fluss_setting **out, parsed *value, slu_error *err)
{
    *out = fluss_setting_find(key);
    if (*out == NULL)
        return key_unknown(key, where, err);
    return value_parse(*out, text, value) ? SLU_OK : value_fail(*out, key, text, where, err);
}

slu_status
fluss_config_check(const char *key, const char *text, const char *where, slu_error *err)
{
    const fluss_setting *setting;
    parsed value;
    return setting_parse(key, text, where, &setting, &value, err);
}

/* ---- What was said -------------------------------------------------------------------------------------------------------------- */

static size_t
entry_place(const fluss_config *config, const char *key, bool *out_there)
{
    size_t low = 0;
    size_t high = config->entry_count;
    *out_there = false;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(config->entries[middle].key, key);
        if (order == 0) {
            *out_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static slu_status
entry_put(fluss_config *config, const fluss_config_entry *entry, slu_error *err)
{
    bool there;
    fluss_config_memory *memory = config->memory;
    const size_t at = entry_place(config, entry->key, &there);
    if (!there && config->entry_count == FLUSS_CONFIG_ENTRIES_MAX)
        return slu_error_set(err, SLU_LIMIT, "%s: more than %d settings", entry->where, FLUSS_CONFIG_ENTRIES_MAX);
    if (!there) {
        memmove(&memory->entries[at + 1], &memory->entries[at], (config->entry_count - at) * sizeof *entry);
        config->entry_count++;
    }
    memory->entries[at] = *entry;
    return SLU_OK;
}

slu_status
fluss_config_set(fluss_config *config, const char *key, const char *text, const char *where, slu_error *err)
{
    slu_arena *arena = &config->memory->arena;
    const fluss_setting *setting;
    parsed value;
    SLU_TRY(setting_parse(key, text, where, &setting, &value, err));
    const fluss_config_entry entry = {slu_arena_strdup(arena, key), slu_arena_strdup(arena, text), slu_arena_strdup(arena, where),
                                      setting};
    SLU_TRY(slu_arena_status(arena, err));
    SLU_TRY(entry_put(config, &entry, err));
    (void)value_parse(setting, entry.text, &value); /* again, for texts that lie in the arena */
    value_store(config, setting, &value);
    if (fluss_config_find(config, "datalake.enabled") == NULL)
        config->datalake_enabled = config->datalake_format != NULL;
    return SLU_OK;
}

const fluss_config_entry *
fluss_config_find(const fluss_config *config, const char *key)
{
    bool there;
    const size_t at = entry_place(config, key, &there);
    return there ? &config->entries[at] : NULL;
}

const char *
fluss_config_get(const fluss_config *config, const char *key)
{
    const fluss_config_entry *entry = fluss_config_find(config, key);
    const fluss_setting *setting = entry == NULL ? fluss_setting_find(key) : NULL;
    return entry != NULL ? entry->text : setting == NULL ? NULL : setting->initial;
}

void
fluss_config_warn(const fluss_config *config, const slu_env *env)
{
    for (size_t i = 0; i < config->entry_count; i++) {
        const fluss_config_entry *entry = &config->entries[i];
        if ((entry->setting->flags & FLUSS_SETTING_UNUSED) != 0)
            slu_log_warn(env, "SETTING-UNUSED", "%s: %s has no effect on a single node: %s", entry->where, entry->key,
                         entry->setting->help);
    }
    if (config->default_replication_factor > 1)
        slu_log_warn(env, "ONE-COPY", "default.replication.factor is %lld, but this node has one copy of every row",
                     (long long)config->default_replication_factor);
}

/* ---- Life ----------------------------------------------------------------------------------------------------------------------- */

static void
config_set_defaults(fluss_config *config)
{
    size_t count;
    parsed value;
    const fluss_setting *settings = fluss_settings(&count);
    for (size_t i = 0; i < count; i++)
        if (settings[i].initial != NULL && value_parse(&settings[i], settings[i].initial, &value))
            value_store(config, &settings[i], &value);
}

slu_status
fluss_config_new(fluss_config **out, slu_error *err)
{
    fluss_config *config = slu_alloc_zero(1, sizeof *config);
    fluss_config_memory *memory = slu_alloc_zero(1, sizeof *memory);
    if (config == NULL || memory == NULL) {
        slu_free(config);
        slu_free(memory);
        return slu_error_set(err, SLU_NOMEM, "no memory for a server's settings");
    }
    slu_arena_init(&memory->arena, FLUSS_CONFIG_BYTES_MAX);
    config->memory = memory;
    config->entries = memory->entries;
    config_set_defaults(config);
    *out = config;
    return SLU_OK;
}

void
fluss_config_free(fluss_config **out)
{
    fluss_config *config = *out;
    if (config == NULL)
        return;
    slu_arena_fini(&config->memory->arena);
    slu_free(config->memory);
    slu_free(config);
    *out = NULL;
}

slu_status
fluss_config_clone(const fluss_config *config, fluss_config **out, slu_error *err)
{
    SLU_AUTO(fluss_config_free) fluss_config *copy = NULL;
    SLU_TRY(fluss_config_new(&copy, err));
    for (size_t i = 0; i < config->entry_count; i++)
        SLU_TRY(fluss_config_set(copy, config->entries[i].key, config->entries[i].text, config->entries[i].where, err));
    *out = slu_take(&copy);
    return SLU_OK;
}

void
fluss_config_take(fluss_config *config, fluss_config **from)
{
    const fluss_config old = *config;
    *config = **from;
    **from = old;
    fluss_config_free(from);
}
