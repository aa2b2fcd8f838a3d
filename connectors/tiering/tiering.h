/*
 * tiering.h: the three plugins of the module tiering.so.
 */
#ifndef TIERING_TIERING_H
#define TIERING_TIERING_H

#include <sluice/plugin.h>

extern const slu_plugin tiering_source_plugin;    /* fluss_tiering_source */
extern const slu_plugin tiering_writer_plugin;    /* iceberg_writer */
extern const slu_plugin tiering_committer_plugin; /* iceberg_committer */

#endif
