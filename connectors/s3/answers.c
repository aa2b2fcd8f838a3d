#include "s3/answers.h"

#include "base/sizes.h"

#include <stdlib.h>
#include <time.h>

#define NAME_BYTES_MAX 64

typedef enum xml_event { XML_OPEN, XML_CLOSE, XML_DONE } xml_event;

/* A pull scanner: `text` holds what stood directly before the event. */
typedef struct xml {
    slu_view in;
    size_t at;
    size_t depth;
    bool close_pending; /* of <a/> */
    char names[S3_XML_DEPTH_MAX][NAME_BYTES_MAX];
    char text[S3_TEXT_BYTES_MAX + 1];
    size_t text_bytes;
} xml;

static bool
looking_at(const xml *x, const char *text)
{
    const size_t bytes = strlen(text);
    return x->in.bytes - x->at >= bytes && memcmp(x->in.data + x->at, text, bytes) == 0;
}

static slu_status
corrupt(const xml *x, const char *what, slu_error *err)
{
    return slu_error_set(err, SLU_CORRUPT, "the server's XML at byte %zu: %s", x->at, what);
}

static slu_status
skip_past(xml *x, const char *end, slu_error *err)
{
    while (x->at < x->in.bytes) {
        if (looking_at(x, end)) {
            x->at += strlen(end);
            return SLU_OK;
        }
        x->at++;
    }
    return corrupt(x, "it ends within a tag", err);
}

static slu_status
text_add(xml *x, uint8_t byte, slu_error *err)
{
    if (x->text_bytes == S3_TEXT_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "the server's XML has a text above %d bytes", S3_TEXT_BYTES_MAX);
    x->text[x->text_bytes++] = (char)byte;
    return SLU_OK;
}

