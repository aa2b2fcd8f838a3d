/* verb_plugins_new.c: a new plugin from the template, which is built into the program. */
#include "verbs.h"

#include "base/file.h"
#include "base/limits.h"
#include "template.h"

#include <ctype.h>
#include <sys/stat.h>

#define TEMPLATE_WORD "my_plugin"
#define FILE_BYTES_MAX ((size_t)1 << 20)

static slu_status
name_check(const char *name, slu_error *err)
{
    if (!islower((unsigned char)name[0]) || strlen(name) > 48)
        return slu_error_set(err, SLU_INVALID, "\"%s\": a plugin's name begins with a small letter and has at most 48 characters",
                             name);
    for (const char *at = name; *at != 0; at++)
        if (!islower((unsigned char)*at) && !isdigit((unsigned char)*at) && *at != '_')
            return slu_error_set(err, SLU_INVALID, "\"%s\": a plugin's name has small letters, digits and _", name);
    return SLU_OK;
}

/* The text with every my_plugin replaced. */
static void
text_replace(const char *text, size_t bytes, const char *name, slu_buf *out)
{
    const size_t word = strlen(TEMPLATE_WORD);
    for (size_t at = 0; at < bytes;) {
        if (bytes - at >= word && memcmp(text + at, TEMPLATE_WORD, word) == 0) {
            slu_buf_text(out, name);
            at += word;
        } else {
            slu_buf_u8(out, (uint8_t)text[at++]);
        }
    }
}

static slu_status
parent_make(const char *path, slu_error *err)
{
    char parent[SLU_PATH_BYTES_MAX];
    (void)snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash == NULL)
        return SLU_OK;
    *slash = 0;
    return slu_dir_make(parent, err);
}

static slu_status
file_make(const char *dir, const char *name, const slu_template_file *file, slu_error *err)
{
    SLU_AUTO(slu_buf_fini) slu_buf path = {0};
    SLU_AUTO(slu_buf_fini) slu_buf text = {0};
    slu_buf_init(&path, SLU_PATH_BYTES_MAX);
    slu_buf_init(&text, FILE_BYTES_MAX);
    slu_buf_printf(&path, "%s/", dir);
    text_replace(file->name, strlen(file->name), name, &path);
    text_replace((const char *)file->bytes, file->count, name, &text);
    SLU_TRY(slu_buf_status(&path, err));
    SLU_TRY(slu_buf_status(&text, err));
    SLU_TRY(parent_make(slu_buf_cstr(&path), err));
    SLU_TRY(slu_file_create(slu_buf_cstr(&path), slu_buf_view(&text), false, err));
    (void)printf("  %s\n", slu_buf_cstr(&path));
    return SLU_OK;
}

static int
plugins_new(const slu_args *args)
{
    slu_error err;
    const char *name = args->words[0];
    const char *dir = slu_args_has(args, "dir") ? slu_args_get(args, "dir") : name;
    if (name_check(name, &err) != SLU_OK) {
        (void)slu_cli_fail(args, &err);
        return SLU_EXIT_USAGE;
    }
    if (slu_path_exists(dir)) {
        (void)fprintf(stderr, "sluice plugins new: %s is there already\n", dir);
        return SLU_EXIT_FAILED;
    }
    for (const slu_template_file *file = slu_template_files; file->name != NULL; file++)
        if (file_make(dir, name, file, &err) != SLU_OK)
            return slu_cli_fail(args, &err);
    (void)printf("plugin %s is in %s: its README.md says how to build, test and run it\n", name, dir);
    return SLU_EXIT_DONE;
}

static const slu_flag flags[] = {{"dir", 0, "DIR", "where to (NAME)"}};

const slu_verb slu_verb_plugins_new = {.name = "plugins new",
                                       .summary = "a new plugin from the template, in a directory of its name",
                                       .usage = "NAME",
                                       SLU_VERB_FLAGS(flags),
                                       .words_min = 1,
                                       .words_max = 1,
                                       .run = plugins_new};
