#include "lanes.h"

#include "base/alloc.h"
#include "base/sizes.h"

struct tiering_lane {
    tiering_lanes *lanes;
    tiering_work *work;
    iceberg_catalog catalog; /* ops NULL: not opened yet */
    fluss_client *client;    /* NULL: not opened yet */
    uint32_t jobs;           /* submitted and not taken */
};

/* A table that has jobs under way, and where. */
typedef struct lane_table {
    int64_t table_id;
    tiering_lane *lane;
    uint32_t jobs;
} lane_table;

struct tiering_lanes {
    tiering_lanes_options options;
    fluss_client_options client;
    tiering_lane items[TIERING_LANES_MAX];
    uint32_t count;
    lane_table *tables;
    uint32_t table_count;
    uint32_t table_room;
};

void
tiering_lanes_stop(tiering_lanes *lanes)
{
    for (uint32_t i = 0; i < lanes->count; i++)
        tiering_work_stop(lanes->items[i].work);
}

void
tiering_lanes_close(tiering_lanes **lanes)
{
    tiering_lanes *l = slu_take(lanes);
    if (l == NULL)
        return;
    for (uint32_t i = 0; i < l->count; i++) {
        tiering_work_close(&l->items[i].work);
        fluss_client_close(&l->items[i].client);
        iceberg_catalog_close(&l->items[i].catalog);
    }
    slu_free(l->tables);
    slu_free(l);
}

/* ---- which lane ---- */

static lane_table *
table_find(tiering_lanes *lanes, int64_t table_id)
{
    for (uint32_t i = 0; i < lanes->table_count; i++)
        if (lanes->tables[i].table_id == table_id)
            return &lanes->tables[i];
    return NULL;
}

static slu_status
table_add(tiering_lanes *lanes, int64_t table_id, tiering_lane *lane, slu_error *err)
{
    if (lanes->table_count == lanes->table_room) {
        const uint32_t room = lanes->table_room * 2 + 16;
        lane_table *grown = slu_realloc(lanes->tables, room * sizeof *grown);
        if (grown == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for tables in work");
        lanes->tables = grown;
        lanes->table_room = room;
    }
    lanes->tables[lanes->table_count++] = (lane_table){table_id, lane, 0};
    return SLU_OK;
}

static slu_status
lane_begin(tiering_lanes *lanes, tiering_lane **out, slu_error *err)
{
    tiering_lane *lane = &lanes->items[lanes->count];
    lane->lanes = lanes;
    SLU_TRY(tiering_work_open(lanes->options.wake, lanes->options.context, &lane->work, err));
    lanes->count++;
    *out = lane;
    return SLU_OK;
}

static slu_status
lane_choose(tiering_lanes *lanes, tiering_lane **out, slu_error *err)
{
    tiering_lane *best = NULL;
    for (uint32_t i = 0; i < lanes->count; i++)
        if (best == NULL || lanes->items[i].jobs < best->jobs)
            best = &lanes->items[i];
    if (best == NULL || (best->jobs != 0 && lanes->count < lanes->options.lanes_max))
        return lane_begin(lanes, out, err);
    *out = best;
    return SLU_OK;
}

slu_status
tiering_lanes_submit(tiering_lanes *lanes, tiering_lane_job *job, slu_error *err)
{
    lane_table *table = table_find(lanes, job->table_id);
    if (table == NULL) {
        tiering_lane *lane = NULL;
        SLU_TRY(lane_choose(lanes, &lane, err));
        SLU_TRY(table_add(lanes, job->table_id, lane, err));
        table = &lanes->tables[lanes->table_count - 1];
    }
    job->lane = table->lane;
    const slu_status status = tiering_work_submit(job->lane->work, &job->job, err);
    if (status == SLU_OK) {
        table->jobs++;
        job->lane->jobs++;
    } else if (table->jobs == 0) {
        *table = lanes->tables[--lanes->table_count];
    }
    return status;
}

tiering_lane_job *
tiering_lanes_take(tiering_lanes *lanes, bool *ran)
{
    for (uint32_t i = 0; i < lanes->count; i++) {
        tiering_lane_job *job = (tiering_lane_job *)(void *)tiering_work_take(lanes->items[i].work, ran);
        if (job == NULL)
            continue;
        lane_table *table = table_find(lanes, job->table_id);
        lanes->items[i].jobs--;
        if (--table->jobs == 0)
            *table = lanes->tables[--lanes->table_count];
        return job;
    }
    return NULL;
}

/* ---- what a lane has ---- */

slu_status
tiering_lane_catalog(tiering_lane *lane, iceberg_catalog **out, slu_error *err)
{
    if (lane->catalog.ops == NULL)
        SLU_TRY(tiering_lake_open(lane->lanes->options.env, lane->lanes->options.lake, &lane->catalog, err));
    *out = &lane->catalog;
    return SLU_OK;
}

slu_status
tiering_lane_client(tiering_lane *lane, fluss_client **out, slu_error *err)
{
    if (lane->client == NULL)
        SLU_TRY(fluss_client_open(lane->lanes->options.env, &lane->lanes->client, &lane->client, err));
    *out = lane->client;
    return SLU_OK;
}

slu_status
tiering_lanes_open(const tiering_lanes_options *options, tiering_lanes **out, slu_error *err)
{
    SLU_AUTO(tiering_lanes_close) tiering_lanes *lanes = slu_alloc_zero(1, sizeof *lanes);
    tiering_lane *first = NULL;
    iceberg_catalog *catalog = NULL;
    fluss_client *client = NULL;
    if (lanes == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for threads");
    lanes->options = *options;
    lanes->options.lanes_max = SLU_MAX(1u, SLU_MIN(options->lanes_max, (uint32_t)TIERING_LANES_MAX));
    if (options->client != NULL)
        lanes->client = *options->client;
    SLU_TRY(lane_begin(lanes, &first, err));
    SLU_TRY(tiering_lane_catalog(first, &catalog, err));
    if (options->client != NULL)
        SLU_TRY(tiering_lane_client(first, &client, err));
    *out = slu_take(&lanes);
    return SLU_OK;
}
