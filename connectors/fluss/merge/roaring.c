#include "fluss/merge/roaring.h"

#include "base/cursor.h"

#define ROARING_COOKIE 12346
#define ROARING_COOKIE_RUNS 12347
#define ROARING_ARRAY_MAX 4096
#define ROARING_BITMAP_BYTES 8192
#define ROARING_OFFSETS_FROM 4 /* containers, where there are runs */
#define ROARING_WORDS 1024

/* A bitmap while it is read: containers in order. */
typedef struct roaring_reader {
    slu_cursor heads;
    slu_cursor bodies;
    const uint8_t *runs; /* NULL: none */
    size_t count;
    size_t next;
    /* the container at hand, until it is taken */
    bool there;
    uint16_t key;
    uint32_t values;
    bool is_run;
} roaring_reader;

static slu_status
roaring_fail(slu_error *err)
{
    const slu_status status =
        slu_error_set(err, SLU_INVALID, "java.lang.RuntimeException: Unable to se/deserialize roaring bitmap.");
    if (err != NULL)
        err->code = -1;
    return status;
}

/* Looks at the next container's head. */
static bool
reader_step(roaring_reader *r)
{
    const uint16_t before = r->key;
    const bool first = r->next == 0;
    r->there = r->next < r->count;
    if (!r->there)
        return slu_cursor_ok(&r->heads);
    r->key = slu_cursor_u16le(&r->heads);
    r->values = (uint32_t)slu_cursor_u16le(&r->heads) + 1;
    r->is_run = r->runs != NULL && (r->runs[r->next / 8] >> (r->next % 8) & 1) != 0;
    r->next++;
    return slu_cursor_ok(&r->heads) && (first || r->key > before);
}

static bool
reader_init(roaring_reader *r, slu_view bitmap)
{
    slu_cursor c = slu_cursor_of_view(bitmap);
    const uint32_t cookie = slu_cursor_u32le(&c);
    memset(r, 0, sizeof *r);
    if ((cookie & 0xffff) == ROARING_COOKIE_RUNS) {
        r->count = (size_t)(cookie >> 16) + 1;
        r->runs = slu_cursor_bytes(&c, (r->count + 7) / 8);
    } else if (cookie == ROARING_COOKIE) {
        const uint32_t count = slu_cursor_u32le(&c);
        r->count = count <= 65536 ? count : 65537;
    } else {
        return false;
    }
    if (r->count > 65536)
        return false;
    r->heads = slu_cursor_sub(&c, 4 * r->count);
    if (r->runs == NULL || r->count >= ROARING_OFFSETS_FROM)
        slu_cursor_skip(&c, 4 * r->count);
    r->bodies = c;
    return slu_cursor_ok(&c) && reader_step(r);
}

static void
words_set(uint64_t *words, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i <= to; i++)
        words[i / 64] |= UINT64_C(1) << (i % 64);
}

/* Runs ascend and do not overlap: so no container costs more than its 65536 values, however many runs it claims. */
static bool
take_runs(slu_cursor *bodies, uint64_t *words)
{
    const uint16_t runs = slu_cursor_u16le(bodies);
    uint32_t free_from = 0;
    for (uint32_t i = 0; i < runs && slu_cursor_ok(bodies); i++) {
        const uint32_t start = slu_cursor_u16le(bodies);
        const uint32_t end = start + slu_cursor_u16le(bodies);
        if (start < free_from || end > 65535)
            return false;
        words_set(words, start, end);
        free_from = end + 1;
    }
    return runs != 0;
}

/* Adds the container at hand to the words and steps on. */
static bool
reader_take(roaring_reader *r, uint64_t *words)
{
    if (r->is_run) {
        if (!take_runs(&r->bodies, words))
            return false;
    } else if (r->values > ROARING_ARRAY_MAX) {
        for (size_t i = 0; i < ROARING_WORDS; i++)
            words[i] |= slu_cursor_u64le(&r->bodies);
    } else {
        for (uint32_t i = 0; i < r->values; i++) {
            const uint32_t value = slu_cursor_u16le(&r->bodies);
            words[value / 64] |= UINT64_C(1) << (value % 64);
        }
    }
    return slu_cursor_ok(&r->bodies) && reader_step(r);
}

/* ---- writing ---- */

typedef struct roaring_writer {
    slu_buf heads;   /* u16 key, u16 values - 1 */
    slu_buf offsets; /* u32 within the bodies */
    slu_buf runs;    /* u8 each: is it one of runs */
    slu_buf bodies;
    bool any_run;
} roaring_writer;

static void
words_count(const uint64_t *words, uint32_t *out_values, uint32_t *out_runs)
{
    uint64_t before = 0; /* the highest bit of the word before */
    *out_values = 0;
    *out_runs = 0;
    for (size_t i = 0; i < ROARING_WORDS; i++) {
        *out_values += (uint32_t)__builtin_popcountll(words[i]);
        *out_runs += (uint32_t)__builtin_popcountll(words[i] & ~(words[i] << 1 | before));
        before = words[i] >> 63;
    }
}

static void
put_runs(const uint64_t *words, uint32_t runs, slu_buf *out)
{
    slu_buf_u16le(out, (uint16_t)runs);
    for (uint32_t i = 0; i < 65536; i++) {
        const uint32_t start = i;
        while (i < 65536 && (words[i / 64] >> (i % 64) & 1) != 0)
            i++;
        if (i == start)
            continue;
        slu_buf_u16le(out, (uint16_t)start);
        slu_buf_u16le(out, (uint16_t)(i - start - 1));
    }
}

