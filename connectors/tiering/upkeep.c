#include "upkeep.h"

#include "work.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "fluss/client/admin.h"
#include "iceberg_care/compact.h"
#include "iceberg_care/expire.h"
#include "iceberg_care/orphans.h"

#include <stdatomic.h>

#define UPKEEP_FILES_MIN 5                     /* small files of a bucket that are worth a rewrite */
#define UPKEEP_GROUP_BYTES ((int64_t)16 << 20) /* a row group in memory, as large as the writer's */

typedef struct upkeep_table {
    char database[SLU_NAME_BYTES_MAX];
    char table[SLU_NAME_BYTES_MAX];
    int64_t next_ms; /* not before */
    bool busy;
    struct upkeep_table *next;
} upkeep_table;

/* One table's turn. */
typedef struct upkeep_job {
    tiering_job job; /* first */
    tiering_upkeep *owner;
    upkeep_table *table;
    iceberg_compacted compacted;
    iceberg_expired expired;
    iceberg_orphans orphans;
    slu_status status;
    slu_error failure;
} upkeep_job;

struct tiering_upkeep {
    slu_host *host;
    const slu_env *env;
    const tiering_lake_options *lake;
    fluss_client_options client_options;
    const tiering_upkeep_options *options;
    tiering_work *work;
    upkeep_table *tables;
    size_t table_count;
    bool told_full;
    atomic_bool stop;
    iceberg_catalog catalog; /* the thread's, opened by its first job */
    fluss_client *client;    /* the same */
};

static bool
is_word(const char *word)
{
    return word == NULL || strcmp(word, "on") == 0 || strcmp(word, "off") == 0 || strcmp(word, "auto") == 0;
}

slu_status
tiering_upkeep_check(const tiering_upkeep_options *options, slu_error *err)
{
    const char *const words[] = {options->compaction, options->expiry, options->orphans};
    static const char *const names[] = {"compaction", "expiry", "orphans"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!is_word(words[i]))
            return slu_error_set(err, SLU_INVALID, "%s: \"%s\" is not on, off or auto", names[i], words[i]);
    return SLU_OK;
}

static bool
is_off(const char *word)
{
    return word == NULL || strcmp(word, "off") == 0;
}

/* ---- on the thread ---- */

/* `key`: the table's own word for it; NULL: it has none. */
static bool
is_wanted(const char *word, const iceberg_metadata *metadata, const char *key)
{
    if (is_off(word))
        return false;
    const char *own = key == NULL ? NULL : iceberg_metadata_property(metadata, key);
    return strcmp(word, "on") == 0 || (own != NULL && strcmp(own, "true") == 0);
}

/* The snapshots that Fluss names: the newest, and the newest that can be read. */
static slu_status
named_snapshots(upkeep_job *job, int64_t *ids, size_t *count, slu_error *err)
{
    tiering_upkeep *self = job->owner;
    *count = 0;
    if (self->client == NULL)
        SLU_TRY(fluss_client_open(self->env, &self->client_options, &self->client, err));
    for (int readable = 0; readable < 2; readable++) {
        const slu_status status = fluss_admin_lake_snapshot(self->client, job->table->database, job->table->table, readable != 0,
                                                            &ids[*count], NULL, 0, err);
        if (status == SLU_OK)
            ++*count;
        else if (status != SLU_NOTFOUND)
            return status;
    }
    return SLU_OK;
}

static slu_status
expire(upkeep_job *job, iceberg_table *table, slu_error *err)
{
    int64_t named[2];
    iceberg_expire_options options = {.age_ms = ICEBERG_DEFAULT, .keep_last = ICEBERG_DEFAULT, .keep = named};
    SLU_TRY_IN(named_snapshots(job, named, &options.keep_count, err), err, "the lake snapshots that Fluss names");
    return iceberg_expire(&job->owner->catalog, table, &options, &job->expired, err);
}

static slu_status
take_care(upkeep_job *job, iceberg_table *table, slu_error *err)
{
    tiering_upkeep *self = job->owner;
    const iceberg_compact_options compact = {
        .files_min = UPKEEP_FILES_MIN, .row_group_bytes = UPKEEP_GROUP_BYTES, .stop = &self->stop};
    const iceberg_orphans_options orphans = {0};
    if (is_wanted(self->options->compaction, table->metadata, "fluss.table.datalake.auto-compaction"))
        SLU_TRY(iceberg_compact(&self->catalog, table, &compact, &job->compacted, err));
    if (!atomic_load(&self->stop) && is_wanted(self->options->expiry, table->metadata, "fluss.table.datalake.auto-expire-snapshot"))
        SLU_TRY(expire(job, table, err));
    if (!atomic_load(&self->stop) && is_wanted(self->options->orphans, table->metadata, NULL))
        SLU_TRY(iceberg_orphans_remove(&self->catalog, table, &orphans, &job->orphans, err));
    return SLU_OK;
}

