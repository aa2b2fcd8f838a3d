/* planted.c: see planted.h. */
#include "planted.h"

#include "stage.h"

#include "checkpoint/manifest.h"
#include "control/message.h"
#include "worker/node.h"

#define MANIFEST_LATE_MS 60

typedef struct late_manifest {
    char path[SLU_PATH_BYTES_MAX];
    slu_buf bytes;
    int64_t at_ms;
    sim_actor *actor;
    uint64_t pid;
} late_manifest;

static struct {
    int64_t forwarded; /* the checkpoint whose barrier is out already */
    late_manifest late;
    uint64_t attempt, attempt_id; /* the newest that was deployed */
} planted;

slu_status __real_slu_node_snapshot(slu_node *node, int64_t checkpoint, slu_snapshot_writer *writer, slu_error *err);
slu_status __wrap_slu_node_snapshot(slu_node *node, int64_t checkpoint, slu_snapshot_writer *writer, slu_error *err);
slu_status __real_slu_node_forward(slu_node *node, const slu_item *item, slu_error *err);
slu_status __wrap_slu_node_forward(slu_node *node, const slu_item *item, slu_error *err);
slu_status __real_slu_manifest_put(const slu_stores *stores, slu_view encoded, int64_t checkpoint, const char *directory, bool sync,
                                   slu_error *err);
slu_status __wrap_slu_manifest_put(const slu_stores *stores, slu_view encoded, int64_t checkpoint, const char *directory, bool sync,
                                   slu_error *err);
slu_status __wrap_slu_file_create(const char *path, slu_view data, bool sync, slu_error *err);
bool __wrap_slu_path_exists(const char *path);
bool __real_slu_link_beyond_loopback(const char *address);
bool __wrap_slu_link_beyond_loopback(const char *address);
slu_status __real_slu_message_decode(slu_view bytes, uint32_t version, slu_arena *arena, slu_message *out, slu_error *err);
slu_status __wrap_slu_message_decode(slu_view bytes, uint32_t version, slu_arena *arena, slu_message *out, slu_error *err);

const char *
sim_planted_name(uint32_t which)
{
    static const char *const names[] = {"none", "early-barrier", "early-commit", "zombie"};
    return names[which];
}

static void
late_drop(void)
{
    slu_buf_fini(&planted.late.bytes);
    memset(&planted.late, 0, sizeof planted.late);
}

void
sim_planted_reset(void)
{
    late_drop();
    planted.forwarded = -1;
    planted.attempt = planted.attempt_id = 0;
}

/* ---- Early barrier */

slu_status
__wrap_slu_node_snapshot(slu_node *node, int64_t checkpoint, slu_snapshot_writer *writer, slu_error *err)
{
    if (sim_on->planted == SIM_PLANTED_EARLY_BARRIER && slu_node_kind(node) == SLU_KIND_SOURCE) {
        const slu_item barrier = {.kind = SLU_ITEM_BARRIER, .value = checkpoint, .wall_ms = sim_on->now_ms};
        SLU_TRY(__real_slu_node_forward(node, &barrier, err));
        planted.forwarded = checkpoint;
        if (slu_node_poll(node, err) < 0)
            return err->status;
    }
    return __real_slu_node_snapshot(node, checkpoint, writer, err);
}

slu_status
__wrap_slu_node_forward(slu_node *node, const slu_item *item, slu_error *err)
{
    if (item->kind == SLU_ITEM_BARRIER && item->value == planted.forwarded) {
        planted.forwarded = -1;
        return SLU_OK;
    }
    return __real_slu_node_forward(node, item, err);
}

/* ---- Early commit */

static void
late_write(void)
{
    slu_error err = {0};
    char directory[SLU_PATH_BYTES_MAX];
    (void)snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(planted.late.path, '/') - planted.late.path),
                   planted.late.path);
    const bool there = __wrap_slu_path_exists(directory); /* else the job is over, and nobody wants it */
    if (there && planted.late.actor->pid == planted.late.pid && !planted.late.actor->ghost &&
        __wrap_slu_file_create(planted.late.path, slu_buf_view(&planted.late.bytes), true, &err) != SLU_OK)
        sim_mix(1);
    late_drop();
}

void
sim_planted_step(void)
{
    if (planted.late.actor != NULL && planted.late.at_ms <= sim_on->now_ms)
        late_write();
}

slu_status
__wrap_slu_manifest_put(const slu_stores *stores, slu_view encoded, int64_t checkpoint, const char *directory, bool sync,
                        slu_error *err)
{
    if (sim_on->planted != SIM_PLANTED_EARLY_COMMIT)
        return __real_slu_manifest_put(stores, encoded, checkpoint, directory, sync, err);
    if (planted.late.actor != NULL)
        late_write();
    slu_buf_init(&planted.late.bytes, SLU_MANIFEST_BYTES_MAX);
    slu_buf_append(&planted.late.bytes, encoded.data, encoded.bytes);
    (void)snprintf(planted.late.path, sizeof planted.late.path, "%s/%s", directory, SLU_MANIFEST_NAME);
    planted.late.at_ms = sim_on->now_ms + MANIFEST_LATE_MS;
    planted.late.actor = sim_on->actor;
    planted.late.pid = sim_on->actor->pid;
    return slu_buf_status(&planted.late.bytes, err);
}

/* ---- Zombie */

void
sim_planted_deploy(uint64_t attempt, uint64_t attempt_id)
{
    if (attempt < planted.attempt)
        return;
    planted.attempt = attempt;
    planted.attempt_id = attempt_id;
}

/* Only a worker of another host has a lease. */
bool
__wrap_slu_link_beyond_loopback(const char *address)
{
    return sim_on->planted != SIM_PLANTED_ZOMBIE && __real_slu_link_beyond_loopback(address);
}

slu_status
__wrap_slu_message_decode(slu_view bytes, uint32_t version, slu_arena *arena, slu_message *out, slu_error *err)
{
    const slu_status status = __real_slu_message_decode(bytes, version, arena, out, err);
    const bool judge = sim_on->planted == SIM_PLANTED_ZOMBIE && sim_on->actor != NULL && sim_on->actor->role == SIM_ROLE_JOBMANAGER;
    if (status != SLU_OK || !judge || out->attempt == 0 || out->attempt >= planted.attempt)
        return status;
    if (out->kind == SLU_MESSAGE_TASK || out->kind == SLU_MESSAGE_ACK ||
        (out->kind == SLU_MESSAGE_HELLO && strcmp(out->role, SLU_ROLE_WORKER) == 0)) {
        out->attempt = planted.attempt;
        out->attempt_id = planted.attempt_id;
    }
    return SLU_OK;
}
