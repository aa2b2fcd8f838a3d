/* A log whose last file holds anything: it opens, what is left of it can be read from any offset, and it takes one more batch. */
#include "../../../unit/fluss/server/batches.h"

#include "base/assert.h"
#include "base/file.h"
#include "fluss/log/log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];
static slu_env_fake fake;

static void
remove_dir(void)
{
    if (slu_dir_remove(dir, NULL) != SLU_OK)
        dir[0] = 0;
}

static void
set_up(void)
{
    if (dir[0] != 0)
        return;
    slu_env_init_fake(&fake, 1);
    (void)snprintf(dir, sizeof dir, "/tmp/slu_fuzz_XXXXXX");
    SLU_ASSERT(mkdtemp(dir) != NULL);
    SLU_ASSERT(atexit(remove_dir) == 0);
}

/* Input: u16 LE bytes of the index file, then those, then the log file. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slu_error err;
    fluss_log *log = NULL;
    char path[120];
    set_up();
    if (size < 2)
        return 0;
    size_t index_bytes = (size_t)data[0] | (size_t)data[1] << 8;
    index_bytes = index_bytes > size - 2 ? size - 2 : index_bytes;
    SLU_ASSERT(slu_dir_remove(dir, &err) == SLU_OK && slu_dir_make(dir, &err) == SLU_OK);
    (void)snprintf(path, sizeof path, "%s/%020d.index", dir, 0);
    SLU_ASSERT(slu_file_write(path, slu_view_of(data + 2, index_bytes), false, &err) == SLU_OK);
    (void)snprintf(path, sizeof path, "%s/%020d.log", dir, 0);
    SLU_ASSERT(slu_file_write(path, slu_view_of(data + 2 + index_bytes, size - 2 - index_bytes), false, &err) == SLU_OK);
    (void)snprintf(path, sizeof path, "%s/%020d.writer_snapshot", dir, 1);
    SLU_ASSERT(slu_file_write(path, slu_view_of_text("{\"version\":1,\"writer_id_entries\":[]}"), false, &err) == SLU_OK);
    const fluss_log_options options = {0};
    if (fluss_log_open(&fake.env, dir, "fuzz", &options, &log, &err) != SLU_OK)
        return 0;
    slu_buf out;
    slu_buf_init(&out, (size_t)64 << 20);
    const int64_t end = fluss_log_end(log);
    for (int64_t offset = 0; offset < end && offset < 50; offset++) {
        int64_t next = 0;
        slu_buf_reset(&out);
        const slu_status status = fluss_log_read(log, offset, 1 << 20, true, &out, &next, &err);
        SLU_ASSERT(status == SLU_OK || status == SLU_CORRUPT); /* the latter: a damaged batch that good ones follow */
        SLU_ASSERT(status != SLU_OK || (next > offset && next <= end && out.bytes != 0));
    }
    int64_t at = 0;
    SLU_ASSERT(fluss_log_offset_at(log, 1000, &at, &err) <= SLU_OK);
    slu_buf_reset(&out);
    batch_make(&out, -1, -1, 3, 20);
    fluss_appended appended;
    SLU_ASSERT(end > INT64_MAX / 2 || fluss_log_append(log, slu_buf_view(&out), &appended, &err) == SLU_OK);
    slu_buf_fini(&out);
    fluss_log_close(&log);
    return 0;
}
