#include "args.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/suggest.h"
#include "plan/yaml.h"
#include "verbs.h"

#include <unistd.h>

/* ---- Finding ------------------------------------------------------------------------------------------------------------------- */

static int
flag_find(const slu_verb *verb, const char *name, size_t bytes)
{
    for (uint32_t i = 0; i < verb->flag_count; i++)
        if (strlen(verb->flags[i].name) == bytes && strncmp(verb->flags[i].name, name, bytes) == 0)
            return (int)i;
    return -1;
}

static int
flag_by_letter(const slu_verb *verb, char letter)
{
    for (uint32_t i = 0; i < verb->flag_count; i++)
        if (verb->flags[i].letter == letter && letter != 0)
            return (int)i;
    return -1;
}

static slu_status
flag_unknown(const slu_verb *verb, const char *word, slu_error *err)
{
    const char *names[SLU_ARGS_FLAGS_MAX + 2];
    size_t count = 0;
    for (uint32_t i = 0; i < verb->flag_count; i++)
        names[count++] = verb->flags[i].name;
    names[count++] = "help";
    if (verb->json)
        names[count++] = "json";
    const char *near = strncmp(word, "--", 2) == 0 ? slu_suggest(word + 2, names, count) : NULL;
    if (near != NULL)
        return slu_error_set(err, SLU_INVALID, "unknown option %s: did you mean --%s?", word, near);
    return slu_error_set(err, SLU_INVALID, "unknown option %s: see `sluice %s --help`", word, verb->name);
}

static slu_status elsewhere_take(slu_args *out, slu_error *err);

/* ---- Parsing ------------------------------------------------------------------------------------------------------------------- */

typedef struct parse {
    const slu_verb *verb;
    int argc;
    char *const *argv;
    int at;
    slu_args *out;
    slu_error *err;
} parse;

/* The value behind `=`, else the next word. */
static slu_status
value_take(parse *p, const char *word, const char *equals, const char **out)
{
    if (equals != NULL) {
        *out = equals + 1;
        return SLU_OK;
    }
    if (p->at >= p->argc)
        return slu_error_set(p->err, SLU_INVALID, "option %s needs a value", word);
    *out = p->argv[p->at++];
    return SLU_OK;
}

static slu_status
flag_take(parse *p, int index, const char *word, const char *equals)
{
    if (p->verb->flags[index].value == NULL) {
        if (equals != NULL)
            return slu_error_set(p->err, SLU_INVALID, "option --%s takes no value", p->verb->flags[index].name);
        p->out->values[index] = "";
        return SLU_OK;
    }
    return value_take(p, word, equals, &p->out->values[index]);
}

static slu_status
setting_take(parse *p, const char *word, const char *equals)
{
    char name[SLU_NAME_BYTES_MAX];
    const size_t bytes = equals == NULL ? strlen(word + 2) : (size_t)(equals - word - 2);
    if (bytes == 0 || bytes >= sizeof name)
        return slu_error_set(p->err, SLU_INVALID, "option %s has no name, or one that is too long", word);
    if (p->out->setting_count == SLU_ARGS_SETTINGS_MAX)
        return slu_error_set(p->err, SLU_LIMIT, "more than %d settings", SLU_ARGS_SETTINGS_MAX);
    slu_setting *setting = &p->out->settings[p->out->setting_count];
    /* argv is ours to cut: the name ends at its `=`. */
    if (equals != NULL)
        *(char *)(uintptr_t)equals = 0;
    setting->name = word + 2;
    SLU_TRY(value_take(p, word, equals, &setting->text));
    p->out->setting_count++;
    return SLU_OK;
}

static slu_status
long_word(parse *p, const char *word)
{
    const char *equals = strchr(word, '=');
    const size_t bytes = equals == NULL ? strlen(word + 2) : (size_t)(equals - word - 2);
    const int index = flag_find(p->verb, word + 2, bytes);
    if (index >= 0)
        return flag_take(p, index, word, equals);
    if (strcmp(word, "--help") == 0) {
        p->out->help = true;
        return SLU_OK;
    }
    if (strcmp(word, "--json") == 0 && p->verb->json) {
        p->out->json = true;
        return SLU_OK;
    }
    return p->verb->settings ? setting_take(p, word, equals) : flag_unknown(p->verb, word, p->err);
}

static slu_status
short_word(parse *p, const char *word)
{
    if (strcmp(word, "-h") == 0) {
        p->out->help = true;
        return SLU_OK;
    }
    const int index = flag_by_letter(p->verb, word[1]);
    if (index < 0)
        return flag_unknown(p->verb, word, p->err);
    if (word[2] == 0)
        return flag_take(p, index, word, NULL);
    if (p->verb->flags[index].value == NULL)
        return flag_unknown(p->verb, word, p->err);
    p->out->values[index] = word + 2; /* -p4 */
    return SLU_OK;
}

