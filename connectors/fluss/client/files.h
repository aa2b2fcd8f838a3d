/*
 * files.h: remote files beyond the network (S3) that a server names, fetched by a thread beside the client's own.
 *
 *   token wanted (none if the caller has keys) --GET_FILESYSTEM_SECURITY_TOKEN--> store open --fetches, one after the other--> done
 *
 * Shape    a fetch is a range of a file into memory, or a whole file into a local one; poll says how it stands. When one is done the
 *          client's descriptor is readable. A directory is read by whoever names it, without this.
 * Keys     the caller's own (client.fs.s3.access-key); else the token that the server gives, which is asked for again before it ends;
 *          else what the machine has (s3/credentials.h).
 * Owns     a fetch belongs to whoever asked for it, until cancel; what it brought is taken by poll.
 * Threads  the client's owner.
 * Errors   the store's (fluss/remote/store.h). UNSUPPORTED: a store that this program does not know, by its name. A store that refuses a
 *          token is IO: a new token is asked for, and the fetch may be tried again.
 */
#ifndef FLUSS_CLIENT_FILES_H
#define FLUSS_CLIENT_FILES_H

#include "fluss/remote/store.h"

struct fluss_client;
struct fluss_answer;

/* Who we are for the store, under the names of Fluss's client settings; all may be NULL. */
typedef struct fluss_files_options {
    fluss_store_opener open; /* NULL: only directories */
    const char *endpoint;    /* client.fs.s3.endpoint */
    const char *region;      /* client.fs.s3.region */
    const char *access_key;  /* client.fs.s3.access-key */
    const char *secret_key;  /* client.fs.s3.secret-key */
    const char *path_style;  /* client.fs.s3.path-style-access: true or false */
} fluss_files_options;

/* The options of a plugin that is a client, as lines of its option table; `member` is a fluss_files_options of its options struct. */
#define FLUSS_FILES_OPTIONS(options_struct, member)                                                                                \
    SLU_OPTION("client.fs.s3.endpoint", STRING, options_struct, member.endpoint, NULL,                                             \
               "where remote files in S3 are: http://host:9000", .param = "fluss.client.fs.s3.endpoint"),                          \
        SLU_OPTION("client.fs.s3.region", STRING, options_struct, member.region, NULL, "the region of their bucket",               \
                   .param = "fluss.client.fs.s3.region"),                                                                          \
        SLU_OPTION("client.fs.s3.access-key", STRING, options_struct, member.access_key, NULL,                                     \
                   "who reads them (default: whom the server's token names)", .param = "fluss.client.fs.s3.access-key",            \
                   .flags = SLU_OPTION_SECRET),                                                                                    \
        SLU_OPTION("client.fs.s3.secret-key", STRING, options_struct, member.secret_key, NULL, "and the secret",                   \
                   .param = "fluss.client.fs.s3.secret-key", .flags = SLU_OPTION_SECRET),                                          \
        SLU_OPTION("client.fs.s3.path-style-access", STRING, options_struct, member.path_style, NULL, "true: http://host/bucket",  \
                   .param = "fluss.client.fs.s3.path-style-access")

typedef struct fluss_fetching fluss_fetching;

/* Is anything beyond a directory read at all? */
bool fluss_files_known(const struct fluss_client *client);

/* `bytes` (at least 1) from `offset`; poll gives an answer without a message, whose arena holds them. */
SLU_CHECK slu_status fluss_files_read(struct fluss_client *client, const char *location, int64_t offset, size_t bytes,
                                      fluss_fetching **out, slu_error *err);
/* Into a local file that is not there yet. */
SLU_CHECK slu_status fluss_files_copy(struct fluss_client *client, const char *location, const char *path, fluss_fetching **out,
                                      slu_error *err);
/* AGAIN: step the client. Else the fetch is over and *fetching NULL; *out (of a read) is the caller's. */
SLU_CHECK slu_status fluss_fetching_poll(fluss_fetching **fetching, struct fluss_answer **out, const uint8_t **out_data,
                                         slu_error *err);
void fluss_fetching_cancel(fluss_fetching **fetching); /* NULL is fine */

#endif
