/* A server.yaml, its values, and the listeners that it names. What was taken can be taken again, and means the same. */
#include "base/assert.h"
#include "fluss/config/listeners.h"
#include "fluss/security/acl.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    slu_error err;
    size_t count;
    fluss_listener_spec specs[FLUSS_LISTENERS_MAX];
    fluss_config *config = NULL;
    fluss_config *copy = NULL;
    if (bytes > 16384 || fluss_config_new(&config, &err) != SLU_OK)
        return 0;
    if (fluss_config_parse(config, slu_view_of(data, bytes), "fuzz", &err) == SLU_OK) {
        if (fluss_config_clone(config, &copy, &err) != SLU_OK)
            abort();
        SLU_ASSERT(copy->entry_count == config->entry_count);
        SLU_ASSERT(copy->kv_snapshot_interval_ms == config->kv_snapshot_interval_ms);
        if (fluss_listeners_read(config, "127.0.0.1", 0, specs, &count, &err) == SLU_OK)
            SLU_ASSERT(count > 0 && count <= FLUSS_LISTENERS_MAX);
        const slu_status super_users = fluss_super_users_check(config->super_users, &err);
        SLU_ASSERT(super_users == SLU_OK || super_users == SLU_INVALID);
    }
    fluss_config_free(&copy);
    fluss_config_free(&config);
    return 0;
}
