/*
 * datagen.c: rows out of nothing: the bank's transactions, its accounts, or columns of any types.
 *
 * Rows     row i is a pure function of (seed, i), so a split's state is one number and a replay gives the same rows.
 *          transactions (id, accountId, createdAt, amount): rounds of ten. The first two are a fraud pair, 0.80 then 1001.00, on one of
 *          the accounts 1006..1009; the other eight are of random other accounts (1,000,000 up to 10,000,000,000), amounts 10.00 to 509.99.
 *          So N whole rounds hold exactly N frauds. id counts from 1; createdAt is 1,700,000,000,000 + id.
 *          accounts (id, name, updatedAt): ids from 1006, "account1006".
 *          columns: the types are given; the first integer column counts from 1, the others are random.
 * Splits   a unit (a round, or a row of the other kinds) belongs to exactly one split, whatever the parallelism, and is never divided over
 *          two batches. Rounds of one fraud account all belong to one split: two pairs of one account never interleave.
 * State    (1) per split: the number of its next unit, 8 bytes little endian.
 */
#include <sluice/sdk/columns_build.h>
#include <sluice/sdk/types.h>

#include <sluice/plugin.h>

#include <inttypes.h>

#define ROUND_ROWS 10
#define FRAUD_ACCOUNTS 4
#define FIRST_ACCOUNT 1006
#define OTHER_ACCOUNT_FIRST INT64_C(1000000)
#define OTHER_ACCOUNTS "9998999000" /* up to 10,000,000,000 with the first one */
#define TIME_BASE INT64_C(1700000000000)
#define SPLITS_MAX 1024
#define RATE_TICK_MS 10 /* a limited rate is paid out no more often than this */

typedef struct datagen_options {
    const char *kind;
    const char *columns;
    int64_t rows;
    int64_t rate;
    int64_t seed;
    int64_t batch;
    int64_t keys;
} datagen_options;

typedef struct split {
    int64_t index; /* of `count` splits */
    int64_t count;
    int64_t next; /* its next unit */
} split;

typedef struct datagen {
    slu_host *host;
    const datagen_options *options;
    const struct ArrowSchema *schema;
    bool transactions;
    bool accounts;
    uint64_t seed;
    uint32_t turn; /* which split polls next */
    uint32_t split_count;
    split splits[SPLITS_MAX];
    int64_t paid_from_ms; /* rate: rows are due from here */
    int64_t paid_rows;
    sdk_builder *builders;
} datagen;

static const slu_option datagen_option_table[] = {
    SLU_OPTION("kind", CHOICE, datagen_options, kind, "transactions", "what to generate",
               .choices = "transactions|accounts|columns"),
    SLU_OPTION("columns", STRING, datagen_options, columns, NULL,
               "kind columns: the column list, as in \"id BIGINT, name STRING\""),
    SLU_OPTION("rows", I64, datagen_options, rows, "0", "rows to generate in all subtasks together; 0 never ends", .min = 0,
               .max = INT64_MAX),
    SLU_OPTION("rate", I64, datagen_options, rate, "0", "rows per second of all subtasks together; 0 as fast as possible", .min = 0,
               .max = INT64_C(1000000000)),
    SLU_OPTION("seed", I64, datagen_options, seed, "1", "another seed gives other rows", .min = INT64_MIN, .max = INT64_MAX),
    SLU_OPTION("batch", I64, datagen_options, batch, "8190", "rows per batch, rounded down to whole rounds", .min = ROUND_ROWS,
               .max = 1000000),
    SLU_OPTION("keys", I64, datagen_options, keys, OTHER_ACCOUNTS,
               "kind transactions: how many other accounts there are beside the four of the frauds", .min = 1,
               .max = INT64_C(9998999000))};

/* ---- Planning --------------------------------------------------------------------------------------------------------------- */

static bool
kind_is(const datagen_options *options, const char *kind)
{
    return strcmp(options->kind, kind) == 0;
}

static const char *
columns_of(const datagen_options *options)
{
    if (kind_is(options, "transactions"))
        return "id BIGINT NOT NULL, accountId BIGINT NOT NULL, createdAt BIGINT NOT NULL, amount DECIMAL(10,2) NOT NULL";
    if (kind_is(options, "accounts"))
        return "id BIGINT NOT NULL, name STRING NOT NULL, updatedAt BIGINT NOT NULL";
    return options->columns;
}

