/*
 * args.h: the words of a command line, by the table of the verb.
 *
 * Shape    flags (`--name`, `--name value`, `--name=value`, `-n value`), positional words, and for a verb with settings every other
 *          `--a.b.c value`, which becomes a setting. `--` ends the flags. A flag with a value that is not given comes from the
 *          environment (SLUICE_A_B_C), then from the YAML file of `--config` where the verb has that flag.
 * Errors   INVALID: an unknown flag (with the nearest one), a value missing or too much, too few or too many words.
 * Owns     texts are those of argv.
 */
#ifndef SLU_CLI_ARGS_H
#define SLU_CLI_ARGS_H

#include "plan/descriptor.h"

#include <stdbool.h>

#define SLU_ARGS_WORDS_MAX 32
#define SLU_ARGS_FLAGS_MAX 32
#define SLU_ARGS_SETTINGS_MAX 256

typedef struct slu_verb slu_verb;

typedef struct slu_flag {
    const char *name;  /* "parallelism" */
    char letter;       /* 'p'; 0: none */
    const char *value; /* "N": takes a value; NULL: is there or not */
    const char *help;
} slu_flag;

typedef struct slu_args {
    const slu_verb *verb;
    const char *words[SLU_ARGS_WORDS_MAX];
    uint32_t word_count;
    const char *values[SLU_ARGS_FLAGS_MAX]; /* by flag; "" for one without a value; NULL: not given */
    slu_setting settings[SLU_ARGS_SETTINGS_MAX];
    bool setting_from_file[SLU_ARGS_SETTINGS_MAX]; /* it came from --config, not from the command line */
    uint32_t setting_count;
    bool json;
    bool help;
} slu_args;

SLU_CHECK slu_status slu_args_parse(const slu_verb *verb, int argc, char *const *argv, slu_args *out, slu_error *err);
/* The value of a flag; NULL: not given. The name is one of the verb's own. */
const char *slu_args_get(const slu_args *args, const char *flag);
static inline bool
slu_args_has(const slu_args *args, const char *flag)
{
    return slu_args_get(args, flag) != NULL;
}
/* A whole number within bounds; *out is left alone when the flag is not given. */
SLU_CHECK slu_status slu_args_i64(const slu_args *args, const char *flag, int64_t min, int64_t max, int64_t *out, slu_error *err);
SLU_CHECK slu_status slu_args_duration(const slu_args *args, const char *flag, int64_t *out_ms, slu_error *err);
#define SLU_HELP_COLUMNS 80

/* Appends a text and a newline, broken between words where it would pass SLU_HELP_COLUMNS; it begins at `column`, and lines that are broken at
 * `indent`. */
void slu_help_text(slu_buf *out, const char *text, size_t column, size_t indent);
void slu_args_help(const slu_verb *verb, slu_buf *out);

#endif
