/* my_plugin in the harness: rows go in and come out as text, on a host made of memory. */
#include <sluice/sdk/harness.h>

#include <stdlib.h>

#define CHECK(fact)                                                                                                                \
    do {                                                                                                                           \
        if (!(fact)) {                                                                                                             \
            (void)fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #fact, err.message);                             \
            exit(1);                                                                                                               \
        }                                                                                                                          \
    } while (0)

int
main(void)
{
    slu_error err = {0};
    const slu_module *module;
    sdk_harness *h = NULL;
    CHECK(sdk_module_load(PLUGIN_FILE, &module, &err) == SLU_OK);
    CHECK(sdk_harness_new(sdk_module_plugin(module, "my_plugin"), &h) == SLU_OK);
    CHECK(sdk_harness_with(h, "{ every: 3 }", &err) == SLU_OK);
    CHECK(sdk_harness_input(h, "id BIGINT, name STRING", &err) == SLU_OK);
    CHECK(sdk_harness_open(h, &err) == SLU_OK);

    CHECK(sdk_harness_push(h, 0, "1 | a\n2 | b\n3 | c\n4 | d\n", &err) == SLU_OK);
    CHECK(strcmp(sdk_harness_output(h), "1 | a\n4 | d\n") == 0);

    /* It goes on where the checkpoint was, as after a crash. */
    CHECK(sdk_harness_snapshot(h, &err) == SLU_OK);
    CHECK(sdk_harness_restart(h, &err) == SLU_OK);
    sdk_harness_clear(h);
    CHECK(sdk_harness_push(h, 0, "5 | e\n6 | f\n7 | g\n", &err) == SLU_OK);
    CHECK(strcmp(sdk_harness_output(h), "7 | g\n") == 0);

    sdk_harness_free(&h); /* aborts if the plugin leaked a batch */
    return 0;
}
