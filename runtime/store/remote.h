/*
 * remote.h: what place.h does with a name of a store. Private to this room.
 *
 * Owns     nothing: each call takes an instance and gives it back.
 * Threads  as place.h.
 */
#ifndef SLU_STORE_REMOTE_H
#define SLU_STORE_REMOTE_H

#include "store/place.h"

#define SLU_PLACE_COPY_BYTES_MAX ((size_t)4 << 30) /* a snapshot file's own bound */
#define SLU_PLACE_NAMES_MAX 1000000u               /* below one directory that is removed */

SLU_CHECK slu_status slu_remote_take(const slu_stores *stores, const char *place, slu_store *out, slu_error *err);
/* At most bytes_max from `offset` on. */
SLU_CHECK slu_status slu_remote_get(const slu_stores *stores, const char *place, uint64_t offset, size_t bytes_max, slu_buf *out,
                                    slu_error *err);
SLU_CHECK slu_status slu_remote_put(const slu_stores *stores, const char *place, slu_view data, bool exclusive, slu_error *err);
SLU_CHECK slu_status slu_remote_remove(const slu_stores *stores, const char *place, slu_error *err);
SLU_CHECK slu_status slu_remote_remove_below(const slu_stores *stores, const char *dir, slu_error *err);
SLU_CHECK slu_status slu_remote_children(const slu_stores *stores, const char *dir, slu_place_found found, void *to,
                                         slu_error *err);

#endif
