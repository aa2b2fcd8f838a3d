/* text.c: comparing, LIKE, and the functions of strings and numbers. Characters are UTF-8's; LOWER and UPPER change ASCII letters. */
#include "node.h"

#include <math.h>

int
text_compare(text_view a, text_view b)
{
    const size_t common = (size_t)(a.bytes < b.bytes ? a.bytes : b.bytes);
    const int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

/* ---- LIKE ------------------------------------------------------------------------------------------------------------------- */

/* Bytes of the character that starts at `at`; a broken one counts as one byte. */
static int64_t
char_bytes(text_view text, int64_t at)
{
    int64_t end = at + 1;
    if (text.data[at] < 0xc0)
        return 1;
    while (end < text.bytes && end - at < 4 && (text.data[end] & 0xc0) == 0x80)
        end++;
    return end - at;
}

/* '%' is tried shortest first; only the last one needs to be taken up again, so this is at most text times pattern. */
bool
text_like(text_view text, text_view pattern, int32_t escape)
{
    int64_t t = 0, p = 0, retry_pattern = -1, retry_text = 0;
    while (t < text.bytes || p < pattern.bytes) {
        if (p < pattern.bytes && pattern.data[p] == '%' && escape != '%') {
            retry_pattern = ++p;
            retry_text = t;
            continue;
        }
        const bool escaped = p + 1 < pattern.bytes && pattern.data[p] == escape;
        if (p < pattern.bytes && t < text.bytes) {
            if (!escaped && pattern.data[p] == '_') {
                p++;
                t += char_bytes(text, t);
                continue;
            }
            if (pattern.data[p + escaped] == text.data[t]) {
                p += 1 + escaped;
                t++;
                continue;
            }
        }
        if (retry_pattern < 0 || retry_text >= text.bytes)
            return false;
        retry_text += char_bytes(text, retry_text);
        t = retry_text;
        p = retry_pattern;
    }
    return true;
}

/* Patterns that are one word with '%' at its ends, the usual ones, need no walk through the pattern. */
typedef enum like_shape { LIKE_ANY, LIKE_EXACT, LIKE_PREFIX, LIKE_SUFFIX, LIKE_CONTAINS } like_shape;

static like_shape
like_shape_of(text_view pattern, int32_t escape, text_view *word)
{
    *word = pattern;
    if (escape >= 0)
        return LIKE_ANY;
    const bool open_start = word->bytes > 0 && word->data[0] == '%';
    if (open_start) {
        word->data++;
        word->bytes--;
    }
    const bool open_end = word->bytes > 0 && word->data[word->bytes - 1] == '%';
    word->bytes -= open_end;
    for (int64_t i = 0; i < word->bytes; i++)
        if (word->data[i] == '%' || word->data[i] == '_')
            return LIKE_ANY;
    return open_start && open_end ? LIKE_CONTAINS : open_start ? LIKE_SUFFIX : open_end ? LIKE_PREFIX : LIKE_EXACT;
}

static bool
like_word(text_view text, text_view word, like_shape shape)
{
    const size_t bytes = (size_t)word.bytes;
    if (text.bytes < word.bytes)
        return false;
    switch (shape) {
    case LIKE_EXACT: return text.bytes == word.bytes && memcmp(text.data, word.data, bytes) == 0;
    case LIKE_PREFIX: return memcmp(text.data, word.data, bytes) == 0;
    case LIKE_SUFFIX: return memcmp(text.data + text.bytes - word.bytes, word.data, bytes) == 0;
    default: return bytes == 0 || memmem(text.data, (size_t)text.bytes, word.data, bytes) != NULL;
    }
}

slu_status
eval_like(run *r, node *n, span s, vec *out)
{
    vec a, b;
    if (!node_scratch(r, n))
        return slu_error_set(r->err, SLU_NOMEM, "no memory for an expression");
    SLU_TRY(eval_node(r, n->args[0], s, &a));
    SLU_TRY(eval_node(r, n->args[1], s, &b));
    const text_view *texts = a.values, *patterns = b.values;
    uint8_t *truth = n->values;
    text_view word = {0};
    const like_shape shape = n->args[1]->op == OP_CONST ? like_shape_of(patterns[0], n->escape, &word) : LIKE_ANY;
    for (int32_t i = 0; i < s.count; i++) {
        const bool holds = shape == LIKE_ANY ? text_like(texts[i], patterns[i], n->escape) : like_word(texts[i], word, shape);
        truth[i] = holds != n->negated;
    }
    out->values = truth;
    out->nulls = a.nulls;
    if (a.nulls != NULL && b.nulls != NULL) {
        kernel_or(n->nulls, a.nulls, b.nulls, s.count);
        out->nulls = n->nulls;
    } else if (b.nulls != NULL) {
        out->nulls = b.nulls;
    }
    if (out->nulls != NULL)
        kernel_and_not(truth, truth, out->nulls, s.count);
    return SLU_OK;
}

/* ---- Functions of texts ----------------------------------------------------------------------------------------------------- */

static int64_t
text_chars(text_view text)
{
    int64_t chars = 0;
    for (int64_t i = 0; i < text.bytes; i++)
        chars += (text.data[i] & 0xc0) != 0x80;
    return chars;
}

/* The byte where character number `chars` starts (or the end). */
static int64_t
text_skip(text_view text, int64_t at, int64_t chars)
{
    for (; chars > 0 && at < text.bytes; chars--)
        at += char_bytes(text, at);
    return at;
}

/* SQL's SUBSTRING: positions from 1; a start before the text uses up length; a negative start counts from the end. */
static text_view
text_substr(text_view text, int64_t start, bool has_length, int64_t length)
{
    text_view part = {text.data, 0};
    if (has_length && length <= 0)
        return part;
    if (start < 0) {
        const int64_t chars = text_chars(text);
        start = start < -chars ? 1 : chars + start + 1;
    } else if (start == 0) {
        start = 1;
    }
    const int64_t from = text_skip(text, 0, start - 1);
    part.data = text.data + from;
    part.bytes = (has_length ? text_skip(text, from, length) : text.bytes) - from;
    return part;
}

static text_view
text_trim(text_view text, bool left, bool right)
{
    while (left && text.bytes > 0 && text.data[0] == ' ') {
        text.data++;
        text.bytes--;
    }
    while (right && text.bytes > 0 && text.data[text.bytes - 1] == ' ')
        text.bytes--;
    return text;
}

static void
text_case(const text_view *from, text_view *to, uint8_t *bytes, bool upper, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        to[i].data = bytes;
        to[i].bytes = from[i].bytes;
        for (int64_t k = 0; k < from[i].bytes; k++) {
            const uint8_t c = from[i].data[k];
            const bool change = upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
            *bytes++ = (uint8_t)(c ^ (change ? 0x20 : 0));
        }
    }
}

