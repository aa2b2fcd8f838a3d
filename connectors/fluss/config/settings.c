/* settings.c: every key of a Fluss server, in the order in which `sluice server --settings` prints them. */
#include "base/sizes.h"
#include "fluss/config/config.h"

#include <ctype.h>
#include <stdlib.h>

#define AT(field) offsetof(fluss_config, field)
#define KEPT SIZE_MAX
#define DYNAMIC FLUSS_SETTING_DYNAMIC
#define UNUSED FLUSS_SETTING_UNUSED
#define OURS FLUSS_SETTING_OURS
#define TEXT(key, flags, initial, at, help)                                                                                        \
    {                                                                                                                              \
        (key), FLUSS_SETTING_TEXT, (flags), (initial), NULL, 0, 0, (at), (help)                                                    \
    }
#define LIST(key, flags, initial, at, help)                                                                                        \
    {                                                                                                                              \
        (key), FLUSS_SETTING_LIST, (flags), (initial), NULL, 0, 0, (at), (help)                                                    \
    }
#define MAP(key, flags, at, help)                                                                                                  \
    {                                                                                                                              \
        (key), FLUSS_SETTING_MAP, (flags), NULL, NULL, 0, 0, (at), (help)                                                          \
    }
#define CHOICE(key, flags, initial, choices, at, help)                                                                             \
    {                                                                                                                              \
        (key), FLUSS_SETTING_CHOICE, (flags), (initial), (choices), 0, 0, (at), (help)                                             \
    }
#define WHOLE(key, flags, initial, min, max, at, help)                                                                             \
    {                                                                                                                              \
        (key), FLUSS_SETTING_WHOLE, (flags), (initial), NULL, (min), (max), (at), (help)                                           \
    }
#define FRACTION(key, flags, initial, help)                                                                                        \
    {                                                                                                                              \
        (key), FLUSS_SETTING_FRACTION, (flags), (initial), NULL, 0, 0, KEPT, (help)                                                \
    }
#define TRUTH(key, flags, initial, at, help)                                                                                       \
    {                                                                                                                              \
        (key), FLUSS_SETTING_TRUTH, (flags), (initial), NULL, 0, 0, (at), (help)                                                   \
    }
#define TIME(key, flags, initial, min, at, help)                                                                                   \
    {                                                                                                                              \
        (key), FLUSS_SETTING_DURATION, (flags), (initial), NULL, (min), INT64_MAX, (at), (help)                                    \
    }
#define SIZE(key, flags, initial, min, max, at, help)                                                                              \
    {                                                                                                                              \
        (key), FLUSS_SETTING_SIZE, (flags), (initial), NULL, (min), (max), (at), (help)                                            \
    }
#define FAMILY(key, flags, help)                                                                                                   \
    {                                                                                                                              \
        (key), FLUSS_SETTING_TEXT, (flags), NULL, NULL, 0, 0, KEPT, (help)                                                         \
    }
/* A cluster's: parsed as nothing but text. */
#define IDLE(key, help)                                                                                                            \
    {                                                                                                                              \
        (key), FLUSS_SETTING_TEXT, UNUSED, NULL, NULL, 0, 0, KEPT, (help)                                                          \
    }

#define KIB 1024
#define GIB ((int64_t)1 << 30)

