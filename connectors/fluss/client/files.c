#include "files.h"

#include "base/alloc.h"
#include "fluss/remote/layout.h"
#include "fluss/remote/token.h"
#include "internal.h"

#define FILES_RENEW_MS ((int64_t)60 * 1000) /* before a token ends */
#define PIECE_ARENA_EXTRA_BYTES 64

enum { TEXT_ENDPOINT, TEXT_REGION, TEXT_ACCESS, TEXT_SECRET, TEXT_STYLE, TEXT_COUNT };

static const char *const text_keys[TEXT_COUNT] = {"s3.endpoint", "s3.region", "s3.access-key", "s3.secret-key",
                                                  "s3.path-style-access"};

typedef struct shared_store {
    fluss_store store;
    uint32_t references; /* the owner's thread counts */
} shared_store;

struct fluss_files {
    fluss_client *client;
    fluss_store_opener open;
    char *texts[TEXT_COUNT]; /* the caller's */
    fluss_background *background;
    shared_store *store; /* NULL: none yet */
    bool by_token;
    int64_t renew_ms;        /* on the wall clock; INT64_MAX: never */
    fluss_call *asking;      /* for a token */
    fluss_fetching *waiting; /* for the store */
};

struct fluss_fetching {
    fluss_job job;
    fluss_files *files;
    fluss_fetching *next; /* while it waits for the store */
    shared_store *store;  /* while it runs */
    char *location;
    char *path; /* NULL: a range */
    int64_t offset;
    size_t bytes;
    fluss_answer *piece;
    uint8_t *data;
    slu_error failure;
    slu_status status;
    bool done;
    bool cancelled;
};

/* ---- the store ---- */

static void
store_unref(shared_store **store)
{
    shared_store *mine = slu_take(store);
    if (mine == NULL || --mine->references != 0)
        return;
    fluss_store_close(&mine->store);
    slu_free(mine);
}

typedef struct open_settings {
    const fluss_files *files;
    const fluss_token *token; /* NULL: none */
    const Fluss__GetFileSystemSecurityTokenResponse *said;
} open_settings;

static const char *
token_get(const fluss_token *token, const char *key)
{
    if (strcmp(key, "s3.access-key") == 0)
        return token->access_key;
    if (strcmp(key, "s3.secret-key") == 0)
        return token->secret_key;
    return strcmp(key, "s3.session-token") == 0 ? token->session_token : NULL;
}

static const char *
settings_get(const void *of, const char *key)
{
    const open_settings *s = of;
    for (size_t i = 0; i < TEXT_COUNT; i++)
        if (strcmp(text_keys[i], key) == 0 && s->files->texts[i] != NULL)
            return s->files->texts[i];
    const char *text = s->token == NULL ? NULL : token_get(s->token, key);
    for (size_t i = 0; text == NULL && s->said != NULL && i < s->said->n_addition_info; i++)
        if (strcmp(s->said->addition_info[i]->key, key) == 0)
            text = s->said->addition_info[i]->value;
    return text;
}

