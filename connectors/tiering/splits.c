#include "splits.h"

#include "base/alloc.h"

static void
split_free(tiering_open_split *split)
{
    tiering_lake_writer_free(&split->writer);
    slu_buf_fini(&split->files);
    slu_free(split);
}

void
tiering_splits_free(tiering_open_split **splits)
{
    while (*splits != NULL) {
        tiering_open_split *split = *splits;
        *splits = split->next;
        split_free(split);
    }
}

slu_status
tiering_splits_find(tiering_open_split **splits, const tiering_lake_writer_options *options, tiering_open_split **out,
                    slu_error *err)
{
    for (*out = *splits; *out != NULL; *out = (*out)->next)
        if ((*out)->split == options->piece->split)
            return SLU_OK;
    tiering_open_split *split = slu_alloc_zero(1, sizeof *split);
    if (split == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a split");
    const slu_status status = tiering_lake_writer_open(options, &split->writer, err);
    if (status != SLU_OK) {
        slu_free(split);
        return status;
    }
    slu_buf_init(&split->files, TIERING_RESULT_BYTES_MAX);
    split->split = options->piece->split;
    split->next = *splits;
    *splits = split;
    *out = split;
    return SLU_OK;
}

slu_status
tiering_split_write(tiering_open_split *split, const tiering_piece *piece, const slu_batch *batch, slu_error *err)
{
    if (split->writer == NULL || batch->rows == 0)
        return SLU_OK;
    SLU_TRY(tiering_lake_writer_append(split->writer, batch, piece->base_offset, piece->commit_timestamp, err));
    if (split->oldest_ms == 0 && piece->commit_timestamp > 0)
        split->oldest_ms = piece->commit_timestamp; /* rows come in the order of their time */
    split->next_offset = piece->base_offset + slu_batch_row(batch, batch->rows - 1) + 1;
    return SLU_OK;
}

slu_status
tiering_split_cut(tiering_open_split *split, slu_error *err)
{
    SLU_TRY(tiering_lake_writer_finish(split->writer, &split->files, err));
    tiering_lake_writer_free(&split->writer);
    return SLU_OK;
}

slu_status
tiering_splits_end(tiering_open_split **splits, tiering_piece *piece, slu_buf *files, slu_error *err)
{
    for (tiering_open_split **at = splits; *at != NULL; at = &(*at)->next) {
        tiering_open_split *split = *at;
        if (split->split != piece->split)
            continue;
        if (split->writer != NULL) {
            SLU_TRY(tiering_lake_writer_finish(split->writer, files, err));
        } else {
            slu_buf_append(files, split->files.data, split->files.bytes);
            piece->end_offset = split->next_offset;
        }
        piece->commit_timestamp = split->oldest_ms;
        *at = split->next;
        split_free(split);
        return slu_buf_status(files, err);
    }
    return SLU_OK;
}
