/* verbs_look.c: what an Iceberg table holds: `lake snapshots`, `lake files`. */
#include "lake_verbs.h"

#include "iceberg/lake_read.h"
#include "table.h"

#include <stdlib.h>

typedef slu_status (*batch_maker)(const slu_args *args, const lake_subject *subject, struct ArrowSchema *schema,
                                  struct ArrowArray *array, slu_error *err);

static int
batch_show(const slu_args *args, batch_maker make, const char *columns)
{
    slu_error err = {0};
    SLU_AUTO(lake_subject_close) lake_subject subject = {0};
    struct ArrowSchema schema = {0};
    struct ArrowArray array = {0};
    slu_status status = lake_subject_open(args, &subject, &err);
    if (status == SLU_OK)
        status = make(args, &subject, &schema, &array, &err);
    const int code = status != SLU_OK ? slu_cli_fail(args, &err) : lake_print_batch(args, columns, &schema, &array);
    slu_array_release(&array);
    slu_schema_release(&schema);
    return code;
}

/* ---- snapshots ---- */

static slu_status
snapshots_make(const slu_args *args, const lake_subject *subject, struct ArrowSchema *schema, struct ArrowArray *array,
               slu_error *err)
{
    (void)args;
    return iceberg_snapshots_batch(subject->table.metadata, schema, array, err);
}

static int
lake_snapshots(const slu_args *args)
{
    return batch_show(
        args, snapshots_make,
        ">snapshot_id:SNAPSHOT|committed_at:COMMITTED|operation:OPERATION|>added_records:ADDED|>total_records:ROWS|refs:REFS");
}

/* ---- files ---- */

static slu_status
files_make(const slu_args *args, const lake_subject *subject, struct ArrowSchema *schema, struct ArrowArray *array, slu_error *err)
{
    const iceberg_metadata *metadata = subject->table.metadata;
    const iceberg_snapshot *snapshot = NULL;
    int64_t id = -1;
    SLU_TRY(slu_args_i64(args, "snapshot", 0, INT64_MAX, &id, err));
    if (id != -1) {
        snapshot = iceberg_metadata_snapshot_of(metadata, id);
        if (snapshot == NULL)
            return slu_error_set(err, SLU_NOTFOUND, "there is no snapshot %lld; `sluice lake snapshots` lists them", (long long)id);
    }
    return iceberg_files_batch(iceberg_catalog_store(&subject->catalog, &subject->table), metadata, snapshot, schema, array, err);
}

static int
lake_files(const slu_args *args)
{
    return batch_show(
        args, files_make,
        ">record_count:ROWS|>file_size_in_bytes:BYTES|>sequence_number:SEQ|content:CONTENT|partition:PARTITION|file_path:PATH");
}

/* ---- The verbs ---- */

const slu_verb slu_verb_lake_snapshots = {.name = "lake snapshots",
                                          .summary = "the snapshots of an Iceberg table",
                                          .usage = "TABLE",
                                          .more = LAKE_SETTINGS_HELP,
                                          .words_min = 1,
                                          .words_max = 1,
                                          .settings = true,
                                          .json = true,
                                          .run = lake_snapshots};

static const slu_flag files_flags[] = {{"snapshot", 0, "ID", "as of this snapshot"}};

const slu_verb slu_verb_lake_files = {.name = "lake files",
                                      .summary = "the data and delete files of an Iceberg table",
                                      .usage = "TABLE",
                                      .more = LAKE_SETTINGS_HELP,
                                      SLU_VERB_FLAGS(files_flags),
                                      .words_min = 1,
                                      .words_max = 1,
                                      .settings = true,
                                      .json = true,
                                      .run = lake_files};
