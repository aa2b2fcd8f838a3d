/*
 * config.h: the settings of a Fluss server, under Fluss's own keys: what each is, and what this server was told.
 *
 * Shape    new has every default; each `set` parses one value by the table of settings (settings.c) into the struct below, and
 *          remembers what was said and where. A key that ends in ".*" in the table stands for all keys that begin so.
 * Owns     the texts. A text of the struct lives until the same config is changed (fluss_config_take) or freed: read it where it is
 *          used, do not keep the pointer. The address of a server's config never changes.
 * Threads  owner: of a server, its loop's thread. A thread of another room is given copies.
 * Errors   INVALID: an unknown key, with the nearest known one; a value that is not what the key wants: key, value (a secret is shown
 *          as ***), what is allowed, and where it was said (FILE:LINE, or "command line").
 * Limits   FLUSS_CONFIG_ENTRIES_MAX keys; FLUSS_CONFIG_BYTES_MAX of text.
 */
#ifndef FLUSS_CONFIG_CONFIG_H
#define FLUSS_CONFIG_CONFIG_H

#include "base/bytes.h"
#include "base/env.h"

#define FLUSS_CONFIG_ENTRIES_MAX 1024
#define FLUSS_CONFIG_BYTES_MAX ((size_t)4 << 20)
#define FLUSS_CONFIG_FILE_BYTES_MAX ((size_t)1 << 20)

/* ---- The table of settings ------------------------------------------------------------------------------------------------------ */

typedef enum fluss_setting_kind {
    FLUSS_SETTING_TEXT,
    FLUSS_SETTING_LIST, /* a,b,c */
    FLUSS_SETTING_MAP,  /* a:b,c:d */
    FLUSS_SETTING_CHOICE,
    FLUSS_SETTING_WHOLE,
    FLUSS_SETTING_FRACTION,
    FLUSS_SETTING_TRUTH,
    FLUSS_SETTING_DURATION,
    FLUSS_SETTING_SIZE
} fluss_setting_kind;

#define FLUSS_SETTING_DYNAMIC 1u /* may be changed at run time (ALTER_CLUSTER_CONFIGS) */
#define FLUSS_SETTING_UNUSED 2u  /* a cluster's: accepted, kept, without an effect here; one warning */
#define FLUSS_SETTING_OURS 4u    /* not Fluss's: a word of this program */

typedef struct fluss_setting {
    const char *key; /* "kv.snapshot.interval"; a family ends in ".*" */
    fluss_setting_kind kind;
    uint32_t flags;
    const char *initial; /* the default's text; NULL: none */
    const char *choices; /* of a CHOICE: "|a|b|"; they are compared in any case */
    int64_t min;         /* of WHOLE, SIZE, DURATION; both 0: no bounds */
    int64_t max;
    size_t offset; /* of the value in fluss_config; SIZE_MAX: only its text is kept */
    const char *help;
} fluss_setting;

const fluss_setting *fluss_settings(size_t *out_count);
/* The setting of a key, or the family it belongs to; NULL: unknown. */
const fluss_setting *fluss_setting_find(const char *key);
/* Does the key's name say that its value is a secret (as Fluss decides it)? */
bool fluss_setting_is_secret(const char *key);
const char *fluss_setting_kind_name(fluss_setting_kind kind);

/* ---- What a server was told ----------------------------------------------------------------------------------------------------- */

typedef struct fluss_config_entry {
    const char *key;
    const char *text;
    const char *where; /* "server.yaml:7", "command line" */
    const fluss_setting *setting;
} fluss_config_entry;

