/* message.c: the table, and the two functions that read it. */
#include "control/message.h"

#include "base/sizes.h"
#include "control/pack.h"

#include <inttypes.h>

#define TYPE_U64 1
#define TYPE_I64 2
#define TYPE_TEXT 3
#define TYPE_BYTES 4

typedef struct field_info {
    const char *name;
    uint32_t type;
    uint32_t offset;
} field_info;

enum {
#define X(type, name, meaning) FIELD_##name,
    SLU_MESSAGE_FIELDS(X)
#undef X
        FIELD_COUNT
};

static const field_info fields[FIELD_COUNT] = {
#define X(type, name, meaning) {#name, TYPE_##type, (uint32_t)offsetof(slu_message, name)},
    SLU_MESSAGE_FIELDS(X)
#undef X
};

#define CARRIED_MAX 24

/* A field of a kind, and the protocol version that brought it. */
typedef struct carried {
    uint8_t field;
    uint8_t since;
} carried;

typedef struct kind_info {
    const char *name;
    uint32_t since;
    carried carries[CARRIED_MAX];
} kind_info;

#define F(name)                                                                                                                    \
    {                                                                                                                              \
        FIELD_##name, 1                                                                                                            \
    }
#define ATTEMPT F(job), F(attempt), F(attempt_id)

