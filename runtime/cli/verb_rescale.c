/* verb_rescale.c: another parallelism for a running job, or for some of its operators. */
#include "asking.h"

#include <inttypes.h>
#include <stdlib.h>

#define RESCALE_TIMEOUT_MS ((int64_t)3600 * 1000)

/* "4" or "suspicious=8". The name is cut out of `word`. */
static slu_status
want_parse(char *word, slu_message *out, slu_error *err)
{
    char *equals = strchr(word, '=');
    const char *number = equals == NULL ? word : equals + 1;
    char *end = NULL;
    const unsigned long long value = strtoull(number, &end, 10);
    if (number[0] < '0' || number[0] > '9' || *end != 0 || equals == word)
        return slu_error_set(err, SLU_INVALID, "\"%s\" is neither a number nor OPERATOR=N", word);
    *out = (slu_message){.kind = SLU_MESSAGE_WANT, .name = "", .parallelism = value};
    if (equals != NULL) {
        *equals = 0;
        out->name = word;
    }
    return SLU_OK;
}

static void
rescaled_print(slu_asking *a, const slu_message *done)
{
    if (a->args->json)
        slu_asking_json(
            a, json_pack("{s:s, s:s, s:I}", "job", done->job, "name", done->name, "duration_ms", (json_int_t)done->duration_ms));
    else
        slu_buf_printf(&a->out, "Job %s is rescaled: its tasks run again, %" PRId64 " ms after the barrier\n", done->name,
                       done->duration_ms);
}

static int
rescale(const slu_args *args)
{
    slu_asking a;
    slu_message wants[SLU_ARGS_WORDS_MAX];
    char words[SLU_ARGS_WORDS_MAX][SLU_NAME_BYTES_MAX + 16];
    const slu_message *done = NULL;
    const uint32_t count = args->word_count - 1;
    for (uint32_t i = 0; i < count; i++) {
        slu_error usage;
        (void)snprintf(words[i], sizeof words[i], "%s", args->words[i + 1]);
        if (want_parse(words[i], &wants[i], &usage) != SLU_OK) {
            (void)slu_cli_fail(args, &usage);
            return SLU_EXIT_USAGE;
        }
    }
    slu_status status = slu_asking_open(&a, args);
    if (status == SLU_OK)
        status = slu_client_rescale(a.client, args->words[0], wants, count, RESCALE_TIMEOUT_MS, &done, &a.err);
    if (status == SLU_OK)
        rescaled_print(&a, done);
    return slu_asking_close(&a, status);
}

static const slu_flag flags[] = {SLU_JOBMANAGER_FLAG};

const slu_verb slu_verb_rescale = {.name = "rescale",
                                   .summary = "gives a running job another parallelism",
                                   .usage = "JOB N | JOB OPERATOR=N ...",
                                   .more = "N is for every operator whose parallelism does not stand in the descriptor.\n"
                                           "At a barrier the state of all tasks is dealt out anew by key groups, and splits\n"
                                           "of sources among their subtasks; nothing is lost or done twice.\n",
                                   SLU_VERB_FLAGS(flags),
                                   .words_min = 2,
                                   .words_max = SLU_ARGS_WORDS_MAX,
                                   .json = true,
                                   .run = rescale};