static slu_status
store_open(fluss_files *files, const char *location, const fluss_token *token,
           const Fluss__GetFileSystemSecurityTokenResponse *said, slu_error *err)
{
    const open_settings of = {files, token, said};
    const fluss_store_settings settings = {settings_get, &of};
    shared_store *store = slu_alloc_zero(1, sizeof *store);
    if (store == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a store");
    const slu_status status = files->open(location, &settings, files->client->env, &store->store, err);
    if (status != SLU_OK) {
        slu_free(store);
        return status;
    }
    store->references = 1;
    files->store = store;
    files->by_token = token != NULL;
    files->renew_ms = token != NULL && said->has_expiration_time ? said->expiration_time - FILES_RENEW_MS : INT64_MAX;
    return SLU_OK;
}

/* ---- fetches ---- */

static void
fetching_free(fluss_fetching *fetching)
{
    store_unref(&fetching->store);
    fluss_answer_unref(&fetching->piece);
    slu_free(fetching->location);
    slu_free(fetching->path);
    slu_free(fetching);
}

static slu_status
fetching_run(fluss_job *job, slu_error *err)
{
    fluss_fetching *fetching = (fluss_fetching *)(void *)job;
    const fluss_store *store = &fetching->store->store;
    if (fetching->path != NULL)
        return store->ops->get_file(store->self, fetching->location, fetching->path, err);
    return store->ops->read(store->self, fetching->location, fetching->offset, fetching->data, fetching->bytes, err);
}

static void
fetching_end(fluss_fetching *fetching, slu_status status, const slu_error *why)
{
    fetching->done = true;
    fetching->status = status;
    if (status != SLU_OK && why != NULL)
        fetching->failure = *why;
    store_unref(&fetching->store);
    if (fetching->cancelled)
        fetching_free(fetching);
}

/* A token that is refused may have ended before its time: the next fetch asks for another. */
static void
fetching_done(fluss_job *job, slu_status status, const slu_error *why)
{
    fluss_fetching *fetching = (fluss_fetching *)(void *)job;
    fluss_files *files = fetching->files;
    if (status == SLU_INVALID && files->by_token) {
        if (files->store == fetching->store)
            store_unref(&files->store);
        status = SLU_IO;
    }
    fetching_end(fetching, status, why);
}

static void
fetching_submit(fluss_fetching *fetching)
{
    fluss_files *files = fetching->files;
    fetching->store = files->store;
    files->store->references++;
    fetching->job.run = fetching_run;
    fetching->job.done = fetching_done;
    fluss_background_submit(files->background, &fetching->job);
}

static void
waiting_go(fluss_files *files, slu_status status, const slu_error *why)
{
    while (files->waiting != NULL) {
        fluss_fetching *fetching = files->waiting;
        files->waiting = fetching->next;
        if (status == SLU_OK)
            fetching_submit(fetching);
        else
            fetching_end(fetching, status, why);
    }
}

/* ---- the token ---- */

static slu_status
token_use(fluss_files *files, const Fluss__GetFileSystemSecurityTokenResponse *said, slu_error *err)
{
    fluss_token token;
    const char *location = files->waiting->location;
    if (said->token.len == 0)
        return store_open(files, location, NULL, said, err);
    SLU_TRY(fluss_token_decode(slu_view_of(said->token.data, said->token.len), &token, err));
    const slu_status status = store_open(files, location, &token, said, err);
    explicit_bzero(&token, sizeof token);
    return status;
}

/* A server that has none to give leaves us what this machine has. */
static void
token_answered(void *context, fluss_answer *answer, const slu_error *failure)
{
    fluss_files *files = context;
    slu_error why = {0};
    slu_status status = SLU_OK;
    files->asking = NULL;
    if (files->waiting == NULL)
        return; /* nobody wants it any more */
    if (answer != NULL)
        status = token_use(files, (const Fluss__GetFileSystemSecurityTokenResponse *)answer->message, &why);
    else
        status = store_open(files, files->waiting->location, NULL, NULL, &why);
    if (status != SLU_OK && failure != NULL)
        (void)slu_error_in(&why, status, "the server gives no token (%.200s)", failure->message);
    if (status != SLU_OK)
        (void)slu_error_in(&why, status, "set client.fs.s3.access-key and client.fs.s3.secret-key to read remote files");
    waiting_go(files, status, &why);
}

static slu_status
token_ask(fluss_files *files, slu_error *err)
{
    const Fluss__GetFileSystemSecurityTokenRequest request = FLUSS__GET_FILE_SYSTEM_SECURITY_TOKEN_REQUEST__INIT;
    return files->asking != NULL ? SLU_OK
                                 : fluss_client_call(files->client, FLUSS_TO_ANY, FLUSS_API_GET_FILESYSTEM_SECURITY_TOKEN,
                                                     &request.base, token_answered, files, &files->asking, err);
}

/* ---- asking for a file ---- */

static void
files_woken(void *context)
{
    fluss_background_step(((fluss_files *)context)->background);
}

static slu_status
files_ready(fluss_files *files, const char *location, slu_error *err)
{
    const char *path = NULL;
    if (files->open == NULL) {
        SLU_TRY(fluss_remote_local_path(location, &path, err));
        return slu_error_set(err, SLU_INVALID, "'%s' is in no store", location);
    }
    if (files->background == NULL) {
        SLU_TRY(fluss_background_open(files->client->loop, &files->background, err));
        slu_loop_on_wake(files->client->loop, files_woken, files);
    }
    if (files->store != NULL && slu_wall_ms(files->client->env) >= files->renew_ms)
        store_unref(&files->store);
    if (files->store == NULL && files->texts[TEXT_ACCESS] != NULL)
        return store_open(files, location, NULL, NULL, err);
    return files->store != NULL ? SLU_OK : token_ask(files, err);
}

bool
fluss_files_known(const fluss_client *client)
{
    return client->files->open != NULL;
}

static slu_status
fetching_begin(fluss_client *client, const char *location, fluss_fetching *fetching, fluss_fetching **out, slu_error *err)
{
    fluss_files *files = client->files;
    fetching->files = files;
    fetching->location = slu_strdup(location);
    slu_status status =
        fetching->location == NULL ? slu_error_set(err, SLU_NOMEM, "no memory to fetch a file") : files_ready(files, location, err);
    if (status != SLU_OK) {
        fetching_free(fetching);
        return status;
    }
    if (files->store != NULL) {
        fetching_submit(fetching);
    } else {
        fetching->next = files->waiting;
        files->waiting = fetching;
    }
    *out = fetching;
    return SLU_OK;
}

static slu_status
piece_make(fluss_fetching *fetching, size_t bytes, slu_error *err)
{
    fetching->bytes = bytes;
    fetching->piece = slu_alloc_zero(1, sizeof *fetching->piece);
    if (fetching->piece == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a piece of a remote file");
    fetching->piece->references = 1;
    slu_arena_init(&fetching->piece->arena, bytes + PIECE_ARENA_EXTRA_BYTES);
    fetching->data = slu_arena_alloc(&fetching->piece->arena, bytes);
    return fetching->data == NULL ? slu_arena_status(&fetching->piece->arena, err) : SLU_OK;
}

slu_status
fluss_files_read(fluss_client *client, const char *location, int64_t offset, size_t bytes, fluss_fetching **out, slu_error *err)
{
    fluss_fetching *fetching = slu_alloc_zero(1, sizeof *fetching);
    if (fetching == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to fetch a file");
    fetching->offset = offset;
    const slu_status status = piece_make(fetching, bytes, err);
    if (status != SLU_OK) {
        fetching_free(fetching);
        return status;
    }
    return fetching_begin(client, location, fetching, out, err);
}

slu_status
fluss_files_copy(fluss_client *client, const char *location, const char *path, fluss_fetching **out, slu_error *err)
{
    fluss_fetching *fetching = slu_alloc_zero(1, sizeof *fetching);
    if (fetching == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory to fetch a file");
    fetching->path = slu_strdup(path);
    if (fetching->path == NULL) {
        fetching_free(fetching);
        return slu_error_set(err, SLU_NOMEM, "no memory to fetch a file");
    }
    return fetching_begin(client, location, fetching, out, err);
}

slu_status
fluss_fetching_poll(fluss_fetching **fetching, fluss_answer **out, const uint8_t **out_data, slu_error *err)
{
    fluss_fetching *mine = *fetching;
    if (!mine->done)
        return SLU_AGAIN;
    *fetching = NULL;
    const slu_status status = mine->status;
    if (status != SLU_OK && err != NULL)
        *err = mine->failure;
    if (status != SLU_OK && err != NULL)
        err->status = status;
    if (status == SLU_OK && out != NULL) {
        *out = slu_take(&mine->piece);
        *out_data = mine->data;
    }
    fetching_free(mine);
    return status;
}

void
fluss_fetching_cancel(fluss_fetching **fetching)
{
    fluss_fetching *mine = slu_take(fetching);
    if (mine == NULL)
        return;
    fluss_fetching **at = &mine->files->waiting;
    while (*at != NULL && *at != mine)
        at = &(*at)->next;
    if (*at == mine)
        *at = mine->next;
    else if (!mine->done) {
        mine->cancelled = true; /* its end frees it */
        return;
    }
    fetching_free(mine);
}

/* ---- life ---- */

slu_status
fluss_files_open(fluss_client *client, const fluss_files_options *options, fluss_files **out, slu_error *err)
{
    const char *const texts[TEXT_COUNT] = {options->endpoint, options->region, options->access_key, options->secret_key,
                                           options->path_style};
    fluss_files *files = slu_alloc_zero(1, sizeof *files);
    if (files == NULL)
        return slu_error_set(err, SLU_NOMEM, "no memory for a fluss client");
    *out = files; /* the client's close frees it */
    files->client = client;
    files->open = options->open;
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        if (texts[i] == NULL || texts[i][0] == 0)
            continue;
        files->texts[i] = slu_strdup(texts[i]);
        if (files->texts[i] == NULL)
            return slu_error_set(err, SLU_NOMEM, "no memory for a fluss client");
    }
    return SLU_OK;
}

void
fluss_files_close(fluss_files **out)
{
    fluss_files *files = slu_take(out);
    if (files == NULL)
        return;
    fluss_background_close(&files->background);
    store_unref(&files->store);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        if (files->texts[i] != NULL)
            explicit_bzero(files->texts[i], strlen(files->texts[i]));
        slu_free(files->texts[i]);
    }
    slu_free(files);
}