static const kind_info kinds[SLU_MESSAGE_KIND_END] = {
    [SLU_MESSAGE_HELLO] = {"hello",
                           1,
                           {F(role), F(version_min), F(version_max), F(cluster), F(build), F(node), F(host), F(boot), F(address),
                            F(slots), F(pid), ATTEMPT, F(worker), F(workers)}},
    [SLU_MESSAGE_WELCOME] = {"welcome", 1, {F(version_min), F(version_max), F(cluster), F(build), F(heartbeat_ms), F(timeout_ms)}},
    [SLU_MESSAGE_FAILED] = {"failed", 1, {F(request), F(status), F(text)}},
    [SLU_MESSAGE_HEARTBEAT] = {"heartbeat", 1, {F(checkpoint), F(flags)}},
    [SLU_MESSAGE_DEPLOY] = {"deploy",
                            1,
                            {ATTEMPT, F(name), F(worker), F(workers), F(slots), F(graph), F(placement), F(path), F(restore),
                             F(address), F(pid), F(listen), F(run_dir), F(transport), F(memory_max), F(timeout_ms), F(flags)}},
    [SLU_MESSAGE_DEPLOYED] = {"deployed", 1, {ATTEMPT, F(worker), F(pid)}},
    [SLU_MESSAGE_REFUSED] = {"refused", 1, {ATTEMPT, F(worker), F(status), F(text)}},
    [SLU_MESSAGE_KILL] = {"kill", 1, {ATTEMPT, F(worker)}},
    [SLU_MESSAGE_EXITED] = {"exited", 1, {ATTEMPT, F(worker), F(status), F(text)}},
    [SLU_MESSAGE_LOG_READ] = {"log_read", 1, {F(request), F(job), F(offset), F(size)}},
    [SLU_MESSAGE_LOG] = {"log", 1, {F(request), F(job), F(node), F(offset), F(size), F(data)}},
    [SLU_MESSAGE_PEERS] = {"peers", 1, {ATTEMPT}},
    [SLU_MESSAGE_TASK] = {"task", 1, {ATTEMPT, F(worker), F(task), F(name), F(state), F(status), F(flags), F(text), F(pid)}},
    [SLU_MESSAGE_TRIGGER] = {"trigger", 1, {ATTEMPT, F(checkpoint), F(start_ms), F(flags)}},
    [SLU_MESSAGE_ACK] = {"ack", 1, {ATTEMPT, F(checkpoint), F(task), F(path), F(size), F(crc), F(duration_ms), F(alignment_ms)}},
    [SLU_MESSAGE_DECLINE] = {"decline", 1, {ATTEMPT, F(checkpoint), F(task), F(status), F(text)}},
    [SLU_MESSAGE_COMPLETE] = {"complete", 1, {ATTEMPT, F(checkpoint), F(flags)}},
    [SLU_MESSAGE_ABORT] = {"abort", 1, {ATTEMPT, F(checkpoint)}},
    [SLU_MESSAGE_RULES] = {"rules", 1, {ATTEMPT, F(name), F(value), F(data)}},
    [SLU_MESSAGE_RULED] = {"ruled", 1, {ATTEMPT, F(task), F(value), F(checkpoint), F(status), F(text)}},
    [SLU_MESSAGE_METRICS] = {"metrics", 1, {ATTEMPT, F(worker)}},
    [SLU_MESSAGE_END] = {"end", 1, {ATTEMPT, F(flags)}},
    [SLU_MESSAGE_CREDIT] = {"credit", 1, {ATTEMPT}},
    [SLU_MESSAGE_SENT] = {"sent", 1, {ATTEMPT}},
    [SLU_MESSAGE_TOTAL] = {"total", 1, {F(channel), F(value)}},
    [SLU_MESSAGE_SUBMIT] = {"submit", 1, {F(request), F(name), F(graph), F(restore), F(flags)}},
    [SLU_MESSAGE_DONE] = {"done", 1, {F(request), F(job), F(name), F(state), F(text), F(duration_ms)}},
    [SLU_MESSAGE_LIST] = {"list", 1, {F(request)}},
    [SLU_MESSAGE_JOBS] = {"jobs", 1, {F(request)}},
    [SLU_MESSAGE_DESCRIBE] = {"describe", 1, {F(request), F(job)}},
    [SLU_MESSAGE_DETAILS] = {"details",
                             1,
                             {F(request), F(job), F(name), F(state), F(attempt), F(parallelism), F(start_ms), F(end_ms),
                              F(duration_ms), F(restarts), F(checkpoint), F(checkpoints), F(path), F(text), F(tasks),
                              F(remote_frames), F(interval_ms), F(key_groups)}},
    [SLU_MESSAGE_WAIT] = {"wait", 1, {F(request), F(job), F(timeout_ms)}},
    [SLU_MESSAGE_CANCEL] = {"cancel", 1, {F(request), F(job)}},
    [SLU_MESSAGE_STOP] = {"stop", 1, {F(request), F(job), F(flags)}},
    [SLU_MESSAGE_SAVEPOINT] = {"savepoint", 1, {F(request), F(job), F(path), F(flags)}},
    [SLU_MESSAGE_RESCALE] = {"rescale", 1, {F(request), F(job)}},
    [SLU_MESSAGE_APPLY] = {"apply", 1, {F(request), F(job), F(name), F(data)}},
    [SLU_MESSAGE_APPLIED] = {"applied", 1, {F(request), F(job), F(name), F(value), F(checkpoint), F(duration_ms)}},
    [SLU_MESSAGE_RULEBOOK] = {"rulebook", 1, {F(request), F(job)}},
    [SLU_MESSAGE_RULESETS] = {"rulesets", 1, {F(request), F(job), F(name)}},
    [SLU_MESSAGE_RULESET] = {"ruleset", 1, {F(name), F(value), F(checkpoint), F(state), F(start_ms), F(data)}},
    [SLU_MESSAGE_DRAIN] = {"drain", 1, {F(request), F(node), F(flags)}},
    [SLU_MESSAGE_WANT] = {"want", 1, {F(name), F(parallelism)}},
    [SLU_MESSAGE_SAVED] = {"saved", 1, {F(request), F(job), F(name), F(path), F(checkpoint), F(size), F(duration_ms)}},
    [SLU_MESSAGE_OVERVIEW] = {"overview", 1, {F(request)}},
    [SLU_MESSAGE_CLUSTER] = {"cluster",
                             1,
                             {F(request), F(cluster), F(build), F(address), F(taskmanagers), F(slots), F(slots_free)}},
    [SLU_MESSAGE_LOGS] = {"logs", 1, {F(request), F(job), F(worker), F(offset), F(size)}},
    [SLU_MESSAGE_MEASURE] = {"measure", 1, {F(request), F(job)}},
    [SLU_MESSAGE_MEASURED] = {"measured", 1, {F(request), F(job)}},
    [SLU_MESSAGE_HISTORY] = {"history", 1, {F(request), F(job)}},
    [SLU_MESSAGE_CHECKPOINTS] = {"checkpoints", 1, {F(request), F(job)}},
    [SLU_MESSAGE_WORKER] = {"worker", 1, {ATTEMPT, F(worker), F(pid)}},
    [SLU_MESSAGE_PLACED] = {"placed", 1, {ATTEMPT, F(placement), F(restore), F(checkpoint)}},
    [SLU_MESSAGE_MEMBER] = {"member", 1, {F(worker), F(node), F(host), F(boot), F(slots)}},
    [SLU_MESSAGE_VERTEX] = {"vertex", 1, {F(name), F(parallelism), F(rows_in), F(rows_out), F(inputs)}},
    [SLU_MESSAGE_PEER] = {"peer", 1, {F(worker), F(host), F(boot), F(address)}},
    [SLU_MESSAGE_METRIC] = {"metric", 1, {F(task), F(name), F(value)}},
    [SLU_MESSAGE_JOB] = {"job",
                         1,
                         {F(job), F(name), F(state), F(attempt), F(parallelism), F(tasks), F(start_ms), F(end_ms), F(duration_ms),
                          F(restarts), F(checkpoint), F(checkpoints), F(rows_in), F(rows_out), F(text)}},
    [SLU_MESSAGE_NODE] = {"node", 1, {F(node), F(host), F(address), F(slots), F(slots_free), F(pid), F(state)}},
    [SLU_MESSAGE_CHECKPOINT] = {"checkpoint",
                                1,
                                {F(checkpoint), F(state), F(path), F(start_ms), F(duration_ms), F(size), F(tasks), F(text)}},
};

