/*
 * A plugin's sources compiled into the test, run in the harness, its n-th allocation failing for every n. The harness fails too, and says
 * so; a leaked batch aborts.
 */
#include "support/check.h"

#include "fault.h"

#include <sluice/sdk/harness.h>

static slu_status
scenario(void)
{
    slu_error err;
    sdk_harness *h = NULL;
    slu_status status = sdk_harness_new(slu_plugin_entry()->plugins[0], &h);
    if (status == SLU_OK)
        status = sdk_harness_lookup_table(h, "accounts", "id BIGINT NOT NULL, name STRING", "7 | anna\n8 | ben\n", &err);
    if (status == SLU_OK)
        status = sdk_harness_with(h, FAULT_OPTIONS, &err);
    if (status == SLU_OK)
        status = sdk_harness_input(h, "id BIGINT, accountId BIGINT, amount DECIMAL(10,2)", &err);
    if (status == SLU_OK)
        status = sdk_harness_keys(h, "accountId", &err);
    if (status == SLU_OK)
        status = sdk_harness_open(h, &err);
    for (int i = 0; i < 2 && status == SLU_OK; i++)
        status = sdk_harness_push(h, 0, "1 | 7 | 0.80\n2 | 7 | 1001\n3 | 9 | 5\n4 | NULL | 5\n", &err);
    sdk_harness_free(&h);
    return status;
}

static void
without_memory(void **state)
{
    FAULT_SWEEP(scenario, 3000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(without_memory)};
    return cmocka_run_group_tests_name("fault.operators", tests, NULL, NULL);
}
