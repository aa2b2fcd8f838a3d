#include "s3/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdlib.h>
#include <time.h>

#define SHA256_BYTES 32
#define CANONICAL_BYTES_MAX ((size_t)64 << 10)
#define SECRET_BYTES_MAX 1024

static void
hex(const uint8_t *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * count] = 0;
}

void
s3_sha256_text(slu_view data, char out[S3_HASH_TEXT_BYTES])
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned int hash_bytes = 0;
    memset(hash, 0, sizeof hash);
    (void)EVP_Digest(data.data == NULL ? (const void *)"" : data.data, data.bytes, hash, &hash_bytes, EVP_sha256(), NULL);
    hex(hash, SHA256_BYTES, out);
}

void
s3_encode(slu_buf *out, const char *text, bool keep_slash)
{
    for (const char *at = text; *at != 0; at++) {
        const unsigned char c = (unsigned char)*at;
        const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                           c == '_' || c == '~' || (keep_slash && c == '/');
        if (plain)
            slu_buf_u8(out, c);
        else
            slu_buf_printf(out, "%%%02X", c);
    }
}

static int
pair_compare(const void *a, const void *b)
{
    const s3_pair *left = a;
    const s3_pair *right = b;
    const int names = strcmp(left->name, right->name);
    return names != 0 ? names : strcmp(left->value, right->value);
}

static void
put_query(slu_buf *out, const s3_pair *sorted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            slu_buf_u8(out, '&');
        s3_encode(out, sorted[i].name, false);
        slu_buf_u8(out, '=');
        s3_encode(out, sorted[i].value, false);
    }
}

/* The value without blanks at its ends, runs of blanks as one: what the signature sees of a header. */
static void
put_trimmed(slu_buf *out, const char *value)
{
    bool blank = false;
    bool begun = false;
    for (const char *at = value; *at != 0; at++) {
        if (*at == ' ' || *at == '\t') {
            blank = true;
            continue;
        }
        if (blank && begun)
            slu_buf_u8(out, ' ');
        slu_buf_u8(out, (uint8_t)*at);
        blank = false;
        begun = true;
    }
}

static void
put_names(slu_buf *out, const s3_pair *sorted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        slu_buf_printf(out, "%s%s", i == 0 ? "" : ";", sorted[i].name);
}

static void
canonical_request(const s3_signing *in, const s3_pair *query, const s3_pair *headers, size_t header_count, slu_buf *out)
{
    slu_buf_printf(out, "%s\n", in->method);
    s3_encode(out, in->path, true);
    slu_buf_u8(out, '\n');
    put_query(out, query, in->query_count);
    slu_buf_u8(out, '\n');
    for (size_t i = 0; i < header_count; i++) {
        slu_buf_printf(out, "%s:", headers[i].name);
        put_trimmed(out, headers[i].value);
        slu_buf_u8(out, '\n');
    }
    slu_buf_u8(out, '\n');
    put_names(out, headers, header_count);
    slu_buf_printf(out, "\n%s", in->payload_hash);
}

static bool
mac(const void *key, size_t key_bytes, const char *text, size_t text_bytes, uint8_t out[SHA256_BYTES])
{
    unsigned int bytes = 0;
    uint8_t full[EVP_MAX_MD_SIZE];
    if (HMAC(EVP_sha256(), key, (int)key_bytes, (const uint8_t *)text, text_bytes, full, &bytes) == NULL || bytes != SHA256_BYTES)
        return false;
    memcpy(out, full, SHA256_BYTES);
    return true;
}

/* HMAC("AWS4" + secret, day), then region, service, "aws4_request", then what is signed. */
static bool
signature(const s3_signing *in, const char *day, const slu_buf *to_sign, char out[S3_HASH_TEXT_BYTES])
{
    char secret[SECRET_BYTES_MAX + 8];
    uint8_t key[SHA256_BYTES];
    const int bytes = snprintf(secret, sizeof secret, "AWS4%s", in->secret_key);
    bool fine = bytes > 0 && (size_t)bytes < sizeof secret && mac(secret, (size_t)bytes, day, strlen(day), key) &&
                mac(key, sizeof key, in->region, strlen(in->region), key) &&
                mac(key, sizeof key, in->service, strlen(in->service), key) && mac(key, sizeof key, "aws4_request", 12, key) &&
                mac(key, sizeof key, (const char *)to_sign->data, to_sign->bytes, key);
    if (fine)
        hex(key, sizeof key, out);
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_cleanse(key, sizeof key);
    return fine;
}

static slu_status
authorize(const s3_signing *in, const s3_pair *query, const s3_pair *headers, size_t header_count, const char *date,
          slu_buf *canonical, slu_buf *authorization, slu_error *err)
{
    char day[9];
    char hash[S3_HASH_TEXT_BYTES];
    memcpy(day, date, 8);
    day[8] = 0;
    canonical_request(in, query, headers, header_count, canonical);
    SLU_TRY(slu_buf_status(canonical, err));
    s3_sha256_text(slu_buf_view(canonical), hash);
    slu_buf_reset(canonical);
    slu_buf_printf(canonical, "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s", date, day, in->region, in->service, hash);
    SLU_TRY(slu_buf_status(canonical, err));
    if (!signature(in, day, canonical, hash))
        return slu_error_set(err, SLU_IO, "signing a request: HMAC-SHA-256 failed (or a secret key above %d bytes)",
                             SECRET_BYTES_MAX);
    slu_buf_printf(authorization, "AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/aws4_request, SignedHeaders=", in->access_key, day,
                   in->region, in->service);
    put_names(authorization, headers, header_count);
    slu_buf_printf(authorization, ", Signature=%s", hash);
    return slu_buf_status(authorization, err);
}

slu_status
s3_sign(const s3_signing *in, slu_buf *target, slu_buf *authorization, char date[S3_DATE_BYTES], slu_error *err)
{
    s3_pair query[S3_PAIRS_MAX];
    s3_pair headers[S3_PAIRS_MAX + 2];
    if (in->query_count > S3_PAIRS_MAX || in->header_count > S3_PAIRS_MAX || in->path[0] != '/')
        return slu_error_set(err, SLU_INVALID, "a request with %zu query pairs and %zu headers (at most %d), path \"%.100s\"",
                             in->query_count, in->header_count, S3_PAIRS_MAX, in->path);
    const time_t seconds = (time_t)(in->wall_ms / 1000);
    struct tm when;
    if (gmtime_r(&seconds, &when) == NULL || strftime(date, S3_DATE_BYTES, "%Y%m%dT%H%M%SZ", &when) != S3_DATE_BYTES - 1)
        return slu_error_set(err, SLU_INVALID, "the time %lld ms is no date to sign with", (long long)in->wall_ms);
    for (size_t i = 0; i < in->query_count; i++)
        query[i] = in->query[i];
    for (size_t i = 0; i < in->header_count; i++)
        headers[i] = in->headers[i];
    headers[in->header_count] = (s3_pair){"host", in->host};
    headers[in->header_count + 1] = (s3_pair){"x-amz-date", date};
    qsort(query, in->query_count, sizeof *query, pair_compare);
    qsort(headers, in->header_count + 2, sizeof *headers, pair_compare);
    s3_encode(target, in->path, true);
    if (in->query_count > 0)
        slu_buf_u8(target, '?');
    put_query(target, query, in->query_count);
    SLU_TRY(slu_buf_status(target, err));
    SLU_AUTO(slu_buf_fini) slu_buf canonical;
    slu_buf_init(&canonical, CANONICAL_BYTES_MAX);
    return authorize(in, query, headers, in->header_count + 2, date, &canonical, authorization, err);
}