static slu_status
datagen_plan(slu_plan_call *call, slu_error *err)
{
    const datagen_options *options = call->options;
    const char *columns = columns_of(options);
    if (columns == NULL)
        return slu_error_set(err, SLU_INVALID, "datagen: kind columns needs the option columns, as in \"id BIGINT, name STRING\"");
    if (options->columns != NULL && !kind_is(options, "columns"))
        return slu_error_at(err, SLU_INVALID, slu_value_get(call->with, "columns"), 0,
                            "datagen: columns goes with kind columns only");
    const slu_value *at = slu_value_get(call->with, "columns");
    struct ArrowSchema schema;
    if (sdk_schema_from_columns(columns, &schema, err) != SLU_OK) {
        if (err != NULL && at != NULL) {
            err->line = at->line;
            err->column = at->column;
        }
        return SLU_INVALID;
    }
    for (int64_t i = 0; i < schema.n_children; i++) {
        if (slu_type_is_nested(slu_type_of(schema.children[i]->format))) {
            const slu_status status = slu_error_at(
                err, SLU_UNSUPPORTED, at, 0, "datagen: column '%s': nested types are not generated", schema.children[i]->name);
            slu_schema_release(&schema);
            return status;
        }
    }
    slu_schema_move(&schema, &call->outputs[0]);
    call->bounded = options->rows > 0;
    return SLU_OK;
}

/* The fraud accounts are divided among the splits, so there are never more than they are. */
static slu_status
datagen_list_splits(const slu_plan_call *call, slu_split_list *list, slu_error *err)
{
    const datagen_options *options = call->options;
    uint32_t count = call->parallelism < SPLITS_MAX ? call->parallelism : SPLITS_MAX;
    if (kind_is(options, "transactions") && count > FRAUD_ACCOUNTS)
        count = FRAUD_ACCOUNTS;
    for (uint32_t i = 0; i < count; i++) {
        const int64_t next = 0;
        char id[32];
        (void)snprintf(id, sizeof id, "%" PRIu32 "/%" PRIu32, i, count);
        const slu_split made = {.size = sizeof made, .id = id, .data = &next, .data_bytes = sizeof next};
        SLU_TRY(list->add(list, &made, err));
    }
    return SLU_OK;
}

/* ---- Splits ----------------------------------------------------------------------------------------------------------------- */

/* How many of the four fraud accounts are a split's own: k with k % count == index. */
static int64_t
split_accounts(const split *s)
{
    return (FRAUD_ACCOUNTS - s->index + s->count - 1) / s->count;
}

/* The number, among all, of a split's j-th unit. */
static int64_t
split_unit(const datagen *self, const split *s, int64_t j)
{
    if (!self->transactions)
        return j * s->count + s->index;
    const int64_t own = split_accounts(s);
    return j / own * FRAUD_ACCOUNTS + s->index + j % own * s->count;
}

static int64_t
unit_rows(const datagen *self)
{
    return self->transactions ? ROUND_ROWS : 1;
}

/* Units in all; the last round may be cut short. */
static int64_t
units_total(const datagen *self)
{
    const int64_t rows = self->options->rows;
    return rows == 0 ? INT64_MAX : rows / unit_rows(self) + (rows % unit_rows(self) != 0);
}

static slu_status
datagen_assign(void *instance, const slu_split *splits, uint32_t count, slu_error *err)
{
    datagen *self = instance;
    for (uint32_t i = 0; i < count; i++) {
        split s;
        if (sscanf(splits[i].id, "%" SCNd64 "/%" SCNd64, &s.index, &s.count) != 2 || s.index < 0 || s.count <= s.index ||
            s.count > SPLITS_MAX || splits[i].data_bytes != sizeof s.next || (self->transactions && s.count > FRAUD_ACCOUNTS))
            return slu_error_set(err, SLU_CORRUPT, "datagen: split %s is not one of ours", splits[i].id);
        memcpy(&s.next, splits[i].data, sizeof s.next);
        if (s.next < 0 || self->split_count == SPLITS_MAX)
            return slu_error_set(err, SLU_CORRUPT, "datagen: split %s is out of bounds", splits[i].id);
        self->splits[self->split_count++] = s;
    }
    return SLU_OK;
}

