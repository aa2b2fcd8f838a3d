/* A message between two processes: u8 header bytes, header, body. Attempt, channel and sequence are what the header says. */
#include "exchange/remote.h"

#include <sluice/columns.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void
decode(slu_view header, slu_view body, const struct ArrowSchema *schema)
{
    slu_remote_receiver *receiver = NULL;
    slu_remote_address address;
    slu_item item;
    slu_error err;
    if (slu_remote_peek(header, &address, &err) != SLU_OK || slu_remote_receiver_new(&address, schema, &receiver, &err) != SLU_OK)
        return;
    if (slu_remote_decode(receiver, header, body, (slu_ipc_owner){0}, &item, &err) == SLU_OK)
        slu_item_drop(&item);
    slu_remote_receiver_free(&receiver);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct ArrowSchema schema;
    if (bytes < 1 || data[0] > bytes - 1)
        return 0;
    const slu_view header = slu_view_of(data + 1, data[0]), body = slu_view_of(data + 1 + data[0], bytes - 1 - data[0]);
    if (slu_schema_init_struct(&schema) != SLU_OK || slu_schema_add(&schema, "l", "id", true) != SLU_OK ||
        slu_schema_add(&schema, "u", "name", true) != SLU_OK)
        return 0;
    decode(header, body, &schema);
    decode(header, body, NULL);
    slu_schema_release(&schema);
    return 0;
}