static const fluss_setting table[] = {
    /* Where clients come. */
    TEXT("listen", OURS, NULL, AT(listen), "HOST:PORT of one open listener; short for bind.listeners"),
    LIST("bind.listeners", 0, NULL, AT(bind_listeners), "NAME://HOST:PORT, one or several, each with its own port"),
    LIST("advertised.listeners", 0, NULL, AT(advertised_listeners),
         "NAME://HOST:PORT that clients of that listener are told to connect to"),
    TEXT("internal.listener.name", 0, "FLUSS", AT(internal_listener_name), "the listener whose clients are servers of the cluster"),
    TRUTH("insecure", OURS, "false", AT(insecure), "an open listener may be reached from other machines"),
    SIZE("netty.server.max-request-size", 0, "100mb", KIB, 100 * KIB * KIB, AT(netty_max_request_bytes),
         "a request that is larger ends its connection"),
    TIME("netty.connection.max-idle-time", 0, "10min", 1000, AT(netty_connection_max_idle_ms),
         "a connection that is silent for so long is closed"),

    /* Directories. */
    TEXT("data.dir", 0, NULL, AT(data_dir), "tables and catalogue"),
    TEXT("data-dir", OURS, NULL, AT(data_dir), "the same"),
    TEXT("remote.data.dir", 0, NULL, AT(remote_data_dir),
         "old log segments, kv snapshots, lake offsets (default: DATA.DIR/remote)"),
    TRUTH("sync", OURS, "false", AT(sync), "acknowledge only what would survive a power loss"),

    /* Tables. */
    WHOLE("default.bucket.number", 0, "1", 1, INT32_MAX, AT(default_bucket_number), "buckets of a table that does not say"),
    WHOLE("default.replication.factor", 0, "1", 1, INT16_MAX, AT(default_replication_factor),
          "kept and reported; this node has one copy"),
    WHOLE("max.bucket.num", 0, "128000", 1, INT32_MAX, AT(max_bucket_num), "buckets of a table or partition at most"),
    WHOLE("max.partition.num", 0, "1000", 1, INT32_MAX, AT(max_partition_num), "partitions of a table at most"),
    TRUTH("allow.create.log.tables", 0, "true", AT(allow_create_log_tables), "may tables without a primary key be created"),
    TRUTH("allow.create.kv.tables", 0, "true", AT(allow_create_kv_tables), "may tables with a primary key be created"),
    TIME("auto-partition.check.interval", 0, "10min", 1, AT(auto_partition_check_interval_ms),
         "how often partitions are made and retired"),

    /* Log. */
    SIZE("log.segment.file-size", 0, "1024mb", 1, 2 * GIB, AT(log_segment_file_bytes),
         "a log file is closed before it grows above this"),
    SIZE("log.index.interval-size", UNUSED, "4kb", 1, GIB, AT(log_index_interval_bytes), "an index has an entry every 4 KiB"),
    WHOLE("log.flush.interval-messages", 0, "9223372036854775807", 1, INT64_MAX, AT(log_flush_interval_messages),
          "any number: every write is forced to the disk (sync)"),
    TIME("log.retention.check-interval", 0, "5min", 1, AT(log_retention_check_interval_ms),
         "how often rows are looked for that may go"),
    TRUTH("log.retention.roll-active-segment.enabled", DYNAMIC | UNUSED, "false", AT(log_retention_roll_active_segment),
          "the file that is written stays"),
    TIME("server.writer-id.expiration-time", 0, "7d", 1, AT(writer_id_expiration_ms),
         "a writer that was silent for so long is forgotten"),
    TIME("server.writer-id.expiration-check-interval", 0, "10min", 1, AT(writer_id_expiration_check_interval_ms),
         "how often they are looked for"),

    /* Remote log. */
    TIME("remote.log.task-interval-duration", 0, "1min", 0, AT(remote_log_task_interval_ms),
         "how often closed log files are moved to remote.data.dir; 0: never"),
    WHOLE("remote.log.task-max-upload-segments", 0, "5", 1, INT32_MAX, AT(remote_log_task_max_upload_segments),
          "files of a bucket that one round moves at most"),

    /* Rows of primary-key tables. */
    TIME("kv.snapshot.interval", DYNAMIC, "10min", 1, AT(kv_snapshot_interval_ms), "how often rows are written to a snapshot"),
    WHOLE("kv.snapshot.num-retained", 0, "2", 1, INT32_MAX, AT(kv_snapshot_num_retained), "snapshots of a bucket that are kept"),
    TIME("kv.snapshot.lease.expiration-check-interval", UNUSED, "10min", 1, AT(kv_snapshot_lease_check_interval_ms),
         "leases are looked at whenever snapshots are made"),
    TIME("kv.scanner.ttl", UNUSED, "10min", 1, AT(kv_scanner_ttl_ms), "the API SCAN_KV of 1.0 is not served"),
    TIME("kv.scanner.expiration-interval", UNUSED, "30s", 1, AT(kv_scanner_expiration_interval_ms),
         "the API SCAN_KV of 1.0 is not served"),
    WHOLE("kv.scanner.max-per-bucket", UNUSED, "8", 1, INT32_MAX, AT(kv_scanner_max_per_bucket),
          "the API SCAN_KV of 1.0 is not served"),
    WHOLE("kv.scanner.max-per-server", UNUSED, "200", 1, INT32_MAX, AT(kv_scanner_max_per_server),
          "the API SCAN_KV of 1.0 is not served"),
    SIZE("kv.scanner.max-batch-size", UNUSED, "10mb", 1, 100 * KIB * KIB, AT(kv_scanner_max_batch_bytes),
         "the API SCAN_KV of 1.0 is not served"),
    SIZE("kv.rocksdb.block.cache-size", 0, NULL, KIB, INT64_MAX / 2, AT(kv_rocksdb_block_cache_bytes),
         "block cache, shared by all buckets"),
    SIZE("kv.rocksdb.writebuffer.size", 0, NULL, 64 * KIB, INT64_MAX / 2, AT(kv_rocksdb_writebuffer_bytes),
         "rows in memory, written or read, shared by all buckets"),

    /* Coordinator. */
    TIME("coordinator.producer-offsets.ttl", 0, "24h", 1, AT(producer_offsets_ttl_ms), "how long a producer's offsets are kept"),
    TIME("coordinator.producer-offsets.cleanup-interval", 0, "1h", 1, AT(producer_offsets_cleanup_interval_ms),
         "how often old ones are looked for"),

    /* Lake. */
    CHOICE("datalake.format", DYNAMIC, NULL, "|paimon|iceberg|lance|", AT(datalake_format),
           "the lake of tables with table.datalake.enabled: iceberg, paimon or lance"),
    TRUTH("datalake.enabled", DYNAMIC, NULL, AT(datalake_enabled),
          "may lake tables be created; default: yes when there is a datalake.format"),
    FAMILY("datalake.iceberg.*", DYNAMIC, "where the lake is: .type (hadoop or rest), .warehouse, .uri, ..."),
    FAMILY("datalake.paimon.*", DYNAMIC, "kept and told to clients"),
    FAMILY("datalake.lance.*", DYNAMIC, "kept and told to clients"),

    /* Security. */
    MAP("security.protocol.map", 0, AT(security_protocol_map), "LISTENER:PROTOCOL, ...: PLAINTEXT (the default) or SASL"),
    LIST("security.sasl.enabled.mechanisms", 0, NULL, AT(sasl_enabled_mechanisms), "PLAIN is the only one"),
    TEXT("security.sasl.plain.jaas.config", 0, NULL, AT(sasl_plain_jaas_config),
         "users: ...PlainLoginModule required user_NAME=\"PASSWORD\" ...;"),
    MAP("security.sasl.plain.credentials", DYNAMIC, AT(sasl_plain_credentials), "users: NAME:PASSWORD, ..."),
    FAMILY("security.sasl.listener.name.*", 0, "users of one listener: .LISTENER.plain.jaas.config"),
    TRUTH("authorizer.enabled", 0, "false", AT(authorizer_enabled), "are access rights (ACLs) enforced"),
    CHOICE("authorizer.type", 0, "default", "|default|", KEPT, "default is the only one"),
    TEXT("super.users", 0, NULL, AT(super_users), "who may do everything: User:NAME;User:NAME"),
    TRUTH("security.acl.principal.ignore-case", 0, "false", AT(acl_principal_ignore_case),
          "names of principals are compared in any case"),

    /* File systems of remote.data.dir. */
    TEXT("s3.endpoint", 0, NULL, KEPT, "where a remote.data.dir of s3://bucket/path is (default: at AWS)"),
    TEXT("s3.region", 0, NULL, KEPT, "of the bucket"),
    TEXT("s3.endpoint.region", 0, NULL, KEPT, "the same"),
    TEXT("s3.access-key", 0, NULL, KEPT, "who asks S3 (default: environment, ~/.aws/credentials)"),
    TEXT("s3.access.key", 0, NULL, KEPT, "the same"),
    TEXT("s3.secret-key", 0, NULL, KEPT, "and its secret"),
    TEXT("s3.secret.key", 0, NULL, KEPT, "the same"),
    TRUTH("s3.path-style-access", 0, NULL, KEPT, "http://host/bucket instead of http://bucket.host"),
    TRUTH("s3.path.style.access", 0, NULL, KEPT, "the same"),
    TEXT("s3.client.access-key", OURS, NULL, KEPT, "who clients are for S3: they are told, as a token"),
    TEXT("s3.client.secret-key", OURS, NULL, KEPT, "and their secret; it may suffice to read"),
    TEXT("s3.ca-file", OURS, NULL, KEPT, "PEM of who vouches for s3.endpoint"),
    FAMILY("s3.*", UNUSED, "other settings of Fluss's file system for S3"),
    FAMILY("fs.*", UNUSED, "other file systems"),

    /* Of a cluster: they have no effect on a single node. */
    IDLE("zookeeper.*", "there is no ZooKeeper"),
    IDLE("recovery.*", "there is no ZooKeeper"),
    IDLE("config.providers", "values are read as they are"),
    IDLE("config.providers.*", "values are read as they are"),
    IDLE("coordinator.host", "use bind.listeners"),
    IDLE("coordinator.port", "use bind.listeners"),
    IDLE("coordinator.io-pool.size", "there is no such pool"),
    IDLE("coordinator.lifecycle-throttler.inflight-timeout", "nothing is throttled"),
    IDLE("coordinator.lifecycle-throttler.timeout-check-interval", "nothing is throttled"),
    IDLE("coordinator.offline-leader.retry-delay", "there is one leader"),
    IDLE("tablet-server.host", "use bind.listeners"),
    IDLE("tablet-server.port", "use bind.listeners"),
    IDLE("tablet-server.id", "the node is number 0"),
    IDLE("tablet-server.rack", "there is one node"),
    IDLE("tablet-server.controlled-shutdown.max-retries", "there is one leader"),
    IDLE("tablet-server.controlled-shutdown.retry-interval", "there is one leader"),
    IDLE("tablet-server.advertised-resource.cpu-cores", "there is one node"),
    IDLE("tablet-server.advertised-resource.memory-size", "there is one node"),
    IDLE("acl.notification.expiration-time", "rights hold at once"),
    IDLE("data.dirs", "use data.dir"),
    LIST("remote.data.dirs", DYNAMIC | UNUSED, NULL, KEPT, "use remote.data.dir"),
    CHOICE("remote.data.dirs.strategy", DYNAMIC | UNUSED, "ROUND_ROBIN", "|ROUND_ROBIN|WEIGHTED_ROUND_ROBIN|", KEPT,
           "use remote.data.dir"),
    LIST("remote.data.dirs.weights", DYNAMIC | UNUSED, NULL, KEPT, "use remote.data.dir"),
    IDLE("remote.fs.write-buffer-size", "files are copied whole"),
    IDLE("remote.log.index-file-cache-size", "indexes are read where they are"),
    IDLE("remote.log-manager.thread-pool-size", "one thread copies"),
    IDLE("remote.log.data-transfer-thread-num", "one thread copies"),
    IDLE("log.index.file-size", "indexes grow as they must"),
    IDLE("log.file-preallocate", "files grow as they are written"),
    IDLE("log.flush.offset.checkpoint-interval", "offsets are found in the log"),
    IDLE("log.replica.high-watermark.checkpoint-interval", "there is one copy"),
    WHOLE("log.replica.min-in-sync-replicas-number", DYNAMIC | UNUSED, "1", 1, INT32_MAX, KEPT, "there is one copy"),
    IDLE("log.replica.*", "there is one copy"),
    IDLE("log.fetch.*", "there is one copy"),
    SIZE("kv.leader-replica.memory-reserved", DYNAMIC | UNUSED, "0b", 0, INT64_MAX, KEPT, "memory is shared by all buckets"),
    SIZE("kv.rocksdb.shared-rate-limiter.bytes-per-sec", DYNAMIC | UNUSED, "9223372036854775807b", 0, INT64_MAX, KEPT,
         "nothing is slowed down"),
    IDLE("kv.rocksdb.*", "rows are stored as this server thinks best"),
    IDLE("kv.snapshot.scheduler-thread-num", "one thread writes them"),
    IDLE("kv.snapshot.transfer-thread-num", "one thread writes them"),
    IDLE("kv.flush.thread-num", "rows are written at once"),
    IDLE("kv.recover.*", "rows are recovered as fast as they come"),
    IDLE("kv.backpressure.*", "RocksDB decides"),
    IDLE("server.io-pool.size", "there is no such pool"),
    IDLE("server.io.tmpdir", "nothing is written there"),
    IDLE("server.background.threads", "there are none"),
    IDLE("server.buffer.*", "requests bring their memory"),
    FRACTION("server.data-disk.write-limit-ratio", DYNAMIC | UNUSED, "0.85", "a full disk is an error of the write that met it"),
    FRACTION("server.data-disk.write-recover-ratio", DYNAMIC | UNUSED, "0.80", "a full disk is an error of the write that met it"),
    IDLE("server.data-disk.check-interval", "a full disk is an error of the write that met it"),
    FRACTION("server.historical-partition.lookup-cache.max-disk-ratio", DYNAMIC | UNUSED, "0.10",
             "rows of the lake are read in the lake"),
    TIME("server.historical-partition.lookuper-cache.expire-after-access", DYNAMIC | UNUSED, "3h", 0, KEPT,
         "rows of the lake are read in the lake"),
    IDLE("server.historical-partition.*", "rows of the lake are read in the lake"),
    IDLE("netty.*", "there is no Netty"),
    IDLE("plugin.*", "there are no plugins in a table server"),
    IDLE("metrics.*", "not reported by a table server"),
    IDLE("kafka.*", "Kafka's protocol is not spoken"),
    IDLE("lake.tiering.*", "of the tiering job, not of a server"),
    IDLE("client.*", "of a client, not of a server"),
    IDLE("bootstrap.servers", "of a client, not of a server"),
    IDLE("env.java.*", "there is no Java"),
    IDLE("table.*", "of a table, not of a server"),
};

