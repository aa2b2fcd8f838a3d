/*
 * value_codec.h: a slu_value as bytes: [kind, line, column, ...]: scalar + quoted, text; list + [value ...]; map + [key, value, ...].
 *
 * Owns     decoded values live in the arena, texts copied.
 * Threads  any.
 * Errors   unpack fails the cursor: bytes that are no value, SLU_VALUE_DEPTH_MAX levels, an arena that is full (its own status says so).
 */
#ifndef SLU_PLAN_VALUE_CODEC_H
#define SLU_PLAN_VALUE_CODEC_H

#include "base/arena.h"
#include "base/cursor.h"

#include <sluice/plugin.h>

#define SLU_VALUE_DEPTH_MAX 32

void slu_value_pack(const slu_value *value, slu_buf *out);
void slu_value_unpack(slu_cursor *in, slu_arena *arena, slu_value *out);

#endif
