/*
 * Our client and our server with bad weather between them (support/fault_proxy.h), one kind of fault at a time and all together: no
 * acknowledged row is lost, none is there twice, their order is kept; lookups and scans give what was written.
 *
 * SLUICE_SEED=N makes another storm, SLUICE_ROUNDS=N more of them (`./dev soak`); the seed is printed when it is not the usual one.
 */
#include "fault/weather.h"

static const char *const storms[] = {
    "calm",          "delay=30:20",
    "split=60",      "single=8",
    "repeat=40",     "drop=6",
    "stall=2:450",   "cutup=60000",
    "cutdown=60000", "delay=10:15 split=15 single=1 repeat=10 drop=2 stall=1:450 cutup=300000 cutdown=40000",
};

static void
rows_are_appended_once_and_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof storms / sizeof storms[0]; i++) {
        weather w;
        weather_open(&w, storms[i], log_json);
        for (int64_t first = 0; first < 4000; first += 40) {
            weather_write(&w, first, 40);
            if (first % 400 == 0)
                weather_step(&w, 5);
        }
        weather_flush(&w);
        weather_check_log(&w);
        weather_close(&w);
    }
}

static void
rows_are_upserted_and_looked_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof storms / sizeof storms[0]; i++) {
        weather w;
        weather_open(&w, storms[i], key_json);
        for (int round = 0; round < 5; round++)
            for (int64_t first = 0; first < 600; first += 100)
                weather_write(&w, first, 100);
        weather_flush(&w);
        for (int64_t first = 0; first < 600; first += 60)
            weather_look_up(&w, first, 120);
        weather_check_changelog(&w, 5, 600);
        weather_close(&w);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_appended_once_and_in_order),
        cmocka_unit_test(rows_are_upserted_and_looked_up),
    };
    return weather_run("fluss.weather", tests, sizeof tests / sizeof tests[0]);
}
