/* client.c: see client.h. */
#include "client.h"

#include "network.h"
#include "stage.h"

#include "support/check.h"

static slu_error err;

void
sim_client_open(sim_client *client, const char *address)
{
    const slu_link_options options = {0};
    slu_link_transport *transport = sim_network_host(sim_on->network, SIM_HOST_TABLES);
    memset(client, 0, sizeof *client);
    slu_arena_init(&client->arena, 1 << 24);
    slu_buf_init(&client->answer, 1 << 24);
    CHECK_OK(transport->dial(transport, address, &options, &client->link, &err));
}

void
sim_client_close(sim_client *client)
{
    if (client->link == NULL)
        return;
    slu_link_close(&client->link);
    slu_arena_fini(&client->arena);
    slu_buf_fini(&client->answer);
}

bool
sim_client_tell(sim_client *client, const slu_message *message)
{
    slu_buf bytes;
    slu_buf_init(&bytes, 1 << 24);
    slu_message_encode(message, 1, &bytes);
    const slu_status status = slu_link_send(client->link, 0, slu_buf_view(&bytes), NULL, &err);
    slu_buf_fini(&bytes);
    return status == SLU_OK;
}

void
sim_client_step(sim_client *client)
{
    slu_link_event event;
    const slu_message hello = {.kind = SLU_MESSAGE_HELLO, .role = SLU_ROLE_CLIENT, .version_min = 1, .version_max = 1};
    while (slu_link_next(client->link, &event) == SLU_OK) {
        if (event.kind != SLU_LINK_MESSAGE)
            client->open = event.kind == SLU_LINK_OPENED && sim_client_tell(client, &hello);
        if (event.kind != SLU_LINK_MESSAGE)
            continue;
        slu_arena_reset(&client->arena);
        slu_buf_reset(&client->answer);
        slu_buf_append(&client->answer, event.head.data, event.head.bytes);
        CHECK_OK(slu_message_decode(slu_buf_view(&client->answer), 1, &client->arena, &client->said, &err));
        client->answered = client->answered || client->said.request != 0;
    }
}
