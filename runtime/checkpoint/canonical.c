#include "canonical.h"

#include "base/file.h"
#include "base/scratch.h"
#include "checkpoint/shared.h"
#include "state/rocks/rocks.h"

#include <stdio.h>

bool
slu_snapshot_has_files(const slu_snapshot_reader *reader)
{
    for (uint32_t i = 0; i < slu_snapshot_section_count(reader); i++)
        if (slu_snapshot_section(reader, i)->kind == SLU_SECTION_FILES)
            return true;
    return false;
}

slu_state_spec
slu_section_spec(const slu_section *section)
{
    return (slu_state_spec){.size = sizeof(slu_state_spec),
                            .kind = section->b == 0 ? SLU_STATE_BYTES : SLU_STATE_FIXED,
                            .name = section->name,
                            .key_bytes = section->a,
                            .value_bytes = section->b,
                            .ttl_ms = section->c};
}

slu_status
slu_shared_runs(const slu_stores *stores, const char *directory, const slu_snapshot_reader *reader, uint32_t index,
                const char *scratch, const uint32_t groups[2],
                slu_status (*entry)(void *to, uint32_t key_group, slu_view bytes, slu_error *err), void *to, slu_error *err)
{
    slu_error ignored;
    const slu_state_spec spec = slu_section_spec(slu_snapshot_section(reader, index));
    slu_status status = slu_shared_fetch(stores, directory, reader, index, scratch, err);
    if (status == SLU_OK)
        status = slu_rocks_read(&spec, scratch, groups[0], groups[1], entry, to, err);
    (void)!slu_dir_remove(scratch, &ignored); /* its folder goes with whoever made it */
    return status;
}

static slu_status
run_write(void *to, uint32_t key_group, slu_view bytes, slu_error *err)
{
    return slu_snapshot_writer_entry(to, key_group, 0, bytes.data, bytes.bytes, err);
}

static slu_status
section_copy(const slu_snapshot_reader *reader, uint32_t index, slu_snapshot_writer *writer, slu_error *err)
{
    const slu_section *section = slu_snapshot_section(reader, index);
    SLU_TRY(slu_snapshot_writer_section(writer, section, err));
    for (uint32_t e = 0; e < section->entry_count; e++) {
        uint32_t key_group;
        int64_t tag;
        slu_view bytes;
        SLU_TRY(slu_snapshot_entry(reader, index, e, &key_group, &tag, &bytes, err));
        SLU_TRY(slu_snapshot_writer_entry(writer, key_group, tag, bytes.data, bytes.bytes, err));
    }
    return SLU_OK;
}

static slu_status
sections_write(const slu_stores *stores, const char *directory, const slu_snapshot_reader *reader, const char *scratch,
               slu_snapshot_writer *writer, slu_error *err)
{
    static const uint32_t all[2] = {0, UINT32_MAX};
    char dir[SLU_PATH_BYTES_MAX + 16];
    for (uint32_t i = 0; i < slu_snapshot_section_count(reader); i++) {
        slu_section section = *slu_snapshot_section(reader, i);
        if (section.kind == SLU_SECTION_SHARED)
            continue;
        if (section.kind != SLU_SECTION_FILES) {
            SLU_TRY(section_copy(reader, i, writer, err));
            continue;
        }
        section.kind = SLU_SECTION_KEYED;
        (void)snprintf(dir, sizeof dir, "%s/%u", scratch, i);
        SLU_TRY(slu_snapshot_writer_section(writer, &section, err));
        SLU_TRY(slu_shared_runs(stores, directory, reader, i, dir, all, run_write, writer, err));
    }
    return SLU_OK;
}

slu_status
slu_snapshot_canonical(const slu_stores *stores, const char *directory, const slu_snapshot_reader *reader,
                       slu_snapshot_writer *writer, slu_error *err)
{
    SLU_AUTO(slu_scratch_close) slu_scratch scratch = {0};
    SLU_TRY(slu_scratch_open(&scratch, NULL, NULL, "sluice-savepoint", err));
    return sections_write(stores, directory, reader, scratch.path, writer, err);
}
