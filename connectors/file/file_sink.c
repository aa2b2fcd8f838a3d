/*
 * file_sink.c: rows into CSV files or files with a JSON object a line, exactly once.
 *
 * Life     write: rows go to a hidden file, .NAME.inprogress. prepare, at a barrier: that file is synced and closed; its name is the
 *          checkpoint's committable. commit, once the checkpoint is whole: it is renamed to NAME. So a reader of the folder sees whole files
 *          of rows that are in for good, and each row once.
 * NAME     PREFIX-JOB-SUBTASK-ATTEMPT-NUMBER.csv: no two attempts ever write to the same one.
 * Bytes    of a committable: the path NAME, relative to nothing, without a final zero.
 * Left     hidden files of an attempt that died before its checkpoint was whole: nobody's rows; they may be deleted when the job is stopped.
 */
#include "rows.h"

#include <sluice/sdk/rows.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLUSH_BYTES ((size_t)256 << 10)
#define PATH_BYTES 4096
#define HIDDEN_END ".inprogress"

typedef struct sink_options {
    const char *path;
    const char *format;
    const char *delimiter;
    const char *null_text;
    const char *prefix;
    uint32_t header;
} sink_options;

typedef struct file_sink {
    const sink_options *options;
    const struct ArrowSchema *schema;
    bool json;
    char stem[128]; /* PREFIX-JOB-SUBTASK-ATTEMPT */
    int64_t number;
    int fd;                /* of the open file; -1: none */
    char path[PATH_BYTES]; /* NAME in its folder */
    char hidden[PATH_BYTES];
    sdk_text text, value;
} file_sink;

static const slu_option sink_option_table[] = {
    SLU_OPTION("path", STRING, sink_options, path, NULL, "the folder to write to; made if it is not there",
               .flags = SLU_OPTION_REQUIRED),
    SLU_OPTION("format", CHOICE, sink_options, format, "csv", "how rows are written", .choices = "csv|json"),
    SLU_OPTION("header", BOOL, sink_options, header, "true", "CSV: each file begins with the columns' names"),
    SLU_OPTION("delimiter", STRING, sink_options, delimiter, ",", "CSV: one character between fields"),
    SLU_OPTION("null", STRING, sink_options, null_text, "", "CSV: the text that means NULL"),
    SLU_OPTION("prefix", STRING, sink_options, prefix, "part", "how file names begin")};

static slu_status
sink_plan(slu_plan_call *call, slu_error *err)
{
    const sink_options *options = call->options;
    if (strlen(options->delimiter) != 1)
        return slu_error_at(err, SLU_INVALID, slu_value_get(call->with, "delimiter"), 0, "delimiter: one character is expected");
    if (strlen(options->prefix) > 64 || strchr(options->prefix, '/') != NULL || options->prefix[0] == '.')
        return slu_error_at(err, SLU_INVALID, slu_value_get(call->with, "prefix"), 0,
                            "prefix: the beginning of a file name is expected, without '/', not hidden");
    slu_promise_say(
        call->host,
        "exactly once: a file appears under its name when the checkpoint of its rows is whole. Needs checkpoints, and a "
        "folder that every task manager reaches; hidden files are nobody's rows");
    if (strlen(options->path) > PATH_BYTES - 512)
        return slu_error_at(err, SLU_LIMIT, slu_value_get(call->with, "path"), 0, "path: too long");
    return SLU_OK;
}

/* ---- Rows as text ----------------------------------------------------------------------------------------------------------- */

/* Quoted where it holds a delimiter, a quote, a line end or a space at its ends, or where it would read as NULL. */
static void
csv_text(const file_sink *self, const char *text, size_t bytes, sdk_text *out)
{
    const bool as_null = bytes == strlen(self->options->null_text) && memcmp(text, self->options->null_text, bytes) == 0;
    bool quote = as_null || bytes == 0 || text[0] == ' ' || text[bytes - 1] == ' ';
    for (size_t i = 0; i < bytes && !quote; i++)
        quote = text[i] == self->options->delimiter[0] || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
    if (!quote) {
        sdk_text_add(out, text, bytes);
        return;
    }
    sdk_text_add(out, "\"", 1);
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '"')
            sdk_text_add(out, "\"", 1);
        sdk_text_add(out, text + i, 1);
    }
    sdk_text_add(out, "\"", 1);
}