static slu_status
word_take(parse *p, const char *word)
{
    if (p->out->word_count == p->verb->words_max || p->out->word_count == SLU_ARGS_WORDS_MAX)
        return slu_error_set(p->err, SLU_INVALID, "one word too many: %s", word);
    p->out->words[p->out->word_count++] = word;
    return SLU_OK;
}

slu_status
slu_args_parse(const slu_verb *verb, int argc, char *const *argv, slu_args *out, slu_error *err)
{
    bool flags = true;
    memset(out, 0, sizeof *out);
    out->verb = verb;
    parse p = {verb, argc, argv, 0, out, err};
    while (p.at < argc) {
        const char *word = argv[p.at++];
        if (flags && strcmp(word, "--") == 0)
            flags = false;
        else if (flags && strncmp(word, "--", 2) == 0)
            SLU_TRY(long_word(&p, word));
        else if (flags && word[0] == '-' && word[1] != 0)
            SLU_TRY(short_word(&p, word));
        else
            SLU_TRY(word_take(&p, word));
    }
    if (out->help)
        return SLU_OK;
    if (out->word_count < verb->words_min)
        return slu_error_set(err, SLU_INVALID, "something is missing: sluice %s %s", verb->name, verb->usage);
    return elsewhere_take(out, err);
}

/* ---- Environment and file ------------------------------------------------------------------------------------------------------ */

/* What a file of options says: its texts live until the next command line is read (a program has one, a test several). */
static slu_arena config_arena;

static void
config_setting(const char *name, const char *text, slu_args *out)
{
    for (uint32_t i = 0; i < out->setting_count; i++)
        if (strcmp(out->settings[i].name, name) == 0)
            return;
    char *copy = slu_arena_strdup(&config_arena, name);
    if (copy == NULL || out->setting_count == SLU_ARGS_SETTINGS_MAX)
        return;
    out->setting_from_file[out->setting_count] = true;
    out->settings[out->setting_count++] = (slu_setting){copy, text};
}

/* What neither the command line nor the environment says, the file may. Nested maps and dotted names are the same thing. */
static slu_status
config_take(const slu_value *map, const char *prefix, slu_args *out, slu_error *err)
{
    char name[SLU_NAME_BYTES_MAX];
    for (uint32_t i = 0; i < map->count; i++) {
        (void)snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] == 0 ? "" : ".", map->keys[i].text);
        if (map->items[i].kind == SLU_VALUE_MAP) {
            SLU_TRY(config_take(&map->items[i], name, out, err));
            continue;
        }
        /* A job's parallelism is a setting with an origin; -p is the command line's way to say it. */
        const bool own = strcmp(name, "parallelism") == 0 && out->verb->settings;
        const int index = own ? -1 : flag_find(out->verb, name, strlen(name));
        if (index < 0 && out->verb->settings && map->items[i].kind == SLU_VALUE_SCALAR) {
            config_setting(name, map->items[i].text, out);
            continue;
        }
        if (index < 0 || strcmp(name, "config") == 0)
            return slu_error_at(err, SLU_INVALID, &map->keys[i], 0, "%s has no option %s", out->verb->name, name);
        if (map->items[i].kind != SLU_VALUE_SCALAR)
            return slu_error_at(err, SLU_INVALID, &map->items[i], 0, "option %s: one value is wanted here", name);
        uint32_t wanted = 1;
        if (out->verb->flags[index].value == NULL)
            SLU_TRY_IN(slu_bool_parse(map->items[i].text, &wanted, err), err, "option %s", name);
        if (out->values[index] == NULL && wanted != 0)
            out->values[index] = out->verb->flags[index].value == NULL ? "" : map->items[i].text;
    }
    return SLU_OK;
}

static slu_status
config_read(slu_args *out, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    const slu_value *root = NULL;
    const char *path = slu_args_get(out, "config");
    if (path == NULL || out->verb->own_config)
        return SLU_OK;
    slu_arena_fini(&config_arena);
    slu_arena_init(&config_arena, SLU_GRAPH_BYTES_MAX);
    slu_buf_init(&text, 2 * SLU_GRAPH_TEXT_BYTES_MAX);
    SLU_TRY(slu_file_read(path, SLU_GRAPH_TEXT_BYTES_MAX, &text, err));
    slu_status status = slu_yaml_parse(slu_buf_view(&text), &config_arena, &root, err);
    if (status == SLU_OK && root->kind != SLU_VALUE_MAP)
        status = slu_error_at(err, SLU_INVALID, root, 0, "options are a map, such as { name: value }");
    if (status == SLU_OK)
        status = config_take(root, "", out, err);
    return status == SLU_OK ? SLU_OK : slu_error_in(err, status, "%s:%u:%u", path, err->line, err->column);
}

