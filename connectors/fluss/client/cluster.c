/* cluster.c: which nodes there are: asked of the known servers and the bootstrap addresses in turn, and again when something was
 * not where it should be. */
#include "internal.h"

#include "base/alloc.h"
#include "fluss/wire/error.h"

static void cluster_answered(void *context, fluss_answer *answer, const slu_error *failure);

static void
node_add(fluss_client *client, const Fluss__PbServerNode *server, bool coordinator)
{
    slu_error err = {0};
    if (client->node_count == NODES_MAX || server->port <= 0 || server->port > 65535 || strlen(server->host) >= 256)
        return;
    link_t *link = link_get(client, server->host, (uint16_t)server->port, &err);
    if (link != NULL)
        client->nodes[client->node_count++] =
            (server_node){.id = server->node_id, .tablet = !coordinator, .coordinator = coordinator, .link = link};
}

/* Every call that waited for the cluster goes on its way. */
static void
waiting_send(fluss_client *client)
{
    call_list ready = {0};
    call_list_move(&client->waiting, &ready);
    while (ready.first != NULL) {
        fluss_call *call = ready.first;
        slu_error err = {0};
        call_list_remove(call);
        link_t *link = cluster_link(client, call->node);
        if (link != NULL) {
            link_send(link, call);
            continue;
        }
        (void)slu_error_set(&err, SLU_NOTFOUND, "the fluss cluster has no %s %d",
                            call->node == FLUSS_TO_COORDINATOR ? "coordinator" : "node", call->node);
        err.retriable = 1;
        call_fail_later(client, call, &err);
    }
}

/* A server that does not know: the next one is asked; when none is left, what waits for the cluster fails. */
static void
ask_next(fluss_client *client, const slu_error *why)
{
    if (!login_is_refused(why) && ++client->ask_tried < client->node_count + client->bootstrap_count) {
        cluster_ask(client);
        return;
    }
    slu_error err = *why;
    if (!login_is_refused(why)) {
        (void)slu_error_in(&err, err.status, "no fluss server answers at bootstrap.servers");
        err.retriable = 1;
    }
    client->ask_tried = 0;
    client->ask_at++;
    while (client->waiting.first != NULL)
        call_fail_later(client, client->waiting.first, &err);
}

static void
cluster_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    fluss_client *client = context;
    client->asking = false;
    if (failure != NULL) {
        ask_next(client, failure);
        return;
    }
    const Fluss__MetadataResponse *metadata = (const Fluss__MetadataResponse *)answer->message;
    if (metadata->n_tablet_servers == 0) {
        slu_error err;
        (void)slu_error_set(&err, SLU_NOTFOUND, "the fluss cluster has no tablet server yet");
        ask_next(client, &err);
        return;
    }
    client->node_count = 0;
    if (metadata->coordinator_server != NULL)
        node_add(client, metadata->coordinator_server, true);
    for (size_t i = 0; i < metadata->n_tablet_servers; i++)
        node_add(client, metadata->tablet_servers[i], false);
    client->cluster_known = true;
    client->ask_tried = 0;
    client->ask_at++;
    links_sweep(client);
    waiting_send(client);
}

/* Known tablet servers first, beginning anywhere, then the bootstrap addresses. */
static link_t *
ask_link(fluss_client *client, slu_error *err)
{
    if (client->ask_tried < client->node_count)
        return client->nodes[(client->ask_at + client->ask_tried) % client->node_count].link;
    const uint32_t at = (client->ask_at + client->ask_tried - client->node_count) % client->bootstrap_count;
    return link_get(client, client->bootstrap[at].host, client->bootstrap[at].port, err);
}

void
cluster_ask(fluss_client *client)
{
    Fluss__MetadataRequest request = FLUSS__METADATA_REQUEST__INIT;
    slu_error err = {0};
    if (client->asking)
        return;
    link_t *link = ask_link(client, &err);
    fluss_call *call =
        link == NULL ? NULL
                     : call_new(client, fluss_api_find(FLUSS_API_GET_METADATA), &request.base, cluster_answered, client, &err);
    if (call == NULL) {
        ask_next(client, &err);
        return;
    }
    client->asking = true;
    link_send(link, call);
}

/* The link to a node id or FLUSS_TO_; NULL: there is none. */
link_t *
cluster_link(fluss_client *client, int32_t id)
{
    uint32_t tablets = 0;
    for (uint32_t i = 0; i < client->node_count; i++) {
        const server_node *at = &client->nodes[i];
        tablets += at->tablet;
        if ((id == FLUSS_TO_COORDINATOR && at->coordinator) || (id >= 0 && at->tablet && at->id == id))
            return at->link;
    }
    if (id != FLUSS_TO_ANY || tablets == 0)
        return NULL;
    uint32_t wanted = client->any_at++ % tablets;
    for (uint32_t i = 0; i < client->node_count; i++)
        if (client->nodes[i].tablet && wanted-- == 0)
            return client->nodes[i].link;
    return NULL;
}

void
fluss_client_cluster_forget(fluss_client *client)
{
    client->cluster_known = false;
}
