/*
 * plugins.h: the stores that plugins give: scheme `s3` is the plugin `s3` of kind store.
 *
 * Options  from the environment alone, by the option's parameter ("s3.endpoint" is SLUICE_S3_ENDPOINT): every process of a cluster opens
 *          its own, and no key is part of a plan, a message or a checkpoint.
 * Owns     a registry of its own, and the instances: as many as callers use one at the same time, kept until free.
 * Threads  new, free: owner, while nobody calls. The slu_stores in it: any.
 * Errors   take: UNSUPPORTED: no such plugin; else those of the plugin's open.
 */
#ifndef SLU_STORE_PLUGINS_H
#define SLU_STORE_PLUGINS_H

#include "base/env.h"
#include "store/place.h"

typedef struct slu_store_plugins slu_store_plugins;

/* `env` is borrowed and outlives it. Loads no plugin. */
SLU_CHECK slu_status slu_store_plugins_new(const slu_env *env, slu_store_plugins **out, slu_error *err);
void slu_store_plugins_free(slu_store_plugins **plugins);
const slu_stores *slu_store_plugins_get(slu_store_plugins *plugins);

#endif