static void
json_text(const char *text, size_t bytes, sdk_text *out)
{
    sdk_text_add(out, "\"", 1);
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            sdk_text_printf(out, "\\%c", c);
        else if (c == '\n')
            sdk_text_add(out, "\\n", 2);
        else if (c < 0x20)
            sdk_text_printf(out, "\\u%04x", c);
        else
            sdk_text_add(out, text + i, 1);
    }
    sdk_text_add(out, "\"", 1);
}

/* Numbers and booleans stand as they are; what JSON has no number for (NaN, infinities) is null; the rest is a text. */
static void
json_value(slu_type type, const char *text, size_t bytes, sdk_text *out)
{
    const bool number = type.id >= SLU_TYPE_INT8 && type.id <= SLU_TYPE_DECIMAL;
    const char last = bytes == 0 ? 0 : text[bytes - 1];
    if (type.id == SLU_TYPE_BOOL)
        sdk_text_printf(out, text[0] == 'T' ? "true" : "false");
    else if (number && last >= '0' && last <= '9')
        sdk_text_add(out, text, bytes);
    else if (number)
        sdk_text_printf(out, "null");
    else
        json_text(text, bytes, out);
}

static void
field_write(file_sink *self, const slu_column *column, int64_t c, int64_t row)
{
    const struct ArrowSchema *field = self->schema->children[c];
    const bool valid = slu_column_valid(column, row);
    sdk_text_reset(&self->value);
    if (valid)
        sdk_value_write(field, column, row, &self->value);
    if (self->value.failed)
        self->text.failed = true;
    if (self->json) {
        json_text(field->name, strlen(field->name), &self->text);
        sdk_text_add(&self->text, ":", 1);
        if (valid)
            json_value(column->type, sdk_text_cstr(&self->value), self->value.bytes, &self->text);
        else
            sdk_text_printf(&self->text, "null");
    } else if (valid) {
        csv_text(self, sdk_text_cstr(&self->value), self->value.bytes, &self->text);
    } else {
        sdk_text_printf(&self->text, "%s", self->options->null_text);
    }
}

static void
row_write(file_sink *self, const slu_batch *batch, int64_t row)
{
    const char between = self->json ? ',' : self->options->delimiter[0];
    if (self->json)
        sdk_text_add(&self->text, "{", 1);
    for (int64_t c = 0; c < self->schema->n_children; c++) {
        const slu_column column = slu_batch_column(batch, c);
        if (c != 0)
            sdk_text_add(&self->text, &between, 1);
        field_write(self, &column, c, row);
    }
    sdk_text_add(&self->text, self->json ? "}\n" : "\n", self->json ? 2 : 1);
}

static void
header_write(file_sink *self)
{
    for (int64_t c = 0; c < self->schema->n_children; c++) {
        if (c != 0)
            sdk_text_add(&self->text, self->options->delimiter, 1);
        csv_text(self, self->schema->children[c]->name, strlen(self->schema->children[c]->name), &self->text);
    }
    sdk_text_add(&self->text, "\n", 1);
}

/* ---- Files ------------------------------------------------------------------------------------------------------------------ */

static slu_status
io_fail(const char *what, const char *path, slu_error *err)
{
    const int code = errno;
    const slu_status status = slu_error_set(err, SLU_IO, "file_sink: %s %s: %s", what, path, strerror(code));
    if (err != NULL)
        err->code = code;
    return status;
}

/* DIR/NAME to DIR/.NAME.inprogress; false: too long. */
static bool
hidden_path(const char *path, size_t bytes, char out[PATH_BYTES])
{
    size_t folder = bytes;
    while (folder > 0 && path[folder - 1] != '/')
        folder--;
    const int length = snprintf(out, PATH_BYTES, "%.*s.%.*s" HIDDEN_END, (int)folder, path, (int)(bytes - folder), path + folder);
    return length > 0 && length < PATH_BYTES;
}

static slu_status
text_flush(file_sink *self, slu_error *err)
{
    const char *at = sdk_text_cstr(&self->text);
    size_t left = self->text.bytes;
    if (self->text.failed)
        return slu_error_set(err, SLU_NOMEM, "file_sink: no memory for rows");
    while (left > 0) {
        const ssize_t wrote = write(self->fd, at, left);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return io_fail("write to", self->hidden, err);
        at += wrote;
        left -= (size_t)wrote;
    }
    sdk_text_reset(&self->text);
    return SLU_OK;
}

