/*
 * memory_store.h: a store whose scheme is whatever is asked for, in this process's memory.
 *
 * Threads  any: errands ask it on their own.
 * Limits   MEMORY_NAMES_MAX names.
 */
#ifndef SLUICE_TESTS_MEMORY_STORE_H
#define SLUICE_TESTS_MEMORY_STORE_H

#include "store/place.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define MEMORY_NAMES_MAX 64

typedef struct memory_object {
    char name[256]; /* "": none */
    slu_buf data;
} memory_object;

static memory_object memory_objects[MEMORY_NAMES_MAX];
static pthread_mutex_t memory_lock = PTHREAD_MUTEX_INITIALIZER;

/* The object of that name ("": one that is free); NULL: none. */
static inline memory_object *
memory_find(const char *name)
{
    for (size_t i = 0; i < MEMORY_NAMES_MAX; i++)
        if (strcmp(memory_objects[i].name, name) == 0)
            return &memory_objects[i];
    return NULL;
}

static inline slu_status
memory_get(void *self, const char *name, uint64_t offset, uint64_t bytes_max, void *(*grow)(void *to, uint64_t bytes), void *to,
           slu_error *err)
{
    slu_status status = SLU_NOTFOUND;
    (void)pthread_mutex_lock(&memory_lock);
    const memory_object *found = memory_find(name);
    if (found != NULL) {
        const size_t left = offset >= found->data.bytes ? 0 : found->data.bytes - (size_t)offset;
        const size_t bytes = left < bytes_max ? left : (size_t)bytes_max;
        void *room = grow(to, bytes);
        status = room != NULL || bytes == 0 ? SLU_OK : SLU_NOMEM;
        if (room != NULL && bytes != 0)
            memcpy(room, found->data.data + offset, bytes);
    }
    (void)pthread_mutex_unlock(&memory_lock);
    return status == SLU_OK ? status : slu_error_set(err, status, "memory: %s", name);
}

static inline slu_status
memory_put(void *self, const char *name, const void *data, uint64_t bytes, uint32_t exclusive, slu_error *err)
{
    (void)pthread_mutex_lock(&memory_lock);
    memory_object *at = memory_find(name);
    const slu_status status = at != NULL && exclusive != 0 ? SLU_CONFLICT : SLU_OK;
    if (at == NULL)
        at = memory_find("");
    if (status == SLU_OK && at != NULL) {
        (void)snprintf(at->name, sizeof at->name, "%s", name);
        slu_buf_fini(&at->data);
        slu_buf_init(&at->data, 1 << 20);
        slu_buf_append(&at->data, data, (size_t)bytes);
    }
    (void)pthread_mutex_unlock(&memory_lock);
    return status == SLU_OK && at != NULL ? SLU_OK : slu_error_set(err, at == NULL ? SLU_LIMIT : status, "memory: %s", name);
}

static inline slu_status
memory_remove(void *self, const char *name, slu_error *err)
{
    (void)pthread_mutex_lock(&memory_lock);
    memory_object *at = memory_find(name);
    if (at != NULL) {
        slu_buf_fini(&at->data);
        at->name[0] = 0;
    }
    (void)pthread_mutex_unlock(&memory_lock);
    return SLU_OK;
}

static inline slu_status
memory_list(void *self, const char *prefix, slu_status (*found)(void *to, const char *name, uint64_t bytes), void *to,
            slu_error *err)
{
    slu_status status = SLU_OK;
    (void)pthread_mutex_lock(&memory_lock);
    for (size_t i = 0; status == SLU_OK && i < MEMORY_NAMES_MAX; i++)
        if (memory_objects[i].name[0] != 0 && strncmp(memory_objects[i].name, prefix, strlen(prefix)) == 0)
            status = found(to, memory_objects[i].name, memory_objects[i].data.bytes);
    (void)pthread_mutex_unlock(&memory_lock);
    return status;
}

static inline slu_status
memory_take(void *context, const char *scheme, slu_store *out, slu_error *err)
{
    static const slu_store_ops ops = {
        .size = sizeof ops, .get = memory_get, .put = memory_put, .remove = memory_remove, .list = memory_list};
    *out = (slu_store){.ops = &ops};
    return SLU_OK;
}

static inline void
memory_give(void *context, const slu_store *store)
{
}

static const slu_stores memory_stores = {.take = memory_take, .give = memory_give};

/* How many names have the word in them. */
static inline size_t
memory_count(const char *word)
{
    size_t count = 0;
    (void)pthread_mutex_lock(&memory_lock);
    for (size_t i = 0; i < MEMORY_NAMES_MAX; i++)
        count += strstr(memory_objects[i].name, word) != NULL;
    (void)pthread_mutex_unlock(&memory_lock);
    return count;
}

#endif
