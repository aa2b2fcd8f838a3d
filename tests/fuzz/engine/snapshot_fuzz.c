/* The bytes of a state file: index, entries, and the state inside. */
#include "checkpoint/snapshot.h"
#include "state/keyed.h"
#include "state/timers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void
restore(const slu_section *section, slu_view entry)
{
    const slu_state_spec spec = {.size = sizeof spec,
                                 .kind = section->b == 0 ? SLU_STATE_BYTES : SLU_STATE_FIXED,
                                 .name = "fuzz",
                                 .key_bytes = section->a % 64,
                                 .value_bytes = section->b % 64};
    slu_account account = {.max_bytes = 1 << 20};
    slu_state *state = NULL;
    slu_timers *timers = NULL;
    slu_error err;
    const slu_state_opening opening = {&spec, "", 0, 16, &account};
    if (slu_state_open(NULL, &opening, &state, &err) == SLU_OK && slu_state_restore(state, entry, 0, &err) == SLU_CORRUPT)
        slu_state_free(&state);
    slu_state_free(&state);
    if (slu_timers_new(16, &account, &timers, &err) == SLU_OK && slu_timers_restore(timers, entry, &err) == SLU_CORRUPT)
        slu_timers_free(&timers);
    slu_timers_free(&timers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    slu_snapshot_reader *reader = NULL;
    slu_error err;
    slu_buf file;
    slu_buf_init(&file, (size_t)1 << 24);
    slu_buf_append(&file, data, bytes);
    if (slu_snapshot_reader_new(&file, &reader, &err) == SLU_OK)
        for (uint32_t s = 0; s < slu_snapshot_section_count(reader); s++)
            for (uint32_t e = 0; e < slu_snapshot_section(reader, s)->entry_count; e++) {
                uint32_t group;
                int64_t tag;
                slu_view entry;
                if (slu_snapshot_entry(reader, s, e, &group, &tag, &entry, &err) == SLU_OK)
                    restore(slu_snapshot_section(reader, s), entry);
            }
    slu_snapshot_reader_free(&reader);
    slu_buf_fini(&file);
    restore(&(slu_section){.a = 9, .b = 8}, slu_view_of(data, bytes)); /* past the checksums */
    restore(&(slu_section){.a = 0, .b = 0}, slu_view_of(data, bytes));
    return 0;
}
