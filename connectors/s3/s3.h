/*
 * s3.h: a store of objects behind the S3 protocol, on libcurl with a signature of our own.
 *
 * Shape    bucket and key are raw texts, never normalised. A whole object is read or written at once; a large one is written in
 *          parts by an s3_upload, which holds one part in memory.
 *          Each call tries `tries` times on a broken connection, a stall, 408, 429, 500, 502, 503, 504 and RequestTimeout, with
 *          full jitter between, and signs each try anew; a bucket of another region and a clock that is off are put right once.
 * Owns     the client keeps copies of its options; `env` is borrowed and outlives it; uploads end before their client is closed.
 * Threads  a client: any number at once; an upload: one at a time. Calls block for as long as the network does, bounded by tries.
 * Errors   NOTFOUND: no such object; CONFLICT: an exclusive put met an object (definite: nothing was done, also after lost answers:
 *          every exclusive put carries a mark of its own, by which an object whose answer was lost is known again);
 *          LIMIT: more bytes than the caller's buffer may hold; INVALID: the server refused us (wrong secret, no such bucket, no
 *          permission): its code and words, once, never a secret; UNSUPPORTED: by name; IO or TIMEOUT: the tries are used up, and
 *          err->retriable says so. err->code is the HTTP status (0: there was none). After any failure but CONFLICT, LIMIT, INVALID
 *          and UNSUPPORTED a put leaves open whether the object is there.
 */
#ifndef S3_S3_H
#define S3_S3_H

#include "base/bytes.h"
#include "base/env.h"
#include "s3/answers.h"

#define S3_TRIES_DEFAULT 5
#define S3_BACKOFF_BASE_MS_DEFAULT 100
#define S3_BACKOFF_MAX_MS 20000
#define S3_CONNECT_MS_DEFAULT 10000
#define S3_STALL_SECONDS_DEFAULT 30
#define S3_PART_BYTES_DEFAULT ((size_t)16 << 20)
#define S3_PART_BYTES_MIN ((size_t)5 << 20) /* S3's own; a server refuses smaller parts at the end */
#define S3_PARTS_MAX 10000                  /* S3's own: 160 GB at the default part */
#define S3_KEY_BYTES_MAX 1024               /* S3's own */

/* Zeroed is a good start: every NULL, 0 or AUTO means the default. */
typedef struct s3_options {
    const char *endpoint;      /* s3.endpoint: "http://host:9000"; NULL: https://s3.REGION.amazonaws.com */
    const char *region;        /* client.region; NULL: AWS_REGION, AWS_DEFAULT_REGION, the profile's, us-east-1 */
    const char *access_key;    /* s3.access-key-id; NULL: see credentials.h */
    const char *secret_key;    /* s3.secret-access-key */
    const char *session_token; /* s3.session-token */
    const char *profile;       /* a section of the credentials file */
    const char *profile_file;  /* NULL: AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials */
    const char *ca_file;       /* PEM; NULL: AWS_CA_BUNDLE or the machine's own */
    enum { S3_STYLE_AUTO, S3_STYLE_PATH, S3_STYLE_HOST } style; /* s3.path-style-access; AUTO: path for an IP or localhost */
    uint32_t tries;
    uint32_t backoff_base_ms;
    uint32_t connect_ms;
    uint32_t stall_seconds; /* a connection that moves nothing for so long is given up */
    size_t part_bytes;
} s3_options;

/* One option by its Iceberg name, borrowing the value: s3.endpoint, s3.region, client.region, s3.access-key-id,
 * s3.secret-access-key, s3.session-token, s3.path-style-access, and our own s3.profile and s3.ca-file. *out_known: false for a name
 * that says nothing to this store. UNSUPPORTED: remote signing. */
SLU_CHECK slu_status s3_options_set(s3_options *options, const char *name, const char *value, bool *out_known, slu_error *err);

typedef struct s3_client s3_client;
typedef struct s3_upload s3_upload;

typedef struct s3_head {
    int64_t bytes;
    char etag[128]; /* as sent, with its quotes; "" when not sent */
} s3_head;

/* Asks nothing of the server: a wrong secret shows at the first call. */
SLU_CHECK slu_status s3_client_open(const s3_options *options, const slu_env *env, s3_client **out, slu_error *err);
void s3_client_close(s3_client *client); /* NULL is fine */

/* Other keys, of the same options but for everything else, which stays: what is signed from now on is signed with them, the parts of
 * an upload that is under way included. */
SLU_CHECK slu_status s3_client_renew(s3_client *client, const s3_options *options, slu_error *err);

/* Appends the whole object; more than out->bytes_max is LIMIT. */
SLU_CHECK slu_status s3_get(s3_client *client, const char *bucket, const char *key, slu_buf *out, slu_error *err);
/* Exactly `bytes` (at least 1) bytes from `offset`; an object that ends earlier is CORRUPT. */
SLU_CHECK slu_status s3_read(s3_client *client, const char *bucket, const char *key, int64_t offset, void *out, size_t bytes,
                             slu_error *err);
SLU_CHECK slu_status s3_head_get(s3_client *client, const char *bucket, const char *key, s3_head *out, slu_error *err);
/* `exclusive`: only if no such object is there (If-None-Match: *). */
SLU_CHECK slu_status s3_put(s3_client *client, const char *bucket, const char *key, slu_view data, bool exclusive, slu_error *err);
/* A missing object is OK. */
SLU_CHECK slu_status s3_remove(s3_client *client, const char *bucket, const char *key, slu_error *err);
/* Every object whose key begins with `prefix`, page by page; `found` may use the client, and whatever it answers but OK ends it. */
SLU_CHECK slu_status s3_list(s3_client *client, const char *bucket, const char *prefix, s3_found found, void *to, slu_error *err);

/* An object in parts: it appears as a whole when finish with `keep` returned OK. An object below one part is one plain put. */
SLU_CHECK slu_status s3_upload_open(s3_client *client, const char *bucket, const char *key, s3_upload **out, slu_error *err);
/* After a failure every later append and finish fails too. */
SLU_CHECK slu_status s3_upload_append(s3_upload *upload, const void *data, size_t bytes, slu_error *err);
/* Frees the upload in every case; without `keep`, or when something failed, the parts are given back to the server (abort). */
SLU_CHECK slu_status s3_upload_finish(s3_upload **upload, bool keep, slu_error *err);

/* "s3://bucket/key", "s3a://", "s3n://": the key begins behind the bucket's "/" and may be empty. */
SLU_CHECK slu_status s3_location_split(const char *location, char bucket[64], const char **out_key, slu_error *err);

/* The same by location. get appends at most `bytes_max` bytes, and leaves `out` as it was when it fails; read may be of no bytes. */
SLU_CHECK slu_status s3_location_get(s3_client *client, const char *location, size_t bytes_max, slu_buf *out, slu_error *err);
SLU_CHECK slu_status s3_location_read(s3_client *client, const char *location, int64_t offset, void *out, size_t bytes,
                                      slu_error *err);
SLU_CHECK slu_status s3_location_size(s3_client *client, const char *location, int64_t *out, slu_error *err);
SLU_CHECK slu_status s3_location_put(s3_client *client, const char *location, slu_view data, bool exclusive, slu_error *err);
SLU_CHECK slu_status s3_location_remove(s3_client *client, const char *location, slu_error *err);
/* Every object below a folder ("s3://b/t" does not list "s3://b/t2/x"); an object's key is its location, in the scheme of `location`. */
SLU_CHECK slu_status s3_location_list(s3_client *client, const char *location, s3_found found, void *to, slu_error *err);

#endif
