#include "rows.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES_FIRST ((size_t)256 << 10)

static slu_status
io_fail(const file_lines *lines, const char *what, slu_error *err)
{
    const int code = errno;
    const slu_status status = slu_error_set(err, code == ENOENT ? SLU_NOTFOUND : SLU_IO, "%s %s: %s", what,
                                            lines->path != NULL ? lines->path : "", strerror(code));
    if (err != NULL)
        err->code = code;
    return status;
}

slu_status
file_lines_open(file_lines *lines, const char *path, char delimiter, slu_error *err)
{
    struct stat info;
    memset(lines, 0, sizeof *lines);
    lines->delimiter = delimiter;
    lines->line = 1;
    lines->path = strdup(path);
    lines->buffer = malloc(BUFFER_BYTES_FIRST);
    lines->capacity = BUFFER_BYTES_FIRST;
    lines->fd = open(path, O_RDONLY | O_CLOEXEC);
    slu_status status = SLU_OK;
    if (lines->fd < 0)
        status = io_fail(lines, "open", err);
    else if (lines->path == NULL || lines->buffer == NULL)
        status = slu_error_set(err, SLU_NOMEM, "%s: no memory", path);
    else if (fstat(lines->fd, &info) != 0 || S_ISDIR(info.st_mode))
        status = slu_error_set(err, SLU_INVALID, "%s is a directory; give a file, or a pattern such as %s/*.csv", path, path);
    if (status != SLU_OK)
        file_lines_close(lines);
    return status;
}

void
file_lines_close(file_lines *lines)
{
    if (lines->path != NULL && lines->fd >= 0)
        (void)close(lines->fd);
    free(lines->path);
    free(lines->buffer);
    memset(lines, 0, sizeof *lines);
    lines->fd = -1;
}

slu_status
file_lines_seek(file_lines *lines, int64_t offset, slu_error *err)
{
    if (lseek(lines->fd, (off_t)offset, SEEK_SET) < 0)
        return io_fail(lines, "seek in", err);
    lines->start = lines->end = 0;
    lines->offset = offset;
    lines->at_end = false;
    return SLU_OK;
}

/* Reads more behind what is there; a record that fills the buffer makes it grow up to its limit. */
static slu_status
lines_fill(file_lines *lines, slu_error *err)
{
    if (lines->start > 0) {
        memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->start = 0;
    }
    if (lines->end == lines->capacity) {
        if (lines->capacity >= FILE_RECORD_BYTES_MAX)
            return slu_error_set(err, SLU_LIMIT, "%s:%lld: a row of more than %zu bytes", lines->path, (long long)lines->line,
                                 FILE_RECORD_BYTES_MAX);
        char *wider = realloc(lines->buffer, lines->capacity * 2);
        if (wider == NULL)
            return slu_error_set(err, SLU_NOMEM, "%s: no memory for a row", lines->path);
        lines->buffer = wider;
        lines->capacity *= 2;
    }
    ssize_t got;
    do {
        got = read(lines->fd, lines->buffer + lines->end, lines->capacity - lines->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return io_fail(lines, "read", err);
    lines->at_end = got == 0;
    lines->end += (size_t)got;
    return SLU_OK;
}

/* How far a record has been looked at. */
typedef struct scan {
    size_t seen;
    bool quoted;
    bool closed; /* the last byte was a quote that closed, or the first half of a doubled one */
} scan;

/* Where the record that starts at `start` ends (at its LF), looking from s->seen on; false: not in the buffer. A quote opens only where a
 * field begins: elsewhere it is a character like any other. */
static bool
record_end(const file_lines *lines, scan *s)
{
    const char *record = lines->buffer + lines->start;
    const size_t bytes = lines->end - lines->start;
    for (; s->seen < bytes; s->seen++) {
        const char c = record[s->seen];
        if (c == '\n' && !s->quoted)
            return true;
        if (c != '"' || lines->delimiter == 0) {
            s->closed = false;
        } else if (s->quoted) {
            s->quoted = false;
            s->closed = true;
        } else {
            s->quoted = s->closed || s->seen == 0 || record[s->seen - 1] == lines->delimiter;
            s->closed = false;
        }
    }
    return false;
}

slu_status
file_lines_next(file_lines *lines, const char **out, size_t *out_bytes, slu_error *err)
{
    scan s = {0};
    bool found = record_end(lines, &s);
    while (!found && !lines->at_end) {
        SLU_TRY(lines_fill(lines, err));
        found = record_end(lines, &s);
    }
    const size_t seen = s.seen;
    if (!found && seen == 0)
        return SLU_END;
    *out = lines->buffer + lines->start;
    *out_bytes = seen > 0 && (*out)[seen - 1] == '\r' ? seen - 1 : seen;
    for (size_t i = 0; lines->delimiter != 0 && i < seen; i++)
        lines->line += (*out)[i] == '\n';
    lines->line++;
    lines->start += seen + found;
    lines->offset += (int64_t)(seen + found);
    return SLU_OK;
}
