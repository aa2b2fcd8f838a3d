#include "remote_reader.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/sizes.h"
#include "fluss/record/log_batch.h"
#include "fluss/remote/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define READER_ARENA_BYTES_MAX ((size_t)64 << 20)

typedef struct segment {
    const char *id;
    int64_t start_offset;
} segment;

struct fluss_remote_reader {
    slu_arena arena;
    const char *dir;
    segment *segments;
    size_t count;
    size_t at;
    int fd;         /* of the segment `at`; -1: not open yet */
    uint64_t bytes; /* of that file */
    uint64_t position;
    char path[SLU_PATH_BYTES_MAX]; /* of that file, for messages */
};

static slu_status
reader_fill(fluss_remote_reader *reader, const Fluss__PbRemoteLogFetchInfo *info, slu_error *err)
{
    const char *dir = NULL;
    const int32_t position = info->has_first_start_pos ? info->first_start_pos : 0;
    SLU_TRY(fluss_remote_local_path(info->remote_log_tablet_dir, &dir, err));
    if (info->n_remote_log_segments == 0 || info->n_remote_log_segments > FLUSS_REMOTE_SEGMENTS_MAX || position < 0)
        return slu_error_set(err, SLU_CORRUPT, "%zu remote segments from position %d", info->n_remote_log_segments, position);
    reader->dir = slu_arena_strdup(&reader->arena, dir);
    reader->segments = slu_arena_array(&reader->arena, info->n_remote_log_segments, sizeof *reader->segments);
    SLU_TRY(slu_arena_status(&reader->arena, err));
    for (size_t i = 0; i < info->n_remote_log_segments; i++) {
        const Fluss__PbRemoteLogSegment *from = info->remote_log_segments[i];
        if (!fluss_uuid_is(from->remote_log_segment_id) || from->remote_log_start_offset < 0)
            return slu_error_set(err, SLU_CORRUPT, "remote segment '%.40s' of offset %lld", from->remote_log_segment_id,
                                 (long long)from->remote_log_start_offset);
        reader->segments[i].id = slu_arena_strdup(&reader->arena, from->remote_log_segment_id);
        reader->segments[i].start_offset = from->remote_log_start_offset;
    }
    reader->count = info->n_remote_log_segments;
    reader->position = (uint64_t)position;
    return slu_arena_status(&reader->arena, err);
}

slu_status
fluss_remote_reader_open(const Fluss__PbRemoteLogFetchInfo *info, fluss_remote_reader **out, slu_error *err)
{
    fluss_remote_reader *reader = slu_alloc_zero(1, sizeof *reader);
    if (reader == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for remote segments");
    reader->fd = -1;
    slu_arena_init(&reader->arena, READER_ARENA_BYTES_MAX);
    const slu_status status = reader_fill(reader, info, err);
    if (status != SLU_OK) {
        fluss_remote_reader_close(&reader);
        return status;
    }
    *out = reader;
    return SLU_OK;
}

static void
reader_close_file(fluss_remote_reader *reader)
{
    if (reader->fd >= 0)
        (void)close(reader->fd);
    reader->fd = -1;
}

void
fluss_remote_reader_close(fluss_remote_reader **reader)
{
    fluss_remote_reader *mine = slu_take(reader);
    if (mine == NULL)
        return;
    reader_close_file(mine);
    slu_arena_fini(&mine->arena);
    slu_free(mine);
}

static slu_status
reader_open_file(fluss_remote_reader *reader, slu_error *err)
{
    struct stat info;
    const segment *of = &reader->segments[reader->at];
    SLU_TRY(fluss_remote_segment_file(reader->dir, of->id, of->start_offset, ".log", reader->path, err));
    const int fd = open(reader->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return slu_errno_set(err, errno, "open", reader->path);
    if (fstat(fd, &info) != 0) {
        (void)close(fd);
        return slu_errno_set(err, errno, "stat", reader->path);
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    reader->fd = fd;
    reader->bytes = (uint64_t)info.st_size;
    return SLU_OK;
}

static slu_status
reader_read(fluss_remote_reader *reader, size_t bytes, fluss_answer **out, uint8_t **out_data, slu_error *err)
{
    fluss_answer *piece = slu_alloc_zero(1, sizeof *piece);
    if (piece == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a piece of a remote segment");
    piece->references = 1;
    slu_arena_init(&piece->arena, bytes + 64);
    uint8_t *data = slu_arena_alloc(&piece->arena, bytes);
    slu_status status = data == NULL ? slu_arena_status(&piece->arena, err) : SLU_OK;
    for (size_t done = 0; status == SLU_OK && done < bytes;) {
        const ssize_t n = pread(reader->fd, data + done, bytes - done, (off_t)(reader->position + done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            status = slu_errno_set(err, n == 0 ? EIO : errno, "read", reader->path);
    }
    if (status != SLU_OK) {
        fluss_answer_unref(&piece);
        return status;
    }
    *out = piece;
    *out_data = data;
    return SLU_OK;
}

/* How much of it is whole batches; *out_first: bytes of the first one, whole or not. */
static slu_status
piece_whole(const fluss_remote_reader *reader, slu_view piece, size_t *out_whole, size_t *out_first, slu_error *err)
{
    size_t at = 0;
    *out_first = 0;
    while (at < piece.bytes) {
        fluss_log_header head = {0};
        const slu_status status = fluss_log_peek(slu_view_of(piece.data + at, piece.bytes - at), &head, err);
        if (at == 0)
            *out_first = head.batch_bytes;
        if (status == SLU_MORE)
            break;
        SLU_TRY_IN(status, err, "%s at %llu", reader->path, (unsigned long long)(reader->position + at));
        at += head.batch_bytes;
    }
    *out_whole = at;
    return SLU_OK;
}

/* One batch may be larger than a piece: then it is the piece. */
static slu_status
reader_piece(fluss_remote_reader *reader, fluss_answer **out, slu_view *out_bytes, slu_error *err)
{
    size_t want = (size_t)SLU_MIN((uint64_t)FLUSS_REMOTE_PIECE_BYTES, reader->bytes - reader->position);
    for (int turn = 0; turn < 2; turn++) {
        uint8_t *data = NULL;
        size_t whole = 0;
        size_t first = 0;
        SLU_AUTO(fluss_answer_unref) fluss_answer *piece = NULL;
        SLU_TRY(reader_read(reader, want, &piece, &data, err));
        SLU_TRY(piece_whole(reader, slu_view_of(data, want), &whole, &first, err));
        if (whole != 0) {
            reader->position += whole;
            *out_bytes = slu_view_of(data, whole);
            *out = slu_take(&piece);
            return SLU_OK;
        }
        if (first <= want || first > reader->bytes - reader->position)
            break;
        want = first;
    }
    return slu_error_set(err, SLU_CORRUPT, "%s at %llu: not a whole batch", reader->path, (unsigned long long)reader->position);
}

slu_status
fluss_remote_reader_next(fluss_remote_reader *reader, fluss_answer **out, slu_view *out_bytes, slu_error *err)
{
    while (reader->at < reader->count) {
        if (reader->fd < 0)
            SLU_TRY(reader_open_file(reader, err));
        if (reader->position < reader->bytes)
            return reader_piece(reader, out, out_bytes, err);
        reader_close_file(reader);
        reader->position = 0;
        reader->at++;
    }
    return SLU_END;
}
