/*
 * print.c: writes every row as a line of text: for looking, not for keeping.
 *
 * A batch is formatted whole and written with one call, so that lines of parallel subtasks do not mix. Rows already printed are printed
 * again after a restart: at-least-once.
 */
#include <sluice/sdk/rows.h>

#include <sluice/plugin.h>

#include <errno.h>
#include <unistd.h>

typedef struct print_options {
    const char *to;
    const char *prefix;
    int64_t limit;
} print_options;

typedef struct print {
    const print_options *options;
    int fd;
    int64_t printed;
    sdk_text text;
} print;

static const slu_option print_option_table[] = {
    SLU_OPTION("to", CHOICE, print_options, to, "stdout", "where to write", .choices = "stdout|stderr"),
    SLU_OPTION("prefix", STRING, print_options, prefix, "", "put in front of every line"),
    SLU_OPTION("limit", I64, print_options, limit, "0", "rows to print per subtask, the rest are dropped; 0 all", .min = 0,
               .max = INT64_MAX)};

static slu_status
print_plan(slu_plan_call *call, slu_error *err)
{
    (void)call;
    (void)err;
    return SLU_OK;
}

static slu_status
print_open(void *instance, const slu_open *open, slu_error *err)
{
    print *self = instance;
    (void)err;
    self->options = open->options;
    self->fd = strcmp(self->options->to, "stderr") == 0 ? STDERR_FILENO : STDOUT_FILENO;
    return SLU_OK;
}

static slu_status
write_all(const print *self, slu_error *err)
{
    const char *at = sdk_text_cstr(&self->text);
    size_t left = self->text.bytes;
    while (left > 0) {
        const ssize_t wrote = write(self->fd, at, left);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0) {
            const slu_status status = slu_error_set(err, SLU_IO, "print: write to %s: %s", self->options->to, strerror(errno));
            if (err != NULL)
                err->code = errno;
            return status;
        }
        at += wrote;
        left -= (size_t)wrote;
    }
    return SLU_OK;
}

/* Puts the prefix in front of each line of `lines`. */
static void
add_prefixed(sdk_text *to, const char *prefix, const char *lines)
{
    while (*lines != 0) {
        const size_t bytes = strcspn(lines, "\n") + 1;
        sdk_text_add(to, prefix, strlen(prefix));
        sdk_text_add(to, lines, bytes);
        lines += bytes;
    }
}

static slu_status
print_write(void *instance, const slu_batch *batch, slu_error *err)
{
    print *self = instance;
    slu_batch shown = *batch;
    SLU_AUTO(sdk_text_fini) sdk_text lines = {0};
    if (self->options->limit != 0 && shown.rows > self->options->limit - self->printed)
        shown.rows = self->options->limit - self->printed;
    sdk_text_reset(&self->text);
    if (self->options->prefix[0] == 0) {
        sdk_rows_write(&shown, &self->text);
    } else {
        sdk_rows_write(&shown, &lines);
        add_prefixed(&self->text, self->options->prefix, sdk_text_cstr(&lines));
    }
    if (self->text.failed || lines.failed)
        return slu_error_set(err, SLU_NOMEM, "print: no memory for a batch of %lld rows", (long long)shown.rows);
    self->printed += shown.rows;
    return write_all(self, err);
}

static slu_status
print_prepare(void *instance, slu_snapshot *committables, slu_error *err)
{
    (void)instance;
    (void)committables;
    (void)err;
    return SLU_OK;
}

static void
print_close(void *instance)
{
    print *self = instance;
    sdk_text_fini(&self->text);
}

static const slu_sink_ops print_ops = {
    .size = sizeof print_ops, .open = print_open, .write = print_write, .prepare = print_prepare, .close = print_close};

static const slu_plugin print_plugin = {.size = sizeof print_plugin,
                                        .kind = SLU_KIND_SINK,
                                        .name = "print",
                                        .help = "Writes every row as a line of text",
                                        .options = print_option_table,
                                        .option_count = sizeof print_option_table / sizeof *print_option_table,
                                        .options_bytes = sizeof(print_options),
                                        .instance_bytes = sizeof(print),
                                        .state_version = 1,
                                        .input_min = 1,
                                        .input_max = 1,
                                        .plan = print_plan,
                                        .ops = &print_ops};

static const slu_plugin *const print_plugins[] = {&print_plugin};

const slu_module *
slu_plugin_entry(void)
{
    static const slu_module module = {
        .size = sizeof module, .abi = SLU_ABI, .name = "print", .version = "0.1.0", .plugins = print_plugins, .plugin_count = 1};
    return &module;
}