static slu_status
datagen_snapshot(void *instance, int64_t checkpoint, slu_split_list *list, slu_error *err)
{
    const datagen *self = instance;
    (void)checkpoint;
    for (uint32_t i = 0; i < self->split_count; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "%" PRId64 "/%" PRId64, self->splits[i].index, self->splits[i].count);
        const slu_split made = {
            .size = sizeof made, .id = id, .data = &self->splits[i].next, .data_bytes = sizeof self->splits[i].next};
        SLU_TRY(list->add(list, &made, err));
    }
    return SLU_OK;
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------------- */

/* SplitMix64's finaliser: every bit of the answer depends on every bit of the question. */
static uint64_t
mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t
random_of(uint64_t seed, int64_t row)
{
    return mix(seed + (uint64_t)(row + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

__extension__ typedef unsigned __int128 u128;

/* A number below `bound`, from the high bits. */
static uint64_t
below(uint64_t random, uint64_t bound)
{
    return (uint64_t)((u128)random * bound >> 64);
}

static void
round_fill(const datagen *self, int64_t round, int64_t rows, int64_t *id, int64_t *account, int64_t *created, slu_i128 *amount)
{
    const int64_t first = round * ROUND_ROWS;
    for (int64_t k = 0; k < rows; k++) {
        const uint64_t random = random_of(self->seed, first + k);
        id[k] = first + k + 1;
        created[k] = TIME_BASE + first + k + 1;
        account[k] = OTHER_ACCOUNT_FIRST + (int64_t)below(random, (uint64_t)self->options->keys);
        amount[k] = (slu_i128_natural)(1000 + ((random & UINT32_MAX) * 50000 >> 32));
    }
    account[0] = FIRST_ACCOUNT + round % FRAUD_ACCOUNTS;
    amount[0] = 80;
    if (rows > 1) {
        account[1] = account[0];
        amount[1] = 100100;
    }
}

/* Rows of a unit: all but the last one are whole. */
static int64_t
unit_rows_at(const datagen *self, int64_t unit)
{
    const int64_t left = self->options->rows == 0 ? INT64_MAX : self->options->rows - unit * unit_rows(self);
    return left < unit_rows(self) ? left : unit_rows(self);
}

static slu_status
transactions_fill(datagen *self, const split *s, int64_t units, int64_t rows, slu_error *err)
{
    int64_t *id = sdk_builder_extend(&self->builders[0], rows), *account = sdk_builder_extend(&self->builders[1], rows);
    int64_t *created = sdk_builder_extend(&self->builders[2], rows);
    slu_i128 *amount = sdk_builder_extend(&self->builders[3], rows);
    if (id == NULL || account == NULL || created == NULL || amount == NULL)
        return slu_error_set(err, SLU_NOMEM, "datagen: no memory for %" PRId64 " rows", rows);
    for (int64_t j = 0, at = 0; j < units; j++) {
        const int64_t round = split_unit(self, s, s->next + j);
        const int64_t here = unit_rows_at(self, round);
        round_fill(self, round, here, id + at, account + at, created + at, amount + at);
        at += here;
    }
    return SLU_OK;
}

static void
account_fill(datagen *self, int64_t row)
{
    char name[32];
    (void)snprintf(name, sizeof name, "account%" PRId64, FIRST_ACCOUNT + row);
    sdk_builder_i64(&self->builders[0], FIRST_ACCOUNT + row);
    sdk_builder_text(&self->builders[1], name);
    sdk_builder_i64(&self->builders[2], TIME_BASE);
}

/* One random value: small enough for its type, and readable. */
static void
random_fill(sdk_builder *to, uint64_t random, int64_t row)
{
    static const int64_t units[] = {1, 1000, 1000000, 1000000000};
    char text[32];
    switch (to->type.id) {
    case SLU_TYPE_INT8: sdk_builder_int(to, (int64_t)below(random, 100)); return;
    case SLU_TYPE_INT16: sdk_builder_int(to, (int64_t)below(random, 10000)); return;
    case SLU_TYPE_INT32:
    case SLU_TYPE_INT64: sdk_builder_int(to, (int64_t)below(random, 1000000)); return;
    case SLU_TYPE_BOOL: sdk_builder_bool(to, random >> 63); return;
    case SLU_TYPE_FLOAT:
    case SLU_TYPE_DOUBLE: sdk_builder_f64(to, (double)(random >> 11) * 0x1p-53); return;
    case SLU_TYPE_DECIMAL: {
        uint64_t bound = 1;
        for (int32_t digit = 0; digit < to->type.precision && digit < 9; digit++)
            bound *= 10;
        sdk_builder_decimal(to, (slu_i128_natural)below(random, bound));
        return;
    }
    case SLU_TYPE_DATE: sdk_builder_int(to, 19723 + (int64_t)below(random, 366)); return;
    case SLU_TYPE_TIME: sdk_builder_int(to, (int64_t)below(random, 86400) * units[to->type.precision / 3]); return;
    case SLU_TYPE_TIMESTAMP: sdk_builder_int(to, (TIME_BASE / 1000 + row) * units[to->type.precision / 3]); return;
    case SLU_TYPE_FIXED: {
        uint8_t bytes[256];
        for (int32_t i = 0; i < to->type.width_bytes && i < (int32_t)sizeof bytes; i++)
            bytes[i] = (uint8_t)mix(random + (uint64_t)i);
        sdk_builder_bytes(to, bytes, (size_t)to->type.width_bytes);
        return;
    }
    default: (void)snprintf(text, sizeof text, "w%" PRIu64, below(random, 10000)); sdk_builder_text(to, text);
    }
}

static void
columns_fill(datagen *self, int64_t row)
{
    bool counted = false;
    for (int64_t c = 0; c < self->schema->n_children; c++) {
        sdk_builder *to = &self->builders[c];
        const bool integer = to->type.id == SLU_TYPE_INT64 || to->type.id == SLU_TYPE_INT32;
        if (integer && !counted)
            sdk_builder_int(to, row + 1);
        else
            random_fill(to, random_of(self->seed + (uint64_t)c * UINT64_C(0xd1342543de82ef95), row), row);
        counted |= integer;
    }
}

static slu_status
batch_emit(datagen *self, int64_t rows, slu_error *err)
{
    const int64_t count = self->schema->n_children;
    struct ArrowArray *columns = calloc((size_t)count, sizeof *columns);
    struct ArrowArray array = {0};
    slu_status status = columns == NULL ? slu_error_set(err, SLU_NOMEM, "datagen: no memory") : SLU_OK;
    for (int64_t c = 0; c < count && status == SLU_OK; c++)
        status = sdk_builder_finish(&self->builders[c], &columns[c], err);
    if (status == SLU_OK)
        status = sdk_struct(columns, count, rows, &array, err);
    for (int64_t c = 0; c < count && columns != NULL; c++)
        slu_array_release(&columns[c]);
    free(columns);
    if (status != SLU_OK)
        return status;
    slu_emit emit = {.size = sizeof emit, .array = &array};
    return self->host->emit(self->host, &emit, err);
}

static slu_status
units_emit(datagen *self, split *s, int64_t units, slu_error *err)
{
    int64_t rows = 0;
    if (self->transactions) {
        rows = (units - 1) * ROUND_ROWS + unit_rows_at(self, split_unit(self, s, s->next + units - 1));
        SLU_TRY(transactions_fill(self, s, units, rows, err));
    } else {
        for (; rows < units; rows++) {
            if (self->accounts)
                account_fill(self, split_unit(self, s, s->next + rows));
            else
                columns_fill(self, split_unit(self, s, s->next + rows));
        }
    }
    s->next += units;
    self->paid_rows += rows;
    return batch_emit(self, rows, err);
}

/* ---- Polling ---------------------------------------------------------------------------------------------------------------- */

/* How many units a split still has, `wanted` at most. The last unit of all bounds every split. */
static int64_t
split_left(const datagen *self, const split *s, int64_t wanted)
{
    const int64_t total = units_total(self);
    if (total == INT64_MAX)
        return wanted;
    int64_t left = 0, most = wanted;
    while (left < most) { /* unit numbers rise with j: the first one that is out, by halving */
        const int64_t middle = left + (most - left + 1) / 2;
        if (split_unit(self, s, s->next + middle - 1) < total)
            left = middle;
        else
            most = middle - 1;
    }
    return left;
}

/* This instance's part of the rate, by the units that are its own. */
static double
rate_here(const datagen *self)
{
    double share = 0;
    for (uint32_t i = 0; i < self->split_count; i++)
        share +=
            self->transactions ? (double)split_accounts(&self->splits[i]) / FRAUD_ACCOUNTS : 1.0 / (double)self->splits[i].count;
    return (double)self->options->rate * share;
}

/* Units that may go now under the rate; 0 after a deadline has been set. */
static int64_t
units_due(datagen *self, int64_t wanted)
{
    if (self->options->rate == 0)
        return wanted;
    const int64_t now = self->host->now_ms(self->host);
    if (self->paid_from_ms == INT64_MIN)
        self->paid_from_ms = now;
    /* A first unit goes at once; the rest as time passes. */
    const double due = (double)(now - self->paid_from_ms) * rate_here(self) / 1000.0 - (double)self->paid_rows;
    const int64_t units = due < 0 ? 0 : 1 + (int64_t)(due / (double)unit_rows(self));
    if (units == 0) {
        const double wait_ms = -due * 1000.0 / rate_here(self);
        self->host->deadline(self->host, now + (wait_ms > RATE_TICK_MS ? (int64_t)wait_ms + 1 : RATE_TICK_MS));
    }
    return units < wanted ? units : wanted;
}

static slu_status
datagen_poll(void *instance, slu_error *err)
{
    datagen *self = instance;
    const int64_t wanted = units_due(self, self->options->batch / unit_rows(self));
    if (self->split_count == 0)
        return SLU_END;
    for (uint32_t tried = 0; tried < self->split_count; tried++) {
        split *s = &self->splits[self->turn++ % self->split_count];
        const int64_t units = split_left(self, s, wanted > 0 ? wanted : 1);
        if (units == 0)
            continue;
        if (wanted == 0)
            return SLU_AGAIN;
        SLU_TRY(units_emit(self, s, units, err));
        return SLU_MORE;
    }
    return SLU_END;
}

/* The deadline only brings the next poll. */
static slu_status
datagen_ready(void *instance, uint64_t cookie, uint32_t events, slu_error *err)
{
    (void)instance;
    (void)cookie;
    (void)events;
    (void)err;
    return SLU_OK;
}

/* ---- Life ------------------------------------------------------------------------------------------------------------------- */

static void
datagen_close(void *instance)
{
    datagen *self = instance;
    for (int64_t c = 0; self->builders != NULL && c < self->schema->n_children; c++)
        sdk_builder_fini(&self->builders[c]);
    free(self->builders);
    self->builders = NULL;
}

static slu_status
datagen_open(void *instance, const slu_open *open, slu_error *err)
{
    datagen *self = instance;
    self->host = open->host;
    self->options = open->options;
    self->schema = open->outputs[0];
    self->transactions = kind_is(self->options, "transactions");
    self->accounts = kind_is(self->options, "accounts");
    self->seed = mix((uint64_t)self->options->seed);
    self->paid_from_ms = INT64_MIN;
    self->builders = calloc((size_t)self->schema->n_children + 1, sizeof *self->builders);
    if (self->builders == NULL)
        return slu_error_set(err, SLU_NOMEM, "datagen: no memory");
    for (int64_t c = 0; c < self->schema->n_children; c++) {
        if (sdk_builder_init(&self->builders[c], self->schema->children[c]->format, NULL) != SLU_OK) {
            datagen_close(self);
            return slu_error_set(err, SLU_UNSUPPORTED, "datagen: column '%s' is not generated", self->schema->children[c]->name);
        }
    }
    return SLU_OK;
}

static const slu_source_ops datagen_ops = {.size = sizeof datagen_ops,
                                           .list_splits = datagen_list_splits,
                                           .open = datagen_open,
                                           .assign = datagen_assign,
                                           .poll = datagen_poll,
                                           .ready = datagen_ready,
                                           .snapshot = datagen_snapshot,
                                           .close = datagen_close};

static const slu_plugin datagen_plugin = {.size = sizeof datagen_plugin,
                                          .kind = SLU_KIND_SOURCE,
                                          .name = "datagen",
                                          .help = "Generates bank transactions, accounts, or columns of any types",
                                          .options = datagen_option_table,
                                          .option_count = sizeof datagen_option_table / sizeof *datagen_option_table,
                                          .options_bytes = sizeof(datagen_options),
                                          .instance_bytes = sizeof(datagen),
                                          .state_version = 1,
                                          .output_count = 1,
                                          .plan = datagen_plan,
                                          .ops = &datagen_ops};

static const slu_plugin *const datagen_plugins[] = {&datagen_plugin};

const slu_module *
slu_plugin_entry(void)
{
    static const slu_module module = {.size = sizeof module,
                                      .abi = SLU_ABI,
                                      .name = "datagen",
                                      .version = "0.1.0",
                                      .plugins = datagen_plugins,
                                      .plugin_count = 1};
    return &module;
}