static slu_status
file_begin(file_sink *self, slu_error *err)
{
    const int length = snprintf(self->path, sizeof self->path, "%s/%s-%lld.%s", self->options->path, self->stem,
                                (long long)self->number, self->json ? "json" : "csv");
    if (length < 0 || length >= PATH_BYTES || !hidden_path(self->path, (size_t)length, self->hidden))
        return slu_error_set(err, SLU_LIMIT, "file_sink: a path that is too long under %s", self->options->path);
    self->fd = open(self->hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (self->fd < 0)
        return io_fail("create", self->hidden, err);
    self->number++;
    if (!self->json && self->options->header)
        header_write(self);
    return SLU_OK;
}

static slu_status
file_end(file_sink *self, slu_error *err)
{
    SLU_TRY(text_flush(self, err));
    if (fsync(self->fd) != 0)
        return io_fail("sync", self->hidden, err);
    const int rc = close(self->fd);
    self->fd = -1;
    return rc == 0 ? SLU_OK : io_fail("close", self->hidden, err);
}

/* ---- Life ------------------------------------------------------------------------------------------------------------------- */

static slu_status
sink_open(void *instance, const slu_open *open, slu_error *err)
{
    file_sink *self = instance;
    self->options = open->options;
    self->schema = open->inputs[0];
    self->json = strcmp(self->options->format, "json") == 0;
    self->fd = -1;
    (void)snprintf(self->stem, sizeof self->stem, "%s-%.8s-%u-%u", self->options->prefix, open->job_id, open->subtask,
                   open->attempt);
    if (mkdir(self->options->path, 0755) != 0 && errno != EEXIST)
        return io_fail("make the folder", self->options->path, err);
    return SLU_OK;
}

static slu_status
sink_write(void *instance, const slu_batch *batch, slu_error *err)
{
    file_sink *self = instance;
    if (batch->rows > 0 && self->fd < 0)
        SLU_TRY(file_begin(self, err));
    for (int64_t i = 0; i < batch->rows; i++) {
        row_write(self, batch, slu_batch_row(batch, i));
        if (self->text.bytes >= FLUSH_BYTES || self->text.failed)
            SLU_TRY(text_flush(self, err));
    }
    return SLU_OK;
}

static slu_status
sink_prepare(void *instance, slu_snapshot *committables, slu_error *err)
{
    file_sink *self = instance;
    if (self->fd < 0)
        return SLU_OK;
    SLU_TRY(file_end(self, err));
    return committables->write(committables, SLU_KEY_GROUP_NONE, self->path, strlen(self->path), err);
}

/* Done before a crash: the hidden file is gone and the whole one is there. */
static slu_status
sink_commit(void *instance, int64_t checkpoint, const void *data, uint64_t bytes, slu_error *err)
{
    char path[PATH_BYTES], hidden[PATH_BYTES];
    (void)instance;
    (void)checkpoint;
    if (bytes == 0 || bytes >= sizeof path || memchr(data, 0, (size_t)bytes) != NULL || !hidden_path(data, (size_t)bytes, hidden))
        return slu_error_set(err, SLU_CORRUPT, "file_sink: a committable that is no path");
    memcpy(path, data, (size_t)bytes);
    path[bytes] = 0;
    if (rename(hidden, path) == 0 || (errno == ENOENT && access(path, F_OK) == 0))
        return SLU_OK;
    return io_fail("publish", path, err);
}

static void
sink_close(void *instance)
{
    file_sink *self = instance;
    if (self->fd >= 0) { /* rows after the last barrier: they come again */
        (void)close(self->fd);
        (void)unlink(self->hidden);
    }
    sdk_text_fini(&self->text);
    sdk_text_fini(&self->value);
}

static const slu_sink_ops sink_ops = {.size = sizeof sink_ops,
                                      .open = sink_open,
                                      .write = sink_write,
                                      .prepare = sink_prepare,
                                      .commit = sink_commit,
                                      .close = sink_close};

const slu_plugin file_sink_plugin = {.size = sizeof file_sink_plugin,
                                     .kind = SLU_KIND_SINK,
                                     .name = "file_sink",
                                     .help = "Writes rows to CSV files, or a JSON object a line, exactly once",
                                     .options = sink_option_table,
                                     .option_count = sizeof sink_option_table / sizeof *sink_option_table,
                                     .options_bytes = sizeof(sink_options),
                                     .instance_bytes = sizeof(file_sink),
                                     .state_version = 1,
                                     .input_min = 1,
                                     .input_max = 1,
                                     .plan = sink_plan,
                                     .ops = &sink_ops};
