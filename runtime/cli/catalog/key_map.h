/*
 * key_map.h: keys of rows, each with a number, in the order in which they came first.
 *
 * Owns     copies of the keys.
 * Limits   2 GiB of keys.
 */
#ifndef SLU_CLI_CATALOG_KEY_MAP_H
#define SLU_CLI_CATALOG_KEY_MAP_H

#include "base/bytes.h"

typedef struct cli_key_map cli_key_map;

SLU_CHECK slu_status cli_key_map_new(cli_key_map **out, slu_error *err);
void cli_key_map_free(cli_key_map **map);
/* Adds the key, or gives it another value. */
SLU_CHECK slu_status cli_key_map_set(cli_key_map *map, slu_view key, int64_t value, slu_error *err);
bool cli_key_map_get(const cli_key_map *map, slu_view key, int64_t *out);
uint32_t cli_key_map_count(const cli_key_map *map);
/* The value of the at-th key. */
int64_t cli_key_map_value(const cli_key_map *map, uint32_t at);

#endif
