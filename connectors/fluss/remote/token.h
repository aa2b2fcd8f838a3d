/*
 * token.h: what a server gives a client that is to read remote files in an object store (GET_FILESYSTEM_SECURITY_TOKEN).
 *
 *   {"version":1,"access_key_id":"AK","access_key_secret":"SK","security_token":"T"}      security_token may be null
 *
 * Source   Apache Fluss 0.9 (CredentialsJsonSerde).
 * Errors   CORRUPT: not such a text; no message has any of it. LIMIT: longer than the fields here.
 */
#ifndef FLUSS_REMOTE_TOKEN_H
#define FLUSS_REMOTE_TOKEN_H

#include "base/bytes.h"

#define FLUSS_TOKEN_BYTES_MAX ((size_t)32 << 10)

typedef struct fluss_token {
    char access_key[256];
    char secret_key[256];
    char session_token[16384]; /* "": none */
} fluss_token;

SLU_CHECK slu_status fluss_token_decode(slu_view json, fluss_token *out, slu_error *err);
void fluss_token_encode(const fluss_token *token, slu_buf *out);

#endif