const fluss_setting *
fluss_settings(size_t *out_count)
{
    *out_count = SLU_COUNT_OF(table);
    return table;
}

static bool
family_has(const char *family, const char *key)
{
    const size_t bytes = strlen(family);
    return bytes > 2 && family[bytes - 1] == '*' && strncmp(family, key, bytes - 1) == 0 && key[bytes - 1] != 0;
}

const fluss_setting *
fluss_setting_find(const char *key)
{
    const fluss_setting *family = NULL;
    for (size_t i = 0; i < SLU_COUNT_OF(table); i++) {
        if (strcmp(table[i].key, key) == 0 && strchr(key, '*') == NULL)
            return &table[i];
        if (family_has(table[i].key, key))
            family = &table[i];
    }
    return family;
}

bool
fluss_setting_is_secret(const char *key)
{
    static const char *const parts[] = {
        "password",    "secret",     "fs.azure.account.key", "apikey",      "api-key",      "auth-params",
        "service-key", "token",      "basic-auth",           "jaas.config", "http-headers", "private.key",
        "private-key", "access.key", "access-key",           "access_key",  "accesskey",    "plain.credentials",
        "credential"};
    for (size_t i = 0; i < SLU_COUNT_OF(parts); i++)
        if (strcasestr(key, parts[i]) != NULL)
            return true;
    return false;
}

const char *
fluss_setting_kind_name(fluss_setting_kind kind)
{
    switch (kind) {
    case FLUSS_SETTING_LIST: return "list";
    case FLUSS_SETTING_MAP: return "map";
    case FLUSS_SETTING_CHOICE: return "choice";
    case FLUSS_SETTING_WHOLE: return "number";
    case FLUSS_SETTING_FRACTION: return "fraction";
    case FLUSS_SETTING_TRUTH: return "true|false";
    case FLUSS_SETTING_DURATION: return "duration";
    case FLUSS_SETTING_SIZE: return "size";
    default: return "text";
    }
}
