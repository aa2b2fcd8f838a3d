/*
 * kv_text_log.h: RocksDB's own text log, which begins with every open.
 *
 * Where its file cannot be written, a RocksDB with assertions (Debian's) aborts the process at the next line: a full disk would end the
 * server. So the file lies in memory, is emptied once the store is open, and loses its name; after that nothing is written to it, for
 * whatever goes wrong is told by the calls.
 */
#ifndef SLU_KV_KV_TEXT_LOG_H
#define SLU_KV_KV_TEXT_LOG_H

#include <rocksdb/c.h>

typedef struct kv_text_log {
    char dir[32]; /* empty: there is no such place, and it lies with the store */
} kv_text_log;

/* Before an open with these options, and behind it. */
void kv_text_log_begin(kv_text_log *log, rocksdb_options_t *options);
void kv_text_log_end(kv_text_log *log);

#endif
