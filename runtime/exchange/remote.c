#include "remote.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "control/pack.h"

#include <inttypes.h>

#define MAGIC 0x51c1u
#define FIELDS 10u
#define ATTRS_BYTES_MAX 65536u

typedef struct header {
    slu_remote_address address;
    uint64_t sequence;
    uint32_t kind;
    int64_t value;
    int64_t flags; /* BATCH: rows */
    int64_t body_bytes;
    int64_t extra; /* BARRIER: wall ms; BATCH: bytes of attributes */
} header;

static void
header_encode(const header *h, slu_buf *out)
{
    slu_pack_array(out, FIELDS);
    slu_pack_u64(out, MAGIC);
    slu_pack_u64(out, h->address.attempt);
    slu_pack_u64(out, h->address.attempt_nonce);
    slu_pack_u64(out, h->address.channel);
    slu_pack_u64(out, h->sequence);
    slu_pack_u64(out, h->kind);
    slu_pack_i64(out, h->value);
    slu_pack_i64(out, h->flags);
    slu_pack_i64(out, h->body_bytes);
    slu_pack_i64(out, h->extra);
}

static slu_status
header_decode(slu_view bytes, header *h, slu_error *err)
{
    if (bytes.bytes > SLU_REMOTE_HEADER_BYTES_MAX)
        return slu_error_set(err, SLU_CORRUPT, "channel header of %zu bytes", bytes.bytes);
    slu_cursor in = slu_cursor_of_view(bytes);
    const uint32_t fields = slu_unpack_array(&in);
    const uint64_t magic = slu_unpack_u64(&in);
    const uint64_t attempt = slu_unpack_u64(&in);
    h->address.attempt_nonce = slu_unpack_u64(&in);
    const uint64_t channel = slu_unpack_u64(&in);
    h->sequence = slu_unpack_u64(&in);
    const uint64_t kind = slu_unpack_u64(&in);
    h->value = slu_unpack_i64(&in);
    h->flags = slu_unpack_i64(&in);
    h->body_bytes = slu_unpack_i64(&in);
    h->extra = slu_unpack_i64(&in);
    if (!slu_cursor_ok(&in) || slu_cursor_left(&in) != 0 || fields != FIELDS || magic != MAGIC || attempt > UINT32_MAX ||
        channel > UINT32_MAX || kind > UINT32_MAX)
        return slu_error_set(err, SLU_CORRUPT, "not a channel header");
    h->address.attempt = (uint32_t)attempt;
    h->address.channel = (uint32_t)channel;
    h->kind = (uint32_t)kind;
    return SLU_OK;
}

/* ---- Sender */

struct slu_remote_sender {
    slu_remote_address address;
    slu_credit credit;
    uint64_t sequence;
    slu_schema *schema; /* what the receiver knows; NULL: none yet */
    slu_schema *seen;   /* of a batch, found equal to it; held so that its address stays its own */
};