static void
put_values(const uint64_t *words, slu_buf *out)
{
    for (uint32_t i = 0; i < ROARING_WORDS; i++)
        for (uint64_t word = words[i]; word != 0; word &= word - 1)
            slu_buf_u16le(out, (uint16_t)(i * 64 + (uint32_t)__builtin_ctzll(word)));
}

/* came_as_runs: Java's container was one of runs before runOptimize, which then keeps it at equal size. */
static void
writer_put(roaring_writer *w, uint16_t key, const uint64_t *words, bool came_as_runs)
{
    uint32_t values;
    uint32_t runs;
    words_count(words, &values, &runs);
    const bool array = values <= ROARING_ARRAY_MAX;
    const uint32_t plain_bytes = array ? 2 * values : ROARING_BITMAP_BYTES;
    const uint32_t run_bytes = 2 + 4 * runs;
    const bool as_runs = came_as_runs ? run_bytes <= (array ? plain_bytes + 2 : plain_bytes) : run_bytes < plain_bytes;
    slu_buf_u16le(&w->heads, key);
    slu_buf_u16le(&w->heads, (uint16_t)(values - 1));
    slu_buf_u32le(&w->offsets, (uint32_t)w->bodies.bytes);
    slu_buf_u8(&w->runs, as_runs);
    w->any_run = w->any_run || as_runs;
    if (as_runs)
        put_runs(words, runs, &w->bodies);
    else if (array)
        put_values(words, &w->bodies);
    else
        for (size_t i = 0; i < ROARING_WORDS; i++)
            slu_buf_u64le(&w->bodies, words[i]);
}

static void
writer_cookie(const roaring_writer *w, size_t count, slu_buf *out)
{
    if (!w->any_run) {
        slu_buf_u32le(out, ROARING_COOKIE);
        slu_buf_u32le(out, (uint32_t)count);
        return;
    }
    slu_buf_u32le(out, ROARING_COOKIE_RUNS | (uint32_t)(count - 1) << 16);
    for (size_t i = 0; i < count; i += 8) {
        uint8_t bits = 0;
        for (size_t j = i; j < count && j < i + 8; j++)
            bits |= (uint8_t)(w->runs.data[j] << (j - i));
        slu_buf_u8(out, bits);
    }
}

static void
writer_end(const roaring_writer *w, slu_buf *out)
{
    const size_t start = out->bytes;
    const size_t count = w->runs.bytes;
    writer_cookie(w, count, out);
    slu_buf_append(out, w->heads.data, w->heads.bytes);
    if (!w->any_run || count >= ROARING_OFFSETS_FROM) {
        const size_t bodies_at = out->bytes - start + 4 * count;
        slu_cursor offsets = slu_cursor_of(w->offsets.data, w->offsets.bytes);
        for (size_t i = 0; i < count; i++)
            slu_buf_u32le(out, (uint32_t)(bodies_at + slu_cursor_u32le(&offsets)));
    }
    slu_buf_append(out, w->bodies.data, w->bodies.bytes);
}

static slu_status
writer_status(const roaring_writer *w, slu_error *err)
{
    SLU_TRY(slu_buf_status(&w->heads, err));
    SLU_TRY(slu_buf_status(&w->offsets, err));
    SLU_TRY(slu_buf_status(&w->runs, err));
    return slu_buf_status(&w->bodies, err);
}

static bool
words_are_empty(const uint64_t *words)
{
    uint64_t all = 0;
    for (size_t i = 0; i < ROARING_WORDS; i++)
        all |= words[i];
    return all == 0;
}

static slu_status
union_run(roaring_reader *a, roaring_reader *b, roaring_writer *w, slu_error *err)
{
    uint64_t words[ROARING_WORDS];
    while (a->there || b->there) {
        const bool from_a = a->there && (!b->there || a->key <= b->key);
        const bool from_b = b->there && (!a->there || b->key <= a->key);
        const uint16_t key = from_a ? a->key : b->key;
        /* In Java runs and bits make bits; runs and values make runs. */
        const bool bits =
            (from_a && !a->is_run && a->values > ROARING_ARRAY_MAX) || (from_b && !b->is_run && b->values > ROARING_ARRAY_MAX);
        const bool runs = (from_a && a->is_run) || (from_b && b->is_run);
        memset(words, 0, sizeof words);
        if ((from_a && !reader_take(a, words)) || (from_b && !reader_take(b, words)))
            return roaring_fail(err);
        if (words_are_empty(words)) /* it could not be written: a head has a container's values less one */
            return roaring_fail(err);
        writer_put(w, key, words, runs && !bits);
        SLU_TRY(writer_status(w, err));
    }
    return SLU_OK;
}

slu_status
fluss_roaring_union(slu_view a, slu_view b, slu_buf *out, slu_error *err)
{
    roaring_reader readers[2];
    roaring_writer w = {0};
    if (!reader_init(&readers[0], a) || !reader_init(&readers[1], b))
        return roaring_fail(err);
    slu_buf_init(&w.heads, out->bytes_max);
    slu_buf_init(&w.offsets, out->bytes_max);
    slu_buf_init(&w.runs, out->bytes_max);
    slu_buf_init(&w.bodies, out->bytes_max);
    const slu_status status = union_run(&readers[0], &readers[1], &w, err);
    if (status == SLU_OK)
        writer_end(&w, out);
    slu_buf_fini(&w.heads);
    slu_buf_fini(&w.offsets);
    slu_buf_fini(&w.runs);
    slu_buf_fini(&w.bodies);
    return status != SLU_OK ? status : slu_buf_status(out, err);
}

slu_status
fluss_roaring64_union(slu_view a, slu_view b, slu_buf *out, slu_error *err)
{
    (void)a;
    (void)b;
    (void)out;
    return slu_error_set(err, SLU_UNSUPPORTED, "the aggregate function rbm64 is not served by this server yet");
}
