#include <sluice/sdk/suggest.h>

#include <ctype.h>

#define WORD_BYTES_MAX 64

/* Edit distance without regard to case, one row of the table at a time. */
static size_t
distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    size_t row[WORD_BYTES_MAX + 1];
    for (size_t j = 0; j <= b_bytes; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_bytes; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_bytes; j++) {
            const size_t cost = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);
            const size_t replaced = diagonal + cost;
            diagonal = row[j];
            size_t best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = replaced < best ? replaced : best;
        }
    }
    return row[b_bytes];
}

typedef struct search {
    const char *word;
    size_t bytes;
    const char *best;
    size_t best_distance;
} search;

static void
search_try(search *s, const char *name)
{
    const size_t name_bytes = strlen(name);
    if (name_bytes > WORD_BYTES_MAX || s->bytes > WORD_BYTES_MAX)
        return;
    const size_t d = distance(s->word, s->bytes, name, name_bytes);
    if (d < s->best_distance) {
        s->best_distance = d;
        s->best = name;
    }
}

/* At most a third of the word may differ, rounded up: two letters of four, so that a swap counts as a slip. */
static search
search_new(const char *word, size_t bytes)
{
    const search s = {word, bytes, NULL, (bytes + 2) / 3 + 1};
    return s;
}

const char *
sdk_suggest(const char *word, size_t word_bytes, const char *const *names, size_t count)
{
    search s = search_new(word, word_bytes);
    for (size_t i = 0; i < count; i++)
        search_try(&s, names[i]);
    return s.best;
}

const char *
sdk_suggest_column(const char *word, size_t word_bytes, const struct ArrowSchema *schema)
{
    search s = search_new(word, word_bytes);
    for (int64_t i = 0; i < schema->n_children; i++)
        if (schema->children[i]->name != NULL)
            search_try(&s, schema->children[i]->name);
    return s.best;
}

int64_t
sdk_column_find(const struct ArrowSchema *schema, const char *name, slu_error *err)
{
    const int64_t index = slu_schema_find(schema, name);
    if (index >= 0)
        return index;
    const char *near = sdk_suggest_column(name, strlen(name), schema);
    (void)slu_error_set(err, SLU_INVALID, "column '%.200s' is not there%s%s%s", name, near != NULL ? "; did you mean '" : "",
                        near != NULL ? near : "", near != NULL ? "'?" : "");
    return -1;
}
