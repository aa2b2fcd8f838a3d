/*
 * yaml.h: a YAML text as a tree of slu_value, each node with its line and column.
 *
 * Owns     the tree lives in the caller's arena, texts copied.
 * Threads  any.
 * Errors   INVALID with a position: YAML's own (tabs, brackets), a key that comes twice, a key that is no word, merge keys;
 *          LIMIT: SLU_YAML_NODES_MAX nodes once aliases are followed, SLU_YAML_DEPTH_MAX levels, SLU_GRAPH_TEXT_BYTES_MAX of text.
 */
#ifndef SLU_PLAN_YAML_H
#define SLU_PLAN_YAML_H

#include "base/arena.h"

#include <sluice/plugin.h>

#define SLU_YAML_NODES_MAX 65536
#define SLU_YAML_DEPTH_MAX 24
#define SLU_YAML_KEYS_MAX 4096 /* of one map: a key is compared with those before it */

SLU_CHECK slu_status slu_yaml_parse(slu_view text, slu_arena *arena, const slu_value **out, slu_error *err);

#endif
