/*
 * levels.h: a namespace in the words of the REST catalog.
 */
#ifndef ICEBERG_REST_LEVELS_H
#define ICEBERG_REST_LEVELS_H

#include <jansson.h>

/* "a.b" as ["a", "b"]; NULL: no memory or not UTF-8. */
json_t *iceberg_rest_levels_to_json(const char *ns);

#endif
