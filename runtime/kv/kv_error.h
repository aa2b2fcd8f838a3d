/* kv_error.h: what RocksDB says, as a status. */
#ifndef SLU_KV_KV_ERROR_H
#define SLU_KV_KV_ERROR_H

#include "sluice/status.h"

/* Takes RocksDB's text. */
slu_status kv_error(slu_error *err, char *text, const char *what);

#endif
