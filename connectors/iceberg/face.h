/* face.h: what the faces of the module iceberg.so share: the catalog they are told of, and a table's name. */
#ifndef ICEBERG_FACE_H
#define ICEBERG_FACE_H

#include "iceberg/catalog.h"
#include "lake/plugin_options.h"

#define ICEBERG_FACE_NAME_BYTES 256

extern const slu_plugin iceberg_sink_plugin;
extern const slu_plugin iceberg_source_plugin;

SLU_CHECK slu_status iceberg_face_catalog(const slu_env *env, const lake_plugin_options *options, iceberg_catalog *out,
                                          slu_error *err);
/* "namespace.table" in its parts; a namespace may hold dots. */
SLU_CHECK slu_status iceberg_face_name(const char *table, char ns[ICEBERG_FACE_NAME_BYTES], char name[ICEBERG_FACE_NAME_BYTES],
                                       slu_error *err);

#endif
