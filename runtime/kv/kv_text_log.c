#include "kv/kv_text_log.h"

#include "base/file.h"
#include "base/limits.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_LOG_PLACE "/dev/shm/sluice-kv-XXXXXX"
#define TEXT_LOG_LEVEL 5 /* what is said at every open, and nothing else */

void
kv_text_log_begin(kv_text_log *log, rocksdb_options_t *options)
{
    _Static_assert(sizeof TEXT_LOG_PLACE <= sizeof log->dir, "the place fits");
    (void)snprintf(log->dir, sizeof log->dir, "%s", TEXT_LOG_PLACE);
    if (mkdtemp(log->dir) == NULL)
        log->dir[0] = 0;
    rocksdb_options_set_db_log_dir(options, log->dir);
    rocksdb_options_set_info_log_level(options, TEXT_LOG_LEVEL);
    rocksdb_options_set_keep_log_file_num(options, 1);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
}

void
kv_text_log_end(kv_text_log *log)
{
    DIR *dir = log->dir[0] == 0 ? NULL : opendir(log->dir);
    if (dir == NULL)
        return;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[SLU_PATH_BYTES_MAX];
        if (entry->d_name[0] != '.' && snprintf(path, sizeof path, "%s/%s", log->dir, entry->d_name) < (int)sizeof path &&
            truncate(path, 0) != 0)
            continue; /* its memory is held until the store closes */
    }
    (void)closedir(dir);
    if (slu_dir_remove(log->dir, NULL) == SLU_OK)
        log->dir[0] = 0;
}