static void
text_concat(const text_view *a, const text_view *b, text_view *to, uint8_t *bytes, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        to[i].data = bytes;
        to[i].bytes = a[i].bytes + b[i].bytes;
        if (a[i].bytes != 0)
            memcpy(bytes, a[i].data, (size_t)a[i].bytes);
        if (b[i].bytes != 0)
            memcpy(bytes + a[i].bytes, b[i].data, (size_t)b[i].bytes);
        bytes += to[i].bytes;
    }
}

static size_t
texts_bytes(const text_view *texts, int32_t count)
{
    size_t total = 0;
    for (int32_t i = 0; i < count; i++)
        total += (size_t)texts[i].bytes;
    return total;
}

/* Texts that are made anew: the node's own bytes hold them for this block. */
static slu_status
texts_made(run *r, node *n, const vec *args, int32_t count)
{
    const text_view *a = args[0].values, *b = n->function == F_CONCAT ? args[1].values : NULL;
    uint8_t *bytes = node_bytes(r, n, texts_bytes(a, count) + (b != NULL ? texts_bytes(b, count) : 0));
    if (bytes == NULL)
        return slu_error_set(r->err, SLU_NOMEM, "no memory for an expression");
    if (b != NULL)
        text_concat(a, b, n->values, bytes, count);
    else
        text_case(a, n->values, bytes, n->function == F_UPPER, count);
    return SLU_OK;
}