/* Durations are milliseconds, sizes bytes. A text that was not said and has no default is NULL. */
typedef struct fluss_config {
    /* Tables. */
    int64_t default_bucket_number;
    int64_t default_replication_factor;
    int64_t max_partition_num;
    int64_t max_bucket_num;
    bool allow_create_log_tables;
    bool allow_create_kv_tables;
    int64_t auto_partition_check_interval_ms;

    /* Directories. */
    const char *data_dir;        /* "data.dir" */
    const char *remote_data_dir; /* NULL: DATA_DIR/remote */

    /* Log. */
    int64_t log_segment_file_bytes;
    int64_t log_index_interval_bytes;
    int64_t log_flush_interval_messages; /* INT64_MAX: the system decides */
    int64_t log_retention_check_interval_ms;
    bool log_retention_roll_active_segment;
    int64_t writer_id_expiration_ms;
    int64_t writer_id_expiration_check_interval_ms;

    /* Remote log. */
    int64_t remote_log_task_interval_ms; /* 0: nothing is moved */
    int64_t remote_log_task_max_upload_segments;

    /* Rows of primary-key tables. */
    int64_t kv_snapshot_interval_ms;
    int64_t kv_snapshot_num_retained;
    int64_t kv_snapshot_lease_check_interval_ms;
    int64_t kv_scanner_ttl_ms;
    int64_t kv_scanner_expiration_interval_ms;
    int64_t kv_scanner_max_per_bucket;
    int64_t kv_scanner_max_per_server;
    int64_t kv_scanner_max_batch_bytes;
    int64_t kv_rocksdb_block_cache_bytes; /* 0: the kv room's default */
    int64_t kv_rocksdb_writebuffer_bytes; /* 0: the kv room's default */

    /* Coordinator. */
    int64_t producer_offsets_ttl_ms;
    int64_t producer_offsets_cleanup_interval_ms;

    /* Lake. */
    const char *datalake_format; /* NULL: no lake */
    bool datalake_enabled;       /* said nothing: true when there is a format */

    /* Listeners and security. */
    const char *bind_listeners;
    const char *advertised_listeners;
    const char *internal_listener_name;
    const char *security_protocol_map;
    const char *sasl_enabled_mechanisms;
    const char *sasl_plain_jaas_config;
    const char *sasl_plain_credentials;
    bool authorizer_enabled;
    const char *super_users;
    bool acl_principal_ignore_case;
    int64_t netty_max_request_bytes;
    int64_t netty_connection_max_idle_ms;

    /* Words of this program. */
    const char *listen; /* HOST:PORT, short for one open listener */
    bool sync;
    bool insecure;

    /* What was said, ordered by key. */
    const fluss_config_entry *entries;
    size_t entry_count;
    struct fluss_config_memory *memory;
} fluss_config;

SLU_CHECK slu_status fluss_config_new(fluss_config **out, slu_error *err);
void fluss_config_free(fluss_config **config);
SLU_CHECK slu_status fluss_config_clone(const fluss_config *config, fluss_config **out, slu_error *err);
/* All of `from` becomes `config`'s, whose address stays; `from` is gone. */
void fluss_config_take(fluss_config *config, fluss_config **from);

/* A later value of the same key replaces the earlier one. */
SLU_CHECK slu_status fluss_config_set(fluss_config *config, const char *key, const char *text, const char *where, slu_error *err);
/* Would the value do? As fluss_config_set, but nothing is kept. */
SLU_CHECK slu_status fluss_config_check(const char *key, const char *text, const char *where, slu_error *err);
/* A server.yaml: a map, flat (a.b.c: v), nested, or both; a list becomes a,b,c and an empty value is passed over. */
SLU_CHECK slu_status fluss_config_read(fluss_config *config, const char *path, slu_error *err);
/* The same from memory; `name` stands for the file in messages. */
SLU_CHECK slu_status fluss_config_parse(fluss_config *config, slu_view yaml, const char *name, slu_error *err);

/* The text that was said for a key; else its default; NULL: neither. */
const char *fluss_config_get(const fluss_config *config, const char *key);
/* NULL: nothing was said. */
const fluss_config_entry *fluss_config_find(const fluss_config *config, const char *key);
/* Says once in the log which of the given settings have no effect on a single node. */
void fluss_config_warn(const fluss_config *config, const slu_env *env);

#endif