slu_status
slu_remote_sender_new(const slu_remote_address *address, const struct ArrowSchema *schema, int64_t window_bytes,
                      slu_remote_sender **out, slu_error *err)
{
    SLU_AUTO(slu_remote_sender_free) slu_remote_sender *sender = slu_alloc_zero(1, sizeof *sender);
    if (sender == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a channel");
    sender->address = *address;
    slu_credit_init(&sender->credit, window_bytes);
    if (schema != NULL)
        SLU_TRY(slu_schema_new(schema, &sender->schema, err));
    *out = slu_take(&sender);
    return SLU_OK;
}

void
slu_remote_sender_free(slu_remote_sender **owned)
{
    slu_remote_sender *sender = slu_take(owned);
    if (sender == NULL)
        return;
    slu_schema_unref(&sender->schema);
    slu_schema_unref(&sender->seen);
    slu_free(sender);
}

static void
encode_attrs(const slu_batch *batch, slu_buf *body)
{
    for (uint32_t i = 0; i < batch->attr_count; i++) {
        const size_t key_bytes = strlen(batch->attrs[i].key);
        slu_buf_u16le(body, (uint16_t)key_bytes);
        slu_buf_append(body, batch->attrs[i].key, key_bytes);
        slu_buf_u32le(body, (uint32_t)batch->attrs[i].data_bytes);
        slu_buf_append(body, batch->attrs[i].data, (size_t)batch->attrs[i].data_bytes);
    }
}

static void
encode_kinds(const slu_batch *batch, slu_buf *body)
{
    uint8_t *kinds = batch->kinds == NULL ? NULL : slu_buf_extend(body, (size_t)batch->rows);
    for (int64_t i = 0; kinds != NULL && i < batch->rows; i++)
        kinds[i] = batch->kinds[slu_batch_row(batch, i)];
}

static slu_status
encode_batch(const slu_batch *batch, header *h, slu_buf *body, slu_error *err)
{
    encode_attrs(batch, body);
    h->extra = (int64_t)body->bytes;
    if (body->bytes > ATTRS_BYTES_MAX)
        return slu_error_set(err, SLU_LIMIT, "%zu bytes of attributes on a batch", body->bytes);
    encode_kinds(batch, body);
    slu_buf_pad(body, 8);
    SLU_TRY(slu_ipc_encode(batch->schema, batch->array, batch->selection, batch->rows, NULL, body, err));
    h->value = batch->kinds != NULL;
    h->flags = batch->rows;
    return slu_buf_status(body, err);
}

static bool
schema_is_known(slu_remote_sender *sender, const slu_batch *batch)
{
    if (sender->seen != NULL && slu_schema_arrow(sender->seen) == batch->schema)
        return true;
    if (sender->schema == NULL || !slu_schema_equal(slu_schema_arrow(sender->schema), batch->schema))
        return false;
    slu_schema_unref(&sender->seen);
    sender->seen = slu_schema_ref(slu_batch_schema(batch));
    return true;
}

static slu_status
encode_schema(slu_remote_sender *sender, const slu_batch *batch, slu_buf *body, slu_error *err)
{
    slu_schema_encode(batch->schema, body);
    SLU_TRY(slu_buf_status(body, err));
    slu_schema_unref(&sender->schema);
    sender->schema = slu_schema_ref(slu_batch_schema(batch));
    slu_schema_unref(&sender->seen);
    return SLU_MORE;
}

slu_status
slu_remote_encode(slu_remote_sender *sender, const slu_item *item, slu_buf *head, slu_buf *body, slu_error *err)
{
    header h = {.address = sender->address,
                .sequence = sender->sequence,
                .kind = item->kind,
                .value = item->value,
                .flags = item->flags,
                .extra = item->wall_ms};
    slu_status status = SLU_OK;
    slu_buf_reset(head);
    slu_buf_reset(body);
    if (item->kind == SLU_ITEM_BATCH && !schema_is_known(sender, item->batch)) {
        h.kind = SLU_REMOTE_SCHEMA;
        h.flags = 0;
        status = encode_schema(sender, item->batch, body, err);
    } else if (item->kind == SLU_ITEM_BATCH) {
        if (!slu_credit_allows(&sender->credit, item->bytes))
            return SLU_AGAIN;
        status = encode_batch(item->batch, &h, body, err);
        if (status == SLU_OK)
            slu_credit_send(&sender->credit, (int64_t)body->bytes);
    }
    if (status < 0)
        return status;
    h.body_bytes = (int64_t)body->bytes;
    header_encode(&h, head);
    SLU_TRY(slu_buf_status(head, err));
    sender->sequence++;
    return status;
}

slu_status
slu_remote_credit(slu_remote_sender *sender, int64_t consumed_bytes, slu_error *err)
{
    return slu_credit_consumed(&sender->credit, consumed_bytes, err);
}

uint64_t
slu_remote_sent(const slu_remote_sender *sender)
{
    return sender->sequence;
}

int64_t
slu_remote_sent_bytes(const slu_remote_sender *sender)
{
    return sender->credit.sent_bytes;
}

/* ---- Receiver */

struct slu_remote_receiver {
    slu_remote_address address;
    uint64_t sequence; /* the next one */
    uint64_t dropped;
    slu_schema *schema; /* of the batches that come now; NULL: not known yet */
};

slu_status
slu_remote_peek(slu_view bytes, slu_remote_address *out, slu_error *err)
{
    header h = {0};
    SLU_TRY(header_decode(bytes, &h, err));
    *out = h.address;
    return SLU_OK;
}

slu_status
slu_remote_receiver_new(const slu_remote_address *address, const struct ArrowSchema *schema, slu_remote_receiver **out,
                        slu_error *err)
{
    SLU_AUTO(slu_remote_receiver_free) slu_remote_receiver *receiver = slu_alloc_zero(1, sizeof *receiver);
    if (receiver == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a channel");
    receiver->address = *address;
    if (schema != NULL)
        SLU_TRY(slu_schema_new(schema, &receiver->schema, err));
    *out = slu_take(&receiver);
    return SLU_OK;
}

void
slu_remote_receiver_free(slu_remote_receiver **owned)
{
    slu_remote_receiver *receiver = slu_take(owned);
    if (receiver == NULL)
        return;
    slu_schema_unref(&receiver->schema);
    slu_free(receiver);
}

static slu_status
decode_attrs(slu_view bytes, slu_arena *arena, slu_attr *attrs, uint32_t *count, slu_error *err)
{
    slu_cursor in = slu_cursor_of_view(bytes);
    while (slu_cursor_left(&in) > 0) {
        if (*count == SLU_BATCH_ATTRS_MAX)
            return slu_error_set(err, SLU_CORRUPT, "more than %d attributes on a batch", SLU_BATCH_ATTRS_MAX);
        const slu_view key = slu_cursor_view(&in, slu_cursor_u16le(&in));
        const slu_view data = slu_cursor_view(&in, slu_cursor_u32le(&in));
        if (!slu_cursor_ok(&in) || (key.bytes > 0 && memchr(key.data, 0, key.bytes) != NULL))
            return slu_error_set(err, SLU_CORRUPT, "an attribute that ends in the middle");
        const char *name = slu_arena_strndup(arena, (const char *)key.data, key.bytes);
        if (name == NULL)
            return slu_arena_status(arena, err);
        attrs[(*count)++] = (slu_attr){name, data.data, (int64_t)data.bytes};
    }
    return SLU_OK;
}

/* Where the parts of a body lie. */
typedef struct body_parts {
    slu_view attrs, kinds, message;
} body_parts;

static slu_status
cut_body(const header *h, slu_view body, body_parts *parts, slu_error *err)
{
    if (h->extra < 0 || h->extra > ATTRS_BYTES_MAX || h->flags < 0 || h->flags > SLU_BATCH_ROWS_MAX || (h->value & ~1) != 0)
        return slu_error_set(err, SLU_CORRUPT, "a batch of %" PRId64 " rows and %" PRId64 " bytes of attributes", h->flags,
                             h->extra);
    slu_cursor in = slu_cursor_of_view(body);
    parts->attrs = slu_cursor_view(&in, (size_t)h->extra);
    parts->kinds = slu_cursor_view(&in, h->value == 1 ? (size_t)h->flags : 0);
    const size_t used = parts->attrs.bytes + parts->kinds.bytes;
    slu_cursor_skip(&in, (8 - used % 8) % 8);
    if (!slu_cursor_ok(&in))
        return slu_error_set(err, SLU_CORRUPT, "a batch whose body is too short");
    parts->message = slu_view_of(in.at, slu_cursor_left(&in));
    for (size_t i = 0; i < parts->kinds.bytes; i++)
        if (parts->kinds.data[i] > SLU_ROW_DELETE)
            return slu_error_set(err, SLU_CORRUPT, "row %zu is of unknown kind %u", i, parts->kinds.data[i]);
    return SLU_OK;
}

static slu_status
decode_batch(slu_remote_receiver *receiver, const header *h, slu_view body, slu_ipc_owner *owner, slu_item *out, slu_error *err)
{
    SLU_AUTO(slu_arena_fini) slu_arena arena = {0};
    slu_attr attrs[SLU_BATCH_ATTRS_MAX];
    uint32_t attr_count = 0;
    body_parts parts = {0};
    struct ArrowArray array = {0};
    slu_arena_init(&arena, 2 * ATTRS_BYTES_MAX);
    if (receiver->schema == NULL)
        return slu_error_set(err, SLU_CORRUPT, "a batch before its schema");
    SLU_TRY(cut_body(h, body, &parts, err));
    SLU_TRY(decode_attrs(parts.attrs, &arena, attrs, &attr_count, err));
    SLU_TRY(slu_ipc_decode(slu_schema_arrow(receiver->schema), parts.message, *owner, NULL, &array, err));
    *owner = (slu_ipc_owner){0}; /* the array has it */
    if (array.length != h->flags) {
        slu_array_release(&array);
        return slu_error_set(err, SLU_CORRUPT, "a batch of %" PRId64 " rows that says %" PRId64, array.length, h->flags);
    }
    const slu_batch_spec spec = {.kinds = h->value == 1 ? parts.kinds.data : NULL, .attrs = attrs, .attr_count = attr_count};
    out->batch = NULL;
    SLU_TRY(slu_batch_new(receiver->schema, &array, &spec, &out->batch, err));
    out->kind = SLU_ITEM_BATCH;
    out->flags = 0;
    out->value = out->wall_ms = 0;
    out->bytes = h->body_bytes;
    return SLU_OK;
}

static slu_status
decode_schema(slu_remote_receiver *receiver, slu_view body, slu_error *err)
{
    struct ArrowSchema schema;
    slu_schema *made = NULL;
    SLU_TRY(slu_schema_decode(body, &schema, err));
    const slu_status status = slu_schema_new(&schema, &made, err);
    slu_schema_release(&schema);
    SLU_TRY(status);
    slu_schema_unref(&receiver->schema);
    receiver->schema = made;
    return SLU_MORE;
}

static slu_status
check_order(slu_remote_receiver *receiver, const header *h, slu_view body, slu_error *err)
{
    if (h->address.attempt != receiver->address.attempt || h->address.attempt_nonce != receiver->address.attempt_nonce) {
        receiver->dropped++;
        return SLU_AGAIN;
    }
    if (h->address.channel != receiver->address.channel)
        return slu_error_set(err, SLU_CORRUPT, "a message for channel %u came to channel %u", h->address.channel,
                             receiver->address.channel);
    if (h->sequence != receiver->sequence)
        return slu_error_set(err, SLU_CORRUPT, "channel %u: message %" PRIu64 " came where %" PRIu64 " was due: %s",
                             receiver->address.channel, h->sequence, receiver->sequence,
                             h->sequence > receiver->sequence ? "some were lost" : "it came twice");
    if (h->body_bytes != (int64_t)body.bytes || h->body_bytes > SLU_BATCH_BYTES_MAX)
        return slu_error_set(err, SLU_CORRUPT, "a body of %zu bytes, of which its header says %" PRId64, body.bytes, h->body_bytes);
    return SLU_OK;
}

static slu_status
decode_item(slu_remote_receiver *receiver, slu_view head, slu_view body, slu_ipc_owner *owner, slu_item *out, slu_error *err)
{
    header h = {0};
    SLU_TRY(header_decode(head, &h, err));
    SLU_TRY(check_order(receiver, &h, body, err));
    receiver->sequence++;
    if (h.kind == SLU_ITEM_BATCH)
        return decode_batch(receiver, &h, body, owner, out, err);
    if (h.kind == SLU_REMOTE_SCHEMA)
        return decode_schema(receiver, body, err);
    if (h.kind < SLU_ITEM_WATERMARK || h.kind > SLU_ITEM_CANCEL || body.bytes != 0 || h.flags < 0 || h.flags > UINT32_MAX)
        return slu_error_set(err, SLU_CORRUPT, "an item of unknown kind %u", h.kind);
    *out = (slu_item){.kind = h.kind, .flags = (uint32_t)h.flags, .value = h.value, .wall_ms = h.extra};
    return SLU_OK;
}

slu_status
slu_remote_decode(slu_remote_receiver *receiver, slu_view head, slu_view body, slu_ipc_owner owner, slu_item *out, slu_error *err)
{
    const slu_status status = decode_item(receiver, head, body, &owner, out, err);
    if (owner.release != NULL)
        owner.release(owner.context);
    return status;
}

uint64_t
slu_remote_received(const slu_remote_receiver *receiver)
{
    return receiver->sequence;
}

uint64_t
slu_remote_dropped(const slu_remote_receiver *receiver)
{
    return receiver->dropped;
}

slu_status
slu_remote_check_sent(const slu_remote_receiver *receiver, uint64_t sent, slu_error *err)
{
    if (sent > receiver->sequence)
        return slu_error_set(err, SLU_CORRUPT, "channel %u: %" PRIu64 " messages were sent, %" PRIu64 " came",
                             receiver->address.channel, sent, receiver->sequence);
    return SLU_OK;
}