static void
texts_cut(const node *n, const vec *args, int32_t count)
{
    const text_view *from = args[0].values;
    text_view *to = n->values;
    for (int32_t i = 0; i < count; i++) {
        if (n->function == F_SUBSTR)
            to[i] = text_substr(from[i], ((const int64_t *)args[1].values)[i], n->arg_count == 3,
                                n->arg_count == 3 ? ((const int64_t *)args[2].values)[i] : 0);
        else
            to[i] = text_trim(from[i], n->function != F_RTRIM, n->function != F_LTRIM);
    }
}

/* ---- Functions of numbers --------------------------------------------------------------------------------------------------- */

static double
f64_function(function_code f, double x)
{
    return f == F_ABS ? fabs(x) : f == F_FLOOR ? floor(x) : f == F_CEIL ? ceil(x) : round(x);
}

static i128
dec_function(function_code f, i128 x, int32_t scale)
{
    const i128 unit = sdk_decimal_power(scale);
    const i128 rest = x % unit;
    i128 whole = x / unit;
    if (f == F_ABS)
        return x < 0 ? -x : x;
    if (f == F_FLOOR)
        return whole - (rest < 0);
    if (f == F_CEIL)
        return whole + (rest > 0);
    (void)sdk_decimal_rescale(x, scale, 0, &whole);
    return whole;
}

static slu_status
numbers(run *r, node *n, vec a, const uint8_t *nulls, int32_t count)
{
    const domain d = domain_of(n->args[0]->type);
    for (int32_t i = 0; i < count; i++) {
        if (d == D_F64) {
            ((double *)n->values)[i] = f64_function(n->function, ((const double *)a.values)[i]);
        } else if (d == D_DEC) {
            ((slu_i128 *)n->values)[i] = dec_function(n->function, ((const slu_i128 *)a.values)[i], n->args[0]->type.scale);
        } else {
            const int64_t x = ((const int64_t *)a.values)[i];
            const bool negate = n->function == F_ABS && x < 0;
            if (negate && (x == INT64_MIN || !int_fits(-x, n->type)) && (nulls == NULL || !nulls[i]))
                return eval_fail(r, n, SLU_LIMIT, "ABS is out of range");
            ((int64_t *)n->values)[i] = negate && x != INT64_MIN ? -x : x;
        }
    }
    return SLU_OK;
}

slu_status
eval_function(run *r, node *n, span s, vec *out)
{
    vec args[3] = {{NULL, NULL}, {NULL, NULL}, {NULL, NULL}};
    const uint8_t *nulls = NULL;
    if (!node_scratch(r, n))
        return slu_error_set(r->err, SLU_NOMEM, "no memory for an expression");
    for (uint32_t i = 0; i < n->arg_count; i++) {
        SLU_TRY(eval_node(r, n->args[i], s, &args[i]));
        if (nulls != NULL && args[i].nulls != NULL) {
            kernel_or(n->nulls, nulls, args[i].nulls, s.count);
            nulls = n->nulls;
        } else if (args[i].nulls != NULL) {
            nulls = args[i].nulls;
        }
    }
    out->values = n->values;
    out->nulls = nulls;
    switch (n->function) {
    case F_INSTANT: out->values = args[0].values; return SLU_OK;
    case F_LOWER:
    case F_UPPER:
    case F_CONCAT: return texts_made(r, n, args, s.count);
    case F_LENGTH:
        for (int32_t i = 0; i < s.count; i++)
            ((int64_t *)n->values)[i] = text_chars(((const text_view *)args[0].values)[i]);
        return SLU_OK;
    case F_SUBSTR:
    case F_TRIM:
    case F_LTRIM:
    case F_RTRIM: texts_cut(n, args, s.count); return SLU_OK;
    default: return numbers(r, n, args[0], nulls, s.count);
    }
}
