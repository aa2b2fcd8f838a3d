#include "lake_words.h"

#include "lake/plugin_options.h"

#include <ctype.h>
#include <stdlib.h>

#define WORDS_BYTES_MAX ((size_t)1 << 20)

static bool
has_own_name(const char *name)
{
    size_t count = 0;
    const char *const *names = lake_setting_names(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void
into_environment(slu_arena *arena, const char *name, const char *value)
{
    char *variable = slu_arena_printf(arena, "SLUICE_DATALAKE_ICEBERG_%s", name);
    for (char *at = variable; at != NULL && *at != 0; at++)
        *at = *at == '.' || *at == '-' ? '_' : (char)toupper((unsigned char)*at);
    if (variable != NULL)
        (void)setenv(variable, value, 1);
}

static void
setting_add(cli_lake_words *lake, const char *name, const char *value)
{
    lake->settings[lake->setting_count++] =
        (iceberg_property){slu_arena_strdup(&lake->arena, name), slu_arena_strdup(&lake->arena, value)};
    if (lake_setting_is_secret(name) && has_own_name(name)) {
        into_environment(&lake->arena, name, value);
        return;
    }
    lake->words[lake->word_count++] = slu_arena_printf(&lake->arena, "--" LAKE_SETTING_PREFIX "%s", name);
    lake->words[lake->word_count++] = slu_arena_strdup(&lake->arena, value);
}

slu_status
cli_lake_words_init(cli_lake_words *lake, const lake_options *options, const char *directory, slu_error *err)
{
    memset(lake, 0, sizeof *lake);
    slu_arena_init(&lake->arena, WORDS_BYTES_MAX);
    lake->own_directory = lake_setting(options, "warehouse") == NULL && lake_setting(options, "uri") == NULL;
    for (size_t i = 0; i < options->setting_count && i < LAKE_SETTINGS_MAX; i++)
        if (lake_setting(options, options->settings[i].key) == options->settings[i].value)
            setting_add(lake, options->settings[i].key, options->settings[i].value);
    if (lake->own_directory)
        setting_add(lake, "warehouse", directory);
    SLU_TRY(slu_arena_status(&lake->arena, err));
    const lake_options all = cli_lake_words_options(lake);
    return lake_check(&all, err);
}

void
cli_lake_words_fini(cli_lake_words *lake)
{
    slu_arena_fini(&lake->arena);
    memset(lake, 0, sizeof *lake);
}

lake_options
cli_lake_words_options(const cli_lake_words *lake)
{
    return (lake_options){.settings = lake->settings, .setting_count = lake->setting_count};
}

void
cli_lake_words_append(const cli_lake_words *lake, const char **argv, size_t count)
{
    memcpy(argv + count, lake->words, lake->word_count * sizeof *argv);
    argv[count + lake->word_count] = NULL;
}