static const uint32_t item_kinds[SLU_MESSAGE_KIND_END] = {
#define X(name, items, meaning) [SLU_MESSAGE_##name] = SLU_MESSAGE_##items,
    SLU_MESSAGE_KINDS(X)
#undef X
};

const char *
slu_message_name(uint32_t kind)
{
    return kind == SLU_MESSAGE_NONE || kind >= SLU_MESSAGE_KIND_END ? "?" : kinds[kind].name;
}

/* How many fields a kind carries in a version. */
static uint32_t
carried_count(const kind_info *info, uint32_t version)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CARRIED_MAX && info->carries[i].since != 0; i++)
        count += info->carries[i].since <= version;
    return count;
}

static void
field_encode(const slu_message *message, const field_info *field, slu_buf *out)
{
    const uint8_t *at = (const uint8_t *)message + field->offset;
    uint64_t number;
    const char *text;
    slu_view bytes;
    slu_pack_cstr(out, field->name);
    switch (field->type) {
    case TYPE_U64:
        memcpy(&number, at, sizeof number);
        slu_pack_u64(out, number);
        break;
    case TYPE_I64:
        memcpy(&number, at, sizeof number);
        slu_pack_i64(out, (int64_t)number);
        break;
    case TYPE_TEXT:
        memcpy(&text, at, sizeof text);
        slu_pack_cstr(out, text);
        break;
    default: memcpy(&bytes, at, sizeof bytes); slu_pack_bytes(out, bytes);
    }
}

