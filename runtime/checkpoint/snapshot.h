/*
 * snapshot.h: the state of one subtask at one checkpoint: one file, sections by operator, entries by key group.
 *
 *   offset 0   8   magic "SLUSNAP1"
 *          8   ..  entries, one after another: the bytes of state, nothing between them
 *          ..  ..  index: u32 section count, then per section
 *                    u16 operator id bytes, id, u16 name bytes, name, u32 kind, u32 state version, u32 a, u32 b, i64 c, u32 entry count,
 *                    per entry: u32 key group, i64 tag, u64 offset, u64 bytes, u32 crc32c
 *          end-24  u64 index offset, u64 index bytes, u32 crc32c of the index, u32 magic 0x534c5531
 *   (all little-endian). An entry's bytes are verified when they are read, so a restore may read single key groups.
 *
 * Owns     a writer owns its buffer; a reader owns the bytes of the file. Views are valid until free.
 * Threads  owner.
 * Errors   CORRUPT, LIMIT (SLU_SNAPSHOT_BYTES_MAX), NOMEM, IO.
 */
#ifndef SLU_CHECKPOINT_SNAPSHOT_H
#define SLU_CHECKPOINT_SNAPSHOT_H

#include "base/bytes.h"
#include "store/place.h"

#define SLU_SNAPSHOT_BYTES_MAX ((size_t)4 << 30)

#define SLU_SECTION_SPLITS 1       /* per split an entry: key group NONE, tag: bytes of its id; its id, then its data */
#define SLU_SECTION_OPERATOR 2     /* what the plugin wrote in `snapshot` */
#define SLU_SECTION_KEYED 3        /* name: the state's; a: key bytes, b: value bytes, c: ttl; entry per key group */
#define SLU_SECTION_TIMERS 4       /* entry per key group */
#define SLU_SECTION_COMMITTABLES 5 /* tag: the checkpoint they were prepared for */
#define SLU_SECTION_FILES                                                                                                          \
    6 /* a state as files of RocksDB (shared.h); name, a, b, c as KEYED; tag: bytes of a file's name; name, content */
#define SLU_SECTION_SHARED                                                                                                         \
    7 /* no entries: a file of the FILES section before. name: of the stored one, a: number, b: crc32c, c: bytes */
#define SLU_SECTION_RULES 8 /* the set in force: see ruleset/ruleset.h; tag: its version */

typedef struct slu_section {
    const char *operator_id;
    const char *name;
    uint32_t kind;
    uint32_t state_version;
    uint32_t a, b;
    int64_t c;
    uint32_t entry_count;
} slu_section;

/* ---- Writing */
typedef struct slu_snapshot_writer slu_snapshot_writer;

SLU_CHECK slu_status slu_snapshot_writer_new(slu_snapshot_writer **out, slu_error *err);
void slu_snapshot_writer_free(slu_snapshot_writer **writer);
/* Entries that follow belong to this section; entry_count is ignored. A section without entries is kept. */
SLU_CHECK slu_status slu_snapshot_writer_section(slu_snapshot_writer *writer, const slu_section *section, slu_error *err);
SLU_CHECK slu_status slu_snapshot_writer_entry(slu_snapshot_writer *writer, uint32_t key_group, int64_t tag, const void *data,
                                               size_t bytes, slu_error *err);
/* Room for an entry that the caller fills at once; NULL: see slu_snapshot_writer_finish. */
uint8_t *slu_snapshot_writer_extend(slu_snapshot_writer *writer, size_t bytes);
/* Closes the entry that `extend` calls since the last entry made up. */
SLU_CHECK slu_status slu_snapshot_writer_close_entry(slu_snapshot_writer *writer, uint32_t key_group, int64_t tag, slu_error *err);
/* The whole file; borrowed until free. */
SLU_CHECK slu_status slu_snapshot_writer_finish(slu_snapshot_writer *writer, slu_view *out, slu_error *err);

/* Entries that can be written later and on another thread, as they were. Ends with `free`, once, written or not; with the writer at the
 * latest. */
typedef struct slu_snapshot_late {
    struct slu_snapshot_late *next; /* the writer's */
    slu_status (*write)(struct slu_snapshot_late *late, slu_snapshot_writer *writer, slu_error *err);
    void (*free)(struct slu_snapshot_late *late);
} slu_snapshot_late;

/* Takes it. */
void slu_snapshot_writer_add_late(slu_snapshot_writer *writer, slu_snapshot_late *late);
/* Writes what came late: before finish. */
SLU_CHECK slu_status slu_snapshot_writer_late(slu_snapshot_writer *writer, slu_error *err);

/* ---- Reading */
typedef struct slu_snapshot_reader slu_snapshot_reader;

/* Takes the buffer. */
SLU_CHECK slu_status slu_snapshot_reader_new(slu_buf *file, slu_snapshot_reader **out, slu_error *err);
/* The same of a file that slu_file_map gave, which it takes too: its entries stay where they are. */
SLU_CHECK slu_status slu_snapshot_reader_mapped(slu_view *mapped, slu_snapshot_reader **out, slu_error *err);
/* What is inside a file of so many bytes, without the entries' bytes: slu_snapshot_entry answers UNSUPPORTED. */
SLU_CHECK slu_status slu_snapshot_reader_index(const slu_stores *stores, const char *path, int64_t bytes, slu_snapshot_reader **out,
                                               slu_error *err);
void slu_snapshot_reader_free(slu_snapshot_reader **reader);
uint32_t slu_snapshot_section_count(const slu_snapshot_reader *reader);
const slu_section *slu_snapshot_section(const slu_snapshot_reader *reader, uint32_t section);
/* Of one entry: its key group, and how many bytes it has. */
void slu_snapshot_entry_size(const slu_snapshot_reader *reader, uint32_t section, uint32_t entry, uint32_t *key_group,
                             uint64_t *bytes);
SLU_CHECK slu_status slu_snapshot_entry(const slu_snapshot_reader *reader, uint32_t section, uint32_t entry, uint32_t *key_group,
                                        int64_t *tag, slu_view *out, slu_error *err);

#endif
