/* The store of a lake in S3, on a real server: interop.lake.store starts one and says where (LAKE_S3_ENDPOINT, LAKE_BUCKET, AWS_*). */
#include "lake/stores.h"
#include "store_contract.h"

#include <stdlib.h>
#include <unistd.h>

static const char *endpoint;
static slu_env env;

static void
with_probe(bool probe, const char *scheme)
{
    slu_error err = {0};
    iceberg_store store = {0};
    char root[256];
    const iceberg_property settings[] = {{"s3.endpoint", endpoint}, {"s3.path-style-access", "true"}};
    CHECK_OK(lake_stores_open(&env, &(iceberg_store_settings){.items = settings, .count = 2}, false, probe, &store, &err));
    (void)snprintf(root, sizeof root, "%s://%s/contract-%ld-%016llx", scheme, getenv("LAKE_BUCKET"), (long)getpid(),
                   (unsigned long long)env.random(&env));
    store_contract(&store, root);
    iceberg_store_close(&store);
}

static void
by_its_own_name(void **state)
{
    with_probe(false, "s3");
}

static void
by_hadoops_name_and_probed(void **state)
{
    with_probe(true, "s3a");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_its_own_name), cmocka_unit_test(by_hadoops_name_and_probed)};
    endpoint = getenv("LAKE_S3_ENDPOINT");
    slu_env_init_system(&env, SLU_LOG_WARN);
    if (endpoint == NULL || getenv("LAKE_BUCKET") == NULL) {
        print_message("SKIPPED: no S3 server: run it by tests/interop/lake/servers.py\n");
        return 77;
    }
    return cmocka_run_group_tests_name("contract.iceberg_store.s3", tests, NULL, NULL);
}