static slu_status
text_add_point(xml *x, unsigned long point, slu_error *err)
{
    if (point == 0 || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        return corrupt(x, "a character reference to no character", err);
    if (point < 0x80)
        return text_add(x, (uint8_t)point, err);
    const int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    SLU_TRY(text_add(x, (uint8_t)(lead[more] | (point >> (6 * more))), err));
    for (int i = more - 1; i >= 0; i--)
        SLU_TRY(text_add(x, (uint8_t)(0x80 | ((point >> (6 * i)) & 0x3f)), err));
    return SLU_OK;
}

static slu_status
numeric_entity(xml *x, slu_error *err)
{
    x->at += 2;
    unsigned long base = 10;
    unsigned long point = 0;
    size_t digits = 0;
    if (x->at < x->in.bytes && x->in.data[x->at] == 'x') {
        base = 16;
        x->at++;
    }
    for (; x->at < x->in.bytes && x->in.data[x->at] != ';' && digits < 8; x->at++, digits++) {
        const uint8_t c = x->in.data[x->at];
        const unsigned long digit = c >= '0' && c <= '9'                 ? (unsigned long)(c - '0')
                                    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (unsigned long)((c | 32) - 'a') + 10
                                                                         : base;
        if (digit >= base)
            return corrupt(x, "a character reference that is no number", err);
        point = point * base + digit;
    }
    if (digits == 0 || !looking_at(x, ";"))
        return corrupt(x, "a character reference without end", err);
    x->at++;
    return text_add_point(x, point, err);
}

static slu_status
entity(xml *x, slu_error *err)
{
    static const struct {
        const char *text;
        uint8_t byte;
    } named[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    if (looking_at(x, "&#"))
        return numeric_entity(x, err);
    for (size_t i = 0; i < SLU_COUNT_OF(named); i++) {
        if (looking_at(x, named[i].text)) {
            x->at += strlen(named[i].text);
            return text_add(x, named[i].byte, err);
        }
    }
    return corrupt(x, "an unknown entity", err);
}

static bool
name_ends(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '>' || c == '/';
}

/* The local name at the cursor; what follows a prefix's colon. */
static slu_status
tag_name(xml *x, char out[NAME_BYTES_MAX], slu_error *err)
{
    size_t bytes = 0;
    for (; x->at < x->in.bytes && !name_ends(x->in.data[x->at]); x->at++) {
        if (x->in.data[x->at] == ':') {
            bytes = 0;
            continue;
        }
        if (bytes == NAME_BYTES_MAX - 1)
            return slu_error_set(err, SLU_LIMIT, "the server's XML has a name above %d bytes", NAME_BYTES_MAX - 1);
        out[bytes++] = (char)x->in.data[x->at];
    }
    out[bytes] = 0;
    return bytes == 0 ? corrupt(x, "a tag without name", err) : SLU_OK;
}

/* Past the attributes, whose quoted values may hold ">" and "/". */
static slu_status
tag_rest(xml *x, bool *out_empty, slu_error *err)
{
    uint8_t quote = 0;
    uint8_t last = 0;
    for (; x->at < x->in.bytes; x->at++) {
        const uint8_t c = x->in.data[x->at];
        if (quote != 0) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            *out_empty = last == '/';
            x->at++;
            return SLU_OK;
        }
        last = c;
    }
    return corrupt(x, "it ends within a tag", err);
}

static slu_status
open_tag(xml *x, slu_error *err)
{
    bool empty = false;
    x->at++;
    if (x->depth == S3_XML_DEPTH_MAX)
        return slu_error_set(err, SLU_LIMIT, "the server's XML is deeper than %d levels", S3_XML_DEPTH_MAX);
    SLU_TRY(tag_name(x, x->names[x->depth], err));
    SLU_TRY(tag_rest(x, &empty, err));
    x->depth++;
    x->close_pending = empty;
    x->text_bytes = 0;
    return SLU_OK;
}

static slu_status
close_tag(xml *x, slu_error *err)
{
    char name[NAME_BYTES_MAX];
    bool empty = false;
    x->at += 2;
    SLU_TRY(tag_name(x, name, err));
    SLU_TRY(tag_rest(x, &empty, err));
    if (x->depth == 0 || strcmp(name, x->names[x->depth - 1]) != 0)
        return corrupt(x, "a closing tag that closes nothing", err);
    return SLU_OK;
}

/* After XML_CLOSE, names[depth] is what was closed and `text` what it held. */
static slu_status
xml_next(xml *x, xml_event *out, slu_error *err)
{
    if (x->close_pending) {
        x->close_pending = false;
        x->depth--;
        x->text[0] = 0;
        *out = XML_CLOSE;
        return SLU_OK;
    }
    while (x->at < x->in.bytes) {
        if (looking_at(x, "<!--")) {
            SLU_TRY(skip_past(x, "-->", err));
        } else if (looking_at(x, "<?")) {
            SLU_TRY(skip_past(x, "?>", err));
        } else if (looking_at(x, "<!")) {
            return corrupt(x, "a DOCTYPE or CDATA, which S3 never sends", err);
        } else if (looking_at(x, "</")) {
            SLU_TRY(close_tag(x, err));
            x->depth--;
            x->text[x->text_bytes] = 0;
            x->text_bytes = 0;
            *out = XML_CLOSE;
            return SLU_OK;
        } else if (looking_at(x, "<")) {
            *out = XML_OPEN;
            return open_tag(x, err);
        } else if (x->in.data[x->at] == '&') {
            SLU_TRY(entity(x, err));
        } else if (x->in.data[x->at] == 0) {
            return corrupt(x, "a zero byte", err);
        } else {
            SLU_TRY(text_add(x, x->in.data[x->at++], err));
        }
    }
    *out = XML_DONE;
    return x->depth == 0 ? SLU_OK : corrupt(x, "it ends before its last closing tag", err);
}

static bool
closed_is(const xml *x, size_t depth, const char *name)
{
    return x->depth == depth && strcmp(x->names[depth], name) == 0;
}

static void
copy_cut(char *out, size_t room, const char *text)
{
    size_t bytes = strlen(text);
    if (bytes >= room)
        bytes = room - 1;
    memcpy(out, text, bytes);
    out[bytes] = 0;
}

bool
s3_failure_decode(slu_view body, s3_failure *out)
{
    xml x = {.in = body};
    xml_event event = XML_DONE;
    memset(out, 0, sizeof *out);
    while (xml_next(&x, &event, NULL) == SLU_OK && event != XML_DONE) {
        if (strcmp(x.names[0], "Error") != 0)
            return false;
        if (event != XML_CLOSE)
            continue;
        if (closed_is(&x, 1, "Code"))
            copy_cut(out->code, sizeof out->code, x.text);
        else if (closed_is(&x, 1, "Message"))
            copy_cut(out->message, sizeof out->message, x.text);
        else if (closed_is(&x, 1, "Region"))
            copy_cut(out->region, sizeof out->region, x.text);
    }
    return out->code[0] != 0;
}

static bool
digits(const char **at, int count, int *out)
{
    *out = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return true;
}

static bool
then(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

int64_t
s3_time_parse(const char *text)
{
    struct tm when = {0};
    const char *at = text;
    if (!digits(&at, 4, &when.tm_year) || !then(&at, '-') || !digits(&at, 2, &when.tm_mon) || !then(&at, '-') ||
        !digits(&at, 2, &when.tm_mday) || !then(&at, 'T') || !digits(&at, 2, &when.tm_hour) || !then(&at, ':') ||
        !digits(&at, 2, &when.tm_min) || !then(&at, ':') || !digits(&at, 2, &when.tm_sec))
        return -1;
    int64_t ms = 0;
    if (then(&at, '.')) {
        int64_t unit = 100;
        for (; *at >= '0' && *at <= '9'; at++, unit /= 10)
            ms += (*at - '0') * unit;
    }
    if (strcmp(at, "Z") != 0)
        return -1;
    when.tm_year -= 1900;
    when.tm_mon -= 1;
    const time_t seconds = timegm(&when);
    return seconds < 0 ? -1 : (int64_t)seconds * 1000 + ms;
}

static bool
size_parse(const char *text, int64_t *out)
{
    *out = 0;
    if (*text == 0)
        return false;
    for (const char *at = text; *at != 0; at++) {
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(*out, (int64_t)10, out) ||
            __builtin_add_overflow(*out, (int64_t)(*at - '0'), out))
            return false;
    }
    return true;
}

typedef struct listing {
    s3_found found;
    void *to;
    char key[S3_TEXT_BYTES_MAX + 1];
    s3_object object;
    bool has_key;
    bool more;
    bool root;
} listing;

static slu_status
object_field(listing *l, const xml *x, slu_error *err)
{
    const char *name = x->names[2];
    if (strcmp(name, "Key") == 0) {
        memcpy(l->key, x->text, strlen(x->text) + 1);
        l->has_key = l->key[0] != 0;
    } else if (strcmp(name, "Size") == 0 && !size_parse(x->text, &l->object.bytes)) {
        return corrupt(x, "a Size that is no number", err);
    } else if (strcmp(name, "LastModified") == 0) {
        l->object.modified_ms = s3_time_parse(x->text);
    }
    return SLU_OK;
}

static slu_status
object_end(listing *l, const xml *x, slu_error *err)
{
    if (!l->has_key || l->object.bytes < 0)
        return corrupt(x, "an object without Key or Size", err);
    l->object.key = l->key;
    const slu_status status = l->found(l->to, &l->object, err);
    l->object = (s3_object){.bytes = -1, .modified_ms = -1};
    l->has_key = false;
    return status;
}

static slu_status
listing_closed(listing *l, const xml *x, slu_buf *token, slu_error *err)
{
    if (x->depth == 2 && strcmp(x->names[1], "Contents") == 0)
        return object_field(l, x, err);
    if (closed_is(x, 1, "Contents"))
        return object_end(l, x, err);
    if (closed_is(x, 1, "EncodingType") && x->text[0] != 0)
        return slu_error_set(err, SLU_UNSUPPORTED, "the server lists keys in the encoding \"%.40s\", which nobody asked for",
                             x->text);
    if (closed_is(x, 1, "IsTruncated"))
        l->more = strcmp(x->text, "true") == 0;
    else if (closed_is(x, 1, "NextContinuationToken"))
        slu_buf_text(token, x->text);
    else if (closed_is(x, 0, "ListBucketResult"))
        l->root = true;
    return SLU_OK;
}

slu_status
s3_listing_decode(slu_view body, s3_found found, void *to, bool *out_more, slu_buf *token, slu_error *err)
{
    xml x = {.in = body};
    listing l = {.found = found, .to = to, .object = {.bytes = -1, .modified_ms = -1}};
    xml_event event = XML_DONE;
    do {
        SLU_TRY(xml_next(&x, &event, err));
        if (event == XML_CLOSE)
            SLU_TRY(listing_closed(&l, &x, token, err));
    } while (event != XML_DONE);
    if (!l.root)
        return corrupt(&x, "no ListBucketResult", err);
    SLU_TRY(slu_buf_status(token, err));
    if (l.more && token->bytes == 0)
        return corrupt(&x, "a listing that goes on, without token", err);
    *out_more = l.more;
    return SLU_OK;
}

slu_status
s3_upload_id_decode(slu_view body, slu_buf *out, slu_error *err)
{
    xml x = {.in = body};
    xml_event event = XML_DONE;
    const size_t start = out->bytes;
    do {
        SLU_TRY(xml_next(&x, &event, err));
        if (event == XML_CLOSE && closed_is(&x, 1, "UploadId"))
            slu_buf_text(out, x.text);
    } while (event != XML_DONE);
    SLU_TRY(slu_buf_status(out, err));
    return out->bytes == start ? corrupt(&x, "no UploadId", err) : SLU_OK;
}