void
slu_message_encode(const slu_message *message, uint32_t version, slu_buf *out)
{
    const kind_info *info = &kinds[message->kind];
    const bool has_items = item_kinds[message->kind] != SLU_MESSAGE_NONE;
    slu_pack_map(out, 1 + carried_count(info, version) + (has_items ? 1 : 0));
    slu_pack_cstr(out, "m");
    slu_pack_cstr(out, info->name);
    for (uint32_t i = 0; i < CARRIED_MAX && info->carries[i].since != 0; i++)
        if (info->carries[i].since <= version)
            field_encode(message, &fields[info->carries[i].field], out);
    if (!has_items)
        return;
    slu_pack_cstr(out, "items");
    slu_pack_array(out, message->item_count);
    for (uint32_t i = 0; i < message->item_count; i++)
        slu_message_encode(&message->items[i], version, out);
}

static uint32_t
kind_find(slu_view name)
{
    for (uint32_t kind = 1; kind < SLU_MESSAGE_KIND_END; kind++)
        if (slu_view_is(name, kinds[kind].name))
            return kind;
    return SLU_MESSAGE_NONE;
}

/* The position in kinds[kind].carries of a field name; CARRIED_MAX when the kind does not carry it. */
static uint32_t
carried_find(const kind_info *info, slu_view name)
{
    uint32_t i = 0;
    while (i < CARRIED_MAX && info->carries[i].since != 0 && !slu_view_is(name, fields[info->carries[i].field].name))
        i++;
    return i < CARRIED_MAX && info->carries[i].since != 0 ? i : CARRIED_MAX;
}

static void
text_decode(slu_cursor *in, slu_arena *arena, uint8_t *at)
{
    const slu_view view = slu_unpack_text(in);
    const char *text = in->failed ? "" : slu_arena_strndup(arena, (const char *)view.data, view.bytes);
    if (view.bytes != 0 && memchr(view.data, 0, view.bytes) != NULL)
        slu_cursor_fail(in);
    memcpy(at, &text, sizeof text);
}

static void
field_decode(slu_cursor *in, const field_info *field, slu_arena *arena, slu_message *message)
{
    uint8_t *at = (uint8_t *)message + field->offset;
    if (field->type == TYPE_U64) {
        const uint64_t value = slu_unpack_u64(in);
        memcpy(at, &value, sizeof value);
    } else if (field->type == TYPE_I64) {
        const int64_t value = slu_unpack_i64(in);
        memcpy(at, &value, sizeof value);
    } else if (field->type == TYPE_TEXT) {
        text_decode(in, arena, at);
    } else {
        const slu_view value = slu_unpack_bytes(in);
        memcpy(at, &value, sizeof value);
    }
}

/* Texts that did not come are "" and not NULL. */
static void
texts_default(slu_message *message)
{
    static const char *const empty = "";
    for (uint32_t i = 0; i < FIELD_COUNT; i++)
        if (fields[i].type == TYPE_TEXT)
            memcpy((uint8_t *)message + fields[i].offset, &empty, sizeof empty);
}

static slu_status message_read(slu_cursor *in, uint32_t version, uint32_t depth, slu_arena *arena, slu_message *out,
                               slu_error *err);

static slu_status
items_read(slu_cursor *in, uint32_t version, uint32_t depth, slu_arena *arena, slu_message *out, slu_error *err)
{
    const uint32_t count = slu_unpack_array(in);
    slu_message *items = count == 0 ? NULL : slu_arena_array(arena, count, sizeof *items);
    if (count != 0 && items == NULL)
        return slu_arena_status(arena, err);
    for (uint32_t i = 0; i < count; i++) {
        SLU_TRY_IN(message_read(in, version, depth - 1, arena, &items[i], err), err, "item %" PRIu32, i);
        if (items[i].kind != item_kinds[out->kind])
            return slu_error_set(err, SLU_CORRUPT, "message %s holds a %s", kinds[out->kind].name, kinds[items[i].kind].name);
    }
    out->items = items;
    out->item_count = count;
    return SLU_OK;
}

