/* lake_model.c: see lake_model.h. */
#include "lake_model.h"

#include "network.h"
#include "stage.h"

#include "base/alloc.h"

typedef struct lake_file {
    struct lake_file *next;
    uint64_t number;
    bool visible;
    uint32_t subtask;
    int64_t checkpoint;
    size_t count;
    fluss_row rows[];
} lake_file;

struct lake_model {
    lake_file *files;
    uint64_t numbers;
    uint32_t fault_ppm;
};

lake_model *
lake_model_new(void)
{
    return slu_alloc_zero(1, sizeof(lake_model));
}

void
lake_model_free(lake_model **owned)
{
    lake_model *model = *owned;
    *owned = NULL;
    while (model != NULL && model->files != NULL) {
        lake_file *next = model->files->next;
        slu_free(model->files);
        model->files = next;
    }
    slu_free(model);
}

void
lake_model_set_faults(lake_model *model, uint32_t ppm)
{
    model->fault_ppm = ppm;
}

static bool
unreachable(const lake_model *model, uint32_t host)
{
    return sim_network_is_split(sim_on->network, host, SIM_HOST_TABLES) || sim_chance(model->fault_ppm);
}

slu_status
lake_model_write(lake_model *model, uint32_t host, const fluss_row *rows, size_t count, uint64_t *out_file, slu_error *err)
{
    if (unreachable(model, host))
        return slu_error_set(err, SLU_IO, "the lake did not answer");
    *out_file = ++model->numbers;
    if (!sim_effect(SIM_EFFECT_LAKE, count))
        return SLU_OK;
    lake_file *made = slu_alloc_zero(1, sizeof *made + count * sizeof *rows);
    made->next = model->files;
    made->number = *out_file;
    made->count = count;
    memcpy(made->rows, rows, count * sizeof *rows);
    model->files = made;
    return SLU_OK;
}

static slu_status
commit(lake_model *model, uint32_t subtask, int64_t checkpoint, uint64_t number, slu_error *err)
{
    lake_file *file = NULL;
    bool newer = false;
    for (lake_file *at = model->files; at != NULL; at = at->next) {
        file = at->number == number ? at : file;
        newer = newer || (at->visible && at->subtask == subtask && at->checkpoint > checkpoint);
    }
    if (file == NULL)
        return slu_error_set(err, SLU_CONFLICT, "there is no file %llu", (unsigned long long)number);
    if (file->visible)
        return SLU_OK;
    if (newer)
        return slu_error_set(err, SLU_CONFLICT, "a newer commit of subtask %u is there", subtask);
    file->visible = true;
    file->subtask = subtask;
    file->checkpoint = checkpoint;
    return SLU_OK;
}

slu_status
lake_model_commit(lake_model *model, uint32_t host, uint32_t subtask, int64_t checkpoint, uint64_t file, slu_error *err)
{
    if (unreachable(model, host))
        return slu_error_set(err, SLU_IO, "the lake did not answer");
    const bool deaf = sim_chance(model->fault_ppm);
    const slu_status status =
        sim_effect(SIM_EFFECT_LAKE, (uint64_t)checkpoint) ? commit(model, subtask, checkpoint, file, err) : SLU_OK;
    return deaf ? slu_error_set(err, SLU_IO, "the answer of the lake was lost") : status;
}

void
lake_model_rows(const lake_model *model, void (*each)(void *context, const fluss_row *row), void *context)
{
    for (const lake_file *file = model->files; file != NULL; file = file->next)
        for (size_t i = 0; file->visible && i < file->count; i++)
            each(context, &file->rows[i]);
}
