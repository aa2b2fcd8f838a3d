/* The store over local directories: the contract, by path and by file URI, and a table that was moved. */
#include "base/file.h"
#include "store_contract.h"

#include <stdlib.h>

static void
run(const char *scheme, bool sync)
{
    slu_error err = {0};
    iceberg_store store;
    char folder[] = "/tmp/sluice-store-XXXXXX";
    char root[128];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(root, sizeof root, "%s%s", scheme, folder);
    CHECK_OK(iceberg_store_local_open(sync, &store, &err));
    store_contract(&store, root);
    iceberg_store_close(&store);
    iceberg_store_close(&store);
    CHECK_OK(slu_dir_remove(folder, &err));
}

static void
paths(void **state)
{
    run("", false);
}

static void
uris(void **state)
{
    run("file://", true);
    run("file:", false);
}

static void
a_moved_table(void **state)
{
    slu_error err = {0};
    iceberg_store store;
    char folder[] = "/tmp/sluice-store-XXXXXX";
    assert_non_null(mkdtemp(folder));
    CHECK_OK(iceberg_store_local_open_at("/somewhere/else", folder, false, &store, &err));
    store_contract(&store, "file:/somewhere/else");
    CHECK_STATUS(iceberg_store_put(&store, "s3://bucket/key", slu_view_of_text("x"), true, &err), SLU_UNSUPPORTED);
    CHECK_MESSAGE(err, "s3://bucket/key");
    iceberg_store_close(&store);
    CHECK_OK(slu_dir_remove(folder, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(paths), cmocka_unit_test(uris), cmocka_unit_test(a_moved_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