static void
upkeep_run(tiering_job *base)
{
    upkeep_job *job = (upkeep_job *)(void *)base;
    tiering_upkeep *self = job->owner;
    SLU_AUTO(iceberg_table_fini) iceberg_table table = {0};
    slu_error *err = &job->failure;
    job->status = self->catalog.ops == NULL ? tiering_lake_open(self->env, self->lake, &self->catalog, err) : SLU_OK;
    if (job->status == SLU_OK)
        job->status = iceberg_catalog_load(&self->catalog, job->table->database, job->table->table, &table, err);
    if (job->status == SLU_OK)
        job->status = take_care(job, &table, err);
}

/* ---- the owner's side ---- */

static upkeep_table *
table_of(tiering_upkeep *self, const char *database, const char *name)
{
    for (upkeep_table *table = self->tables; table != NULL; table = table->next)
        if (strcmp(table->table, name) == 0 && strcmp(table->database, database) == 0)
            return table;
    upkeep_table *made = self->table_count == TIERING_UPKEEP_TABLES_MAX ? NULL : slu_alloc_zero(1, sizeof *made);
    if (made == NULL) {
        if (!self->told_full)
            self->host->log(self->host, SLU_HOST_LOG_WARN, "TIERING-UPKEEP-FULL", "further tables are not taken care of");
        self->told_full = true;
        return NULL;
    }
    (void)snprintf(made->database, sizeof made->database, "%s", database);
    (void)snprintf(made->table, sizeof made->table, "%s", name);
    made->next_ms = slu_now_ms(self->env) + self->options->interval_ms;
    made->next = self->tables;
    self->tables = made;
    self->table_count++;
    return made;
}

void
tiering_upkeep_committed(tiering_upkeep *self, const char *database, const char *name)
{
    slu_error err;
    if (self == NULL || self->work == NULL)
        return;
    upkeep_table *table = table_of(self, database, name);
    if (table == NULL || table->busy || slu_now_ms(self->env) < table->next_ms)
        return;
    upkeep_job *job = slu_alloc_zero(1, sizeof *job);
    if (job == NULL)
        return;
    *job = (upkeep_job){.job = {.run = upkeep_run}, .owner = self, .table = table};
    table->busy = tiering_work_submit(self->work, &job->job, &err) == SLU_OK;
    if (!table->busy)
        slu_free(job);
}

static void
job_tell(const tiering_upkeep *self, const upkeep_job *job)
{
    char message[SLU_ERROR_MESSAGE_BYTES * 2];
    if (job->status != SLU_OK && job->status != SLU_CLOSED) {
        (void)snprintf(message, sizeof message, "upkeep of %s.%s: %s", job->table->database, job->table->table,
                       job->failure.message);
        self->host->log(self->host, SLU_HOST_LOG_WARN, "TIERING-UPKEEP-LATER", message);
        return;
    }
    (void)snprintf(
        message, sizeof message, "table %s.%s: %lld files became %lld, %lld delete files and %lld snapshots went, and %lld orphans",
        job->table->database, job->table->table, (long long)job->compacted.files_before, (long long)job->compacted.files_after,
        (long long)job->compacted.delete_files, (long long)job->expired.snapshots, (long long)job->orphans.orphans);
    self->host->log(self->host, SLU_HOST_LOG_INFO, "TIERING-UPKEEP", message);
}

void
tiering_upkeep_ready(tiering_upkeep *self)
{
    bool ran = false;
    for (tiering_job *base; self != NULL && self->work != NULL && (base = tiering_work_take(self->work, &ran)) != NULL;) {
        upkeep_job *job = (upkeep_job *)(void *)base;
        job->table->busy = false;
        job->table->next_ms = slu_now_ms(self->env) + self->options->interval_ms;
        if (ran)
            job_tell(self, job);
        slu_free(job);
    }
}

static void
upkeep_wake(void *context)
{
    slu_host *host = context;
    host->wake(host);
}

slu_status
tiering_upkeep_open(slu_host *host, const slu_env *env, const tiering_lake_options *lake, const fluss_client_options *client,
                    const tiering_upkeep_options *options, tiering_upkeep **out, slu_error *err)
{
    SLU_AUTO(tiering_upkeep_close) tiering_upkeep *self = slu_alloc_zero(1, sizeof *self);
    if (self == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for the upkeep of lake tables");
    self->host = host;
    self->env = env;
    self->lake = lake;
    self->client_options = *client;
    self->options = options;
    if (!is_off(options->compaction) || !is_off(options->expiry) || !is_off(options->orphans))
        SLU_TRY(tiering_work_open(upkeep_wake, host, &self->work, err));
    *out = slu_take(&self);
    return SLU_OK;
}

void
tiering_upkeep_close(tiering_upkeep **upkeep)
{
    tiering_upkeep *self = slu_take(upkeep);
    if (self == NULL)
        return;
    atomic_store(&self->stop, true);
    if (self->work != NULL) {
        tiering_work_stop(self->work);
        tiering_upkeep_ready(self);
        tiering_work_close(&self->work);
    }
    for (upkeep_table *table = self->tables; table != NULL;) {
        upkeep_table *next = table->next;
        slu_free(table);
        table = next;
    }
    fluss_client_close(&self->client);
    iceberg_catalog_close(&self->catalog);
    slu_free(self);
}
