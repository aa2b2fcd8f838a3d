/* s3_store.c: the store plugin `s3`: names are locations, "s3://bucket/key". */
#include "s3/s3.h"

#include "base/host_env.h"
#include "base/sizes.h"

#include <sluice/plugin.h>

#define RANGE_BYTES ((uint64_t)32 << 20) /* of one request: what is asked for again when a connection breaks */
#define TRIES 4
#define STALL_SECONDS 15 /* a checkpoint has its timeout, and whoever ends waits for the call that is under way */

typedef struct s3_store_options {
    const char *endpoint;
    const char *region;
    const char *access_key;
    const char *secret_key;
    const char *session_token;
    const char *profile;
    const char *ca_file;
    const char *path_style;
} s3_store_options;

typedef struct s3_store {
    slu_env env;
    s3_client *client;
} s3_store;

#define TEXT(name, field, option_flags, help)                                                                                      \
    SLU_OPTION(name, STRING, s3_store_options, field, NULL, help, .param = name, .flags = (option_flags))

static const slu_option options[] = {
    TEXT("s3.endpoint", endpoint, 0u, "the S3 server, http://host:port; else https://s3.REGION.amazonaws.com"),
    TEXT("s3.region", region, 0u, "its region; else AWS_REGION"),
    TEXT("s3.access-key-id", access_key, SLU_OPTION_SECRET, "else AWS_ACCESS_KEY_ID, else the profile's"),
    TEXT("s3.secret-access-key", secret_key, SLU_OPTION_SECRET, "else AWS_SECRET_ACCESS_KEY"),
    TEXT("s3.session-token", session_token, SLU_OPTION_SECRET, "else AWS_SESSION_TOKEN"),
    TEXT("s3.profile", profile, 0u, "a section of ~/.aws/credentials"),
    TEXT("s3.ca-file", ca_file, 0u, "a PEM file of authorities to believe"),
    TEXT("s3.path-style-access", path_style, 0u, "true: the bucket is in the path, not in the host"),
};

static slu_status
store_open(void *self, const slu_open *open, slu_error *err)
{
    s3_store *store = self;
    const s3_store_options *said = open->options;
    bool known;
    s3_options s3 = {.endpoint = said->endpoint,
                     .region = said->region,
                     .access_key = said->access_key,
                     .secret_key = said->secret_key,
                     .session_token = said->session_token,
                     .profile = said->profile,
                     .ca_file = said->ca_file,
                     .tries = TRIES,
                     .stall_seconds = STALL_SECONDS};
    if (said->path_style != NULL)
        SLU_TRY(s3_options_set(&s3, "s3.path-style-access", said->path_style, &known, err));
    slu_env_init_host(&store->env, open->host);
    return s3_client_open(&s3, &store->env, &store->client, err);
}

/* In ranges: what breaks costs one of them. */
static slu_status
store_get(void *self, const char *name, uint64_t offset, uint64_t bytes_max, void *(*grow)(void *to, uint64_t bytes), void *to,
          slu_error *err)
{
    s3_client *client = ((s3_store *)self)->client;
    int64_t size = 0;
    SLU_TRY(s3_location_size(client, name, &size, err));
    uint64_t left = (uint64_t)size > offset ? SLU_MIN((uint64_t)size - offset, bytes_max) : 0;
    while (left > 0) {
        const uint64_t range = SLU_MIN(left, RANGE_BYTES);
        void *into = grow(to, range);
        if (into == NULL)
            return slu_error_set(err, SLU_LIMIT, "%lld bytes are more than there is room for", (long long)size);
        SLU_TRY(s3_location_read(client, name, (int64_t)offset, into, (size_t)range, err));
        offset += range;
        left -= range;
    }
    return SLU_OK;
}

/* One request, however large: a process that dies on the way leaves nothing, while parts of an upload would stay and be paid for. */
static slu_status
store_put(void *self, const char *name, const void *data, uint64_t bytes, uint32_t exclusive, slu_error *err)
{
    return s3_location_put(((s3_store *)self)->client, name, slu_view_of(data, (size_t)bytes), exclusive != 0, err);
}

static slu_status
store_remove(void *self, const char *name, slu_error *err)
{
    return s3_location_remove(((s3_store *)self)->client, name, err);
}

typedef struct listing {
    slu_status (*found)(void *to, const char *name, uint64_t bytes);
    void *to;
} listing;

static slu_status
on_object(void *to, const s3_object *object, slu_error *err)
{
    const listing *l = to;
    const slu_status status = l->found(l->to, object->key, (uint64_t)object->bytes);
    return status == SLU_OK ? SLU_OK : slu_error_set(err, status, "the listing was ended at %s", object->key);
}

static slu_status
store_list(void *self, const char *prefix, slu_status (*found)(void *to, const char *name, uint64_t bytes), void *to,
           slu_error *err)
{
    listing l = {found, to};
    return s3_location_list(((s3_store *)self)->client, prefix, on_object, &l, err);
}

static void
store_close(void *self)
{
    s3_client_close(((s3_store *)self)->client);
}

static const slu_store_ops ops = {.size = sizeof ops,
                                  .open = store_open,
                                  .get = store_get,
                                  .put = store_put,
                                  .remove = store_remove,
                                  .list = store_list,
                                  .close = store_close};

static const slu_plugin s3_plugin = {.size = sizeof s3_plugin,
                                     .kind = SLU_KIND_STORE,
                                     .name = "s3",
                                     .help = "checkpoints and savepoints in S3: s3://bucket/path",
                                     .options = options,
                                     .option_count = SLU_COUNT_OF(options),
                                     .options_bytes = sizeof(s3_store_options),
                                     .instance_bytes = sizeof(s3_store),
                                     .state_version = 1,
                                     .ops = &ops};

SLU_EXPORT const slu_module *
slu_plugin_entry(void)
{
    static const slu_plugin *const plugins[] = {&s3_plugin};
    static const slu_module module = {
        .size = sizeof module, .abi = SLU_ABI, .name = "s3", .version = "0.1.0", .plugins = plugins, .plugin_count = 1};
    return &module;
}
