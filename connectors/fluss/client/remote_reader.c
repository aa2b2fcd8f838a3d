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
    int32_t bytes;
} segment;

struct fluss_remote_reader {
    fluss_client *client;
    bool foreign; /* fetched, not opened */
    fluss_fetching *fetching;
    uint64_t fetch_at; /* what it fetches */
    size_t fetch_bytes;
    slu_arena arena;
    const char *dir;
    segment *segments;
    size_t count;
    size_t at;
    bool opened;    /* the segment `at` */
    int fd;         /* its file; -1: none */
    uint64_t bytes; /* of that file */
    uint64_t position;
    size_t first_bytes;            /* of the batch there, when it is more than a piece; else 0 */
    char path[SLU_PATH_BYTES_MAX]; /* of that file, for messages */
};

static slu_status
reader_fill(fluss_remote_reader *reader, const Fluss__PbRemoteLogFetchInfo *info, slu_error *err)
{
    const char *dir = info->remote_log_tablet_dir;
    const int32_t position = info->has_first_start_pos ? info->first_start_pos : 0;
    reader->foreign = fluss_store_is_foreign(dir);
    if (!reader->foreign || !fluss_files_known(reader->client))
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
        reader->segments[i].bytes = from->segment_size_in_bytes;
    }
    reader->count = info->n_remote_log_segments;
    reader->position = (uint64_t)position;
    return slu_arena_status(&reader->arena, err);
}

slu_status
fluss_remote_reader_open(fluss_client *client, const Fluss__PbRemoteLogFetchInfo *info, fluss_remote_reader **out, slu_error *err)
{
    fluss_remote_reader *reader = slu_alloc_zero(1, sizeof *reader);
    if (reader == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for remote segments");
    reader->fd = -1;
    reader->client = client;
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
    reader->opened = false;
}

void
fluss_remote_reader_close(fluss_remote_reader **reader)
{
    fluss_remote_reader *mine = slu_take(reader);
    if (mine == NULL)
        return;
    reader_close_file(mine);
    fluss_fetching_cancel(&mine->fetching);
    slu_arena_fini(&mine->arena);
    slu_free(mine);
}

static slu_status
reader_open_file(fluss_remote_reader *reader, slu_error *err)
{
    struct stat info;
    const segment *of = &reader->segments[reader->at];
    SLU_TRY(fluss_remote_segment_file(reader->dir, of->id, of->start_offset, ".log", reader->path, err));
    reader->opened = reader->foreign;
    reader->bytes = (uint64_t)SLU_MAX(of->bytes, 0);
    if (reader->foreign)
        return SLU_OK;
    const int fd = open(reader->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return slu_errno_set(err, errno, "open", reader->path);
    if (fstat(fd, &info) != 0) {
        (void)close(fd);
        return slu_errno_set(err, errno, "stat", reader->path);
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    reader->fd = fd;
    reader->opened = true;
    reader->bytes = (uint64_t)info.st_size;
    return SLU_OK;
}

static slu_status
reader_fetch(fluss_remote_reader *reader, size_t bytes, slu_error *err)
{
    reader->fetch_at = reader->position;
    reader->fetch_bytes = bytes;
    return fluss_files_read(reader->client, reader->path, (int64_t)reader->position, bytes, &reader->fetching, err);
}

/* What was begun for another place is not wanted. */
static slu_status
reader_read_foreign(fluss_remote_reader *reader, size_t *bytes, fluss_answer **out, const uint8_t **out_data, slu_error *err)
{
    if (reader->fetching != NULL && (reader->fetch_at != reader->position || reader->fetch_bytes < *bytes))
        fluss_fetching_cancel(&reader->fetching);
    if (reader->fetching == NULL)
        SLU_TRY(reader_fetch(reader, *bytes, err));
    *bytes = reader->fetch_bytes;
    return fluss_fetching_poll(&reader->fetching, out, out_data, err);
}

static slu_status
reader_read_file(fluss_remote_reader *reader, size_t bytes, fluss_answer **out, const uint8_t **out_data, slu_error *err)
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

static size_t
reader_want(const fluss_remote_reader *reader)
{
    const uint64_t rest = reader->bytes - reader->position;
    const uint64_t want = SLU_MAX((uint64_t)reader->first_bytes, (uint64_t)FLUSS_REMOTE_PIECE_BYTES);
    return (size_t)SLU_MIN(want, rest);
}

/* Whole batches are given; the next piece is begun while they are read. */
static void
reader_given(fluss_remote_reader *reader, size_t whole)
{
    slu_error later; /* said when the piece is asked for */
    reader->position += whole;
    reader->first_bytes = 0;
    if (reader->foreign && reader->position < reader->bytes && reader->fetching == NULL)
        (void)!reader_fetch(reader, reader_want(reader), &later);
}

/* One batch may be larger than a piece: then it is the piece. */
static slu_status
reader_piece(fluss_remote_reader *reader, fluss_answer **out, slu_view *out_bytes, slu_error *err)
{
    for (int turn = 0; turn < 2; turn++) {
        const uint8_t *data = NULL;
        size_t whole = 0;
        size_t first = 0;
        size_t want = reader_want(reader);
        SLU_AUTO(fluss_answer_unref) fluss_answer *piece = NULL;
        const slu_status status = reader->foreign ? reader_read_foreign(reader, &want, &piece, &data, err)
                                                  : reader_read_file(reader, want, &piece, &data, err);
        if (status != SLU_OK)
            return status;
        SLU_TRY(piece_whole(reader, slu_view_of(data, want), &whole, &first, err));
        if (whole != 0) {
            reader_given(reader, whole);
            *out_bytes = slu_view_of(data, whole);
            *out = slu_take(&piece);
            return SLU_OK;
        }
        if (first <= want || first > reader->bytes - reader->position)
            break;
        reader->first_bytes = first;
    }
    return slu_error_set(err, SLU_CORRUPT, "%s at %llu: not a whole batch", reader->path, (unsigned long long)reader->position);
}

bool
fluss_remote_reader_waits(const fluss_remote_reader *reader)
{
    return reader->fetching != NULL;
}

slu_status
fluss_remote_reader_next(fluss_remote_reader *reader, fluss_answer **out, slu_view *out_bytes, slu_error *err)
{
    while (reader->at < reader->count) {
        if (!reader->opened)
            SLU_TRY(reader_open_file(reader, err));
        if (reader->position < reader->bytes)
            return reader_piece(reader, out, out_bytes, err);
        reader_close_file(reader);
        reader->position = 0;
        reader->at++;
    }
    return SLU_END;
}