/* Every field as old as the agreed version must have come. */
static slu_status
fields_check(const kind_info *info, uint32_t version, uint32_t seen, slu_error *err)
{
    for (uint32_t i = 0; i < CARRIED_MAX && info->carries[i].since != 0; i++)
        if (info->carries[i].since <= version && (seen >> i & 1) == 0)
            return slu_error_set(err, SLU_CORRUPT, "message %s lacks \"%s\"", info->name, fields[info->carries[i].field].name);
    return SLU_OK;
}

/* The fields behind "m". */
static slu_status
fields_read(slu_cursor *in, uint32_t pairs, uint32_t version, uint32_t depth, slu_arena *arena, slu_message *out, slu_error *err)
{
    const kind_info *info = &kinds[out->kind];
    uint32_t seen = 0;
    for (uint32_t i = 0; i < pairs && slu_cursor_ok(in); i++) {
        const slu_view name = slu_unpack_text(in);
        const uint32_t at = carried_find(info, name);
        if (at < CARRIED_MAX) {
            field_decode(in, &fields[info->carries[at].field], arena, out);
            seen |= UINT32_C(1) << at;
        } else if (slu_view_is(name, "items") && item_kinds[out->kind] != SLU_MESSAGE_NONE) {
            SLU_TRY(items_read(in, version, depth, arena, out, err));
        } else {
            slu_unpack_skip(in, depth);
        }
    }
    if (!slu_cursor_ok(in))
        return slu_error_set(err, SLU_CORRUPT, "message %s: a field is short or of another type", info->name);
    SLU_TRY(slu_arena_status(arena, err));
    return fields_check(info, version, seen, err);
}

static slu_status
message_read(slu_cursor *in, uint32_t version, uint32_t depth, slu_arena *arena, slu_message *out, slu_error *err)
{
    const uint32_t pairs = slu_unpack_map(in);
    if (pairs == 0 || depth == 0 || !slu_view_is(slu_unpack_text(in), "m"))
        return slu_error_set(err, SLU_CORRUPT, "not a control message: it does not begin with its name");
    const slu_view name = slu_unpack_text(in);
    slu_message message = {.kind = slu_cursor_ok(in) ? kind_find(name) : SLU_MESSAGE_NONE};
    if (message.kind == SLU_MESSAGE_NONE)
        return slu_error_set(err, SLU_UNSUPPORTED, "a control message named \"%.*s\" that this program does not know",
                             (int)SLU_MIN(name.bytes, 40), name.data == NULL ? "" : (const char *)name.data);
    texts_default(&message);
    SLU_TRY(fields_read(in, pairs - 1, version, depth, arena, &message, err));
    *out = message;
    return SLU_OK;
}

slu_status
slu_message_decode(slu_view bytes, uint32_t version, slu_arena *arena, slu_message *out, slu_error *err)
{
    slu_cursor in = slu_cursor_of_view(bytes);
    SLU_TRY_IN(slu_unpack_scan(bytes, (size_t)SLU_CONTROL_BYTES_MAX, SLU_CONTROL_DEPTH_MAX, err), err, "control message");
    return message_read(&in, version, SLU_CONTROL_DEPTH_MAX, arena, out, err);
}

slu_status
slu_control_agree(uint64_t peer_min, uint64_t peer_max, uint32_t *out_version, slu_error *err)
{
    const uint64_t low = SLU_MAX(peer_min, (uint64_t)SLU_CONTROL_VERSION_MIN);
    const uint64_t high = SLU_MIN(peer_max, (uint64_t)SLU_CONTROL_VERSION_MAX);
    if (low > high)
        return slu_error_set(err, SLU_UNSUPPORTED,
                             "the peer speaks control protocol %" PRIu64 " to %" PRIu64
                             " and we speak %d to %d: update the older of the two",
                             peer_min, peer_max, SLU_CONTROL_VERSION_MIN, SLU_CONTROL_VERSION_MAX);
    *out_version = (uint32_t)high;
    return SLU_OK;
}