/* The parallelism of a job is left to the descriptor, which knows origins. */
static slu_status
elsewhere_take(slu_args *out, slu_error *err)
{
    for (uint32_t i = 0; i < out->verb->flag_count; i++)
        if (out->values[i] == NULL && out->verb->flags[i].value != NULL && strcmp(out->verb->flags[i].name, "parallelism") != 0)
            out->values[i] = slu_setting_environment(environ, out->verb->flags[i].name);
    return config_read(out, err);
}

/* ---- Asking -------------------------------------------------------------------------------------------------------------------- */

const char *
slu_args_get(const slu_args *args, const char *flag)
{
    const int index = flag_find(args->verb, flag, strlen(flag));
    return index < 0 ? NULL : args->values[index];
}

slu_status
slu_args_i64(const slu_args *args, const char *flag, int64_t min, int64_t max, int64_t *out, slu_error *err)
{
    const char *text = slu_args_get(args, flag);
    int64_t value = 0;
    if (text == NULL)
        return SLU_OK;
    SLU_TRY_IN(slu_i64_parse(text, &value, err), err, "--%s", flag);
    if (value < min || value > max)
        return slu_error_set(err, SLU_INVALID, "--%s: %s is not between %lld and %lld", flag, text, (long long)min, (long long)max);
    *out = value;
    return SLU_OK;
}

slu_status
slu_args_duration(const slu_args *args, const char *flag, int64_t *out_ms, slu_error *err)
{
    const char *text = slu_args_get(args, flag);
    if (text == NULL)
        return SLU_OK;
    return slu_error_in(err, slu_duration_parse(text, out_ms, err), "--%s", flag);
}

#define HELP_COLUMN 33 /* where what a flag does begins */

/* ---- Help ---------------------------------------------------------------------------------------------------------------------- */

static void
flag_help(const slu_flag *flag, slu_buf *out)
{
    char left[80];
    char letter[8] = "    ";
    if (flag->letter != 0)
        (void)snprintf(letter, sizeof letter, "-%c, ", flag->letter);
    (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, flag->name, flag->value == NULL ? "" : " ",
                   flag->value == NULL ? "" : flag->value);
    slu_buf_printf(out, "  %-30s ", left);
    slu_help_text(out, flag->help, strlen(left) > 30 ? 3 + strlen(left) : HELP_COLUMN, HELP_COLUMN);
}

void
slu_help_text(slu_buf *out, const char *text, size_t column, size_t indent)
{
    while (*text != 0) {
        const size_t bytes = strcspn(text, " \n");
        if (column > indent && column + bytes > SLU_HELP_COLUMNS) {
            if (out->bytes > 0 && out->data[out->bytes - 1] == ' ')
                out->bytes--;
            slu_buf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        slu_buf_append(out, text, bytes);
        column += bytes;
        text += bytes;
        if (*text == 0)
            break;
        slu_buf_u8(out, (uint8_t)*text);
        column = *text == '\n' ? 0 : column + 1;
        text++;
    }
    slu_buf_u8(out, '\n');
}

void
slu_args_help(const slu_verb *verb, slu_buf *out)
{
    static const slu_flag help = {"help", 'h', NULL, "this text"};
    static const slu_flag json = {"json", 0, NULL, "the result as JSON"};
    static const slu_flag setting = {"a.b.c", 0, "VALUE", "a setting: over environment and file"};
    static const slu_flag own_setting = {"a.b.c", 0, "VALUE", "a setting, over the file's"};
    slu_buf_printf(out, "sluice %s%s%s: ", verb->name, verb->usage[0] == 0 ? "" : " ", verb->usage);
    slu_help_text(out, verb->summary, out->bytes, 0);
    slu_buf_u8(out, '\n');
    for (uint32_t i = 0; i < verb->flag_count; i++)
        flag_help(&verb->flags[i], out);
    if (verb->settings)
        flag_help(verb->own_config ? &own_setting : &setting, out);
    if (verb->json)
        flag_help(&json, out);
    flag_help(&help, out);
    if (verb->more == NULL)
        return;
    slu_buf_u8(out, '\n');
    slu_help_text(out, verb->more, 0, 0);
}
