/*
 * Ddl.java: requests that make, change and drop things, most of them wrong, and what a server answers: error code and text, or the
 * descriptor it keeps. Run as a source file:
 *
 *     java -cp 'JARS/*' Ddl.java record HOST:PORT FILE     against a real cluster: writes FILE
 *     java -cp 'JARS/*' Ddl.java judge HOST:PORT FILE      against any other: compares, prints what differs, fails if something does
 *
 * A line of FILE: NAME, API, REQUEST (hex of the message), CODE, ANSWER, apart by tabs; a newline in an answer is written \n. The
 * requests are sent in this order to one server, which begins empty. ANSWER is the error's text (code not 0), the JSON kept (GET_*), or
 * names (LIST_*). The plain test tests/golden/fluss/ddl_golden_test.c sends the recorded requests without Java.
 */
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;

import org.apache.fluss.client.Connection;
import org.apache.fluss.client.ConnectionFactory;
import org.apache.fluss.client.admin.FlussAdmin;
import org.apache.fluss.config.Configuration;
import org.apache.fluss.rpc.gateway.AdminGateway;
import org.apache.fluss.rpc.messages.*;
import org.apache.fluss.rpc.protocol.ApiKeys;
import org.apache.fluss.rpc.protocol.Errors;

public class Ddl {
    static class Case {
        String name;
        ApiKeys api;
        ApiMessage message;
    }

    static final List<Case> cases = new ArrayList<>();

    static void add(String name, ApiKeys api, ApiMessage message) {
        Case one = new Case();
        one.name = name;
        one.api = api;
        one.message = message;
        cases.add(one);
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    // ---- words for requests ----

    static void createDatabase(String name, String database, String json, boolean ignore) {
        CreateDatabaseRequest r = new CreateDatabaseRequest().setDatabaseName(database).setIgnoreIfExists(ignore);
        if (json != null)
            r.setDatabaseJson(utf8(json));
        add(name, ApiKeys.CREATE_DATABASE, r);
    }

    static void dropDatabase(String name, String database, boolean ignore, boolean cascade) {
        add(name, ApiKeys.DROP_DATABASE,
                new DropDatabaseRequest().setDatabaseName(database).setIgnoreIfNotExists(ignore).setCascade(cascade));
    }

    static PbTablePath path(String database, String table) {
        return new PbTablePath().setDatabaseName(database).setTableName(table);
    }

    static String lastTable;
    static int tables;

    /** Creates a table with this descriptor; when it was meant to work, its JSON is asked for too. */
    static void create(String name, String json) {
        lastTable = "t" + tables++;
        add(name, ApiKeys.CREATE_TABLE, new CreateTableRequest().setTablePath(path("ddl", lastTable)).setTableJson(utf8(json)).setIgnoreIfExists(false));
    }

    static void good(String name, String json) {
        create(name, json);
        info(name + "-kept", "ddl", lastTable);
    }

    static void info(String name, String database, String table) {
        add(name, ApiKeys.GET_TABLE_INFO, new GetTableInfoRequest().setTablePath(path(database, table)));
    }

    static String column(String name, String type) {
        return "{\"name\":\"" + name + "\",\"data_type\":" + (type.startsWith("{") ? type : "{\"type\":\"" + type + "\"}") + "}";
    }

    static String pk(String... names) {
        return names.length == 0 ? "" : ",\"primary_key\":" + list(names);
    }

    static String list(String... names) {
        StringBuilder text = new StringBuilder("[");
        for (String name : names)
            text.append(text.length() > 1 ? "," : "").append('"').append(name).append('"');
        return text + "]";
    }

    static String map(String... pairs) {
        StringBuilder text = new StringBuilder("{");
        for (int i = 0; i + 1 < pairs.length; i += 2)
            text.append(i > 0 ? "," : "").append('"').append(pairs[i]).append("\":\"").append(pairs[i + 1]).append('"');
        return text + "}";
    }

    static final String A = column("a", "INTEGER"), B = column("b", "STRING"), C = column("c", "BIGINT");
    static final String LISTED = "{\"type\":\"ARRAY\",\"element_type\":{\"type\":\"INTEGER\"}}";
    static final String MAPPED = "{\"type\":\"MAP\",\"key_type\":{\"type\":\"STRING\"},\"value_type\":{\"type\":\"INTEGER\"}}";
    static final String ROWED_IDS = "{\"type\":\"ROW\",\"fields\":[{\"name\":\"x\",\"field_type\":{\"type\":\"INTEGER\"},\"field_id\":1},"
            + "{\"name\":\"y\",\"field_type\":{\"type\":\"ARRAY\",\"element_type\":{\"type\":\"STRING\"}},\"field_id\":2}]}";
    static final String ROWED = "{\"type\":\"ROW\",\"fields\":[{\"name\":\"x\",\"field_type\":{\"type\":\"INTEGER\"},\"description\":\"first\"},"
            + "{\"name\":\"y\",\"field_type\":{\"type\":\"STRING\"}}]}";

    static String schema(String columns, String more) {
        return "{\"version\":1,\"columns\":[" + columns + "]" + more + "}";
    }

    static String table(String schema, String partitions, String bucketKey, String count, String properties, String custom) {
        return "{\"version\":1,\"schema\":" + schema + ",\"partition_key\":" + partitions
                + (bucketKey == null ? "" : ",\"bucket_key\":" + bucketKey) + (count == null ? "" : ",\"bucket_count\":" + count)
                + ",\"properties\":" + properties + ",\"custom_properties\":" + custom + "}";
    }

    static String log(String columns, String... properties) {
        return table(schema(columns, ""), "[]", "[]", "1", map(properties), "{}");
    }

    static String keyed(String... properties) {
        return table(schema(A + "," + B + "," + C, pk("a")), "[]", "[\"a\"]", "1", map(properties), "{}");
    }

    static void alter(String name, String table, boolean ignore, Consumer<AlterTableRequest> fill) {
        AlterTableRequest r = new AlterTableRequest().setTablePath(path("ddl", table)).setIgnoreIfNotExists(ignore);
        fill.accept(r);
        add(name, ApiKeys.ALTER_TABLE, r);
    }

    static void set(AlterTableRequest r, String key, String value) {
        r.addConfigChange().setConfigKey(key).setConfigValue(value).setOpType(0);
    }

    static void reset(AlterTableRequest r, String key) {
        r.addConfigChange().setConfigKey(key).setOpType(1);
    }

    static void addColumn(AlterTableRequest r, String name, String type, int position) {
        r.addAddColumn().setColumnName(name).setDataTypeJson(utf8(type)).setColumnPositionType(position);
    }

    static PbPartitionSpec spec(String... pairs) {
        PbPartitionSpec spec = new PbPartitionSpec();
        for (int i = 0; i + 1 < pairs.length; i += 2)
            spec.addPartitionKeyValue().setKey(pairs[i]).setValue(pairs[i + 1]);
        return spec;
    }

    static void createPartition(String name, String table, boolean ignore, String... pairs) {
        add(name, ApiKeys.CREATE_PARTITION, new CreatePartitionRequest().setTablePath(path("ddl", table)).setPartitionSpec(spec(pairs))
                .setIgnoreIfNotExists(ignore));
    }

    static void dropPartition(String name, String table, boolean ignore, String... pairs) {
        add(name, ApiKeys.DROP_PARTITION, new DropPartitionRequest().setTablePath(path("ddl", table)).setPartitionSpec(spec(pairs))
                .setIgnoreIfNotExists(ignore));
    }

    static void listPartitions(String name, String table, String... pairs) {
        ListPartitionInfosRequest r = new ListPartitionInfosRequest().setTablePath(path("ddl", table));
        if (pairs.length != 0)
            r.setPartialPartitionSpec(spec(pairs));
        add(name, ApiKeys.LIST_PARTITION_INFOS, r);
    }

    static String repeat(String text, int times) {
        return String.join("", java.util.Collections.nCopies(times, text));
    }

    // ---- the requests ----

    static final String[] BAD_NAMES = {"", ".", "..", "a b", "a.b", "a/b", "\u00e9", "__x", repeat("n", 201)};

    static void databases() {
        createDatabase("database", "ddl", null, false);
        createDatabase("database-again", "ddl", null, false);
        createDatabase("database-again-ignored", "ddl", null, true);
        for (int i = 0; i < BAD_NAMES.length; i++)
            createDatabase("database-name-" + i, BAD_NAMES[i], null, false);
        createDatabase("database-longest-name", repeat("n", 200), null, false);
        createDatabase("database-json", "second", "{\"version\":1,\"comment\":\"a \\\"comment\\\"\",\"custom_properties\":{\"k\":\"v\",\"table.x\":\"y\"}}",
                false);
        createDatabase("database-json-garbage", "third", "{", false);
        createDatabase("database-json-empty", "third", "{}", false);
        createDatabase("database-json-list", "third", "[]", false);
        add("database-info", ApiKeys.GET_DATABASE_INFO, new GetDatabaseInfoRequest().setDatabaseName("second"));
        add("database-info-plain", ApiKeys.GET_DATABASE_INFO, new GetDatabaseInfoRequest().setDatabaseName("ddl"));
        add("database-info-missing", ApiKeys.GET_DATABASE_INFO, new GetDatabaseInfoRequest().setDatabaseName("nowhere"));
        add("database-info-bad-name", ApiKeys.GET_DATABASE_INFO, new GetDatabaseInfoRequest().setDatabaseName("a b"));
        add("database-exists", ApiKeys.DATABASE_EXISTS, new DatabaseExistsRequest().setDatabaseName("second"));
        add("database-exists-missing", ApiKeys.DATABASE_EXISTS, new DatabaseExistsRequest().setDatabaseName("nowhere"));
        add("tables-of-missing", ApiKeys.LIST_TABLES, new ListTablesRequest().setDatabaseName("nowhere"));
        dropDatabase("drop-database-missing", "nowhere", false, false);
        dropDatabase("drop-database-missing-ignored", "nowhere", true, false);
        dropDatabase("drop-database-bad-name", "a b", false, false);
        dropDatabase("drop-database", repeat("n", 200), false, false);
        add("databases", ApiKeys.LIST_DATABASES, new ListDatabasesRequest());
    }

    static void paths() {
        add("table-in-missing-database", ApiKeys.CREATE_TABLE,
                new CreateTableRequest().setTablePath(path("nowhere", "t")).setTableJson(utf8(log(A))).setIgnoreIfExists(false));
        for (int i = 0; i < BAD_NAMES.length; i++)
            add("table-name-" + i, ApiKeys.CREATE_TABLE,
                    new CreateTableRequest().setTablePath(path("ddl", BAD_NAMES[i])).setTableJson(utf8(log(A))).setIgnoreIfExists(false));
        add("table-database-name", ApiKeys.CREATE_TABLE,
                new CreateTableRequest().setTablePath(path("a b", "t")).setTableJson(utf8(log(A))).setIgnoreIfExists(false));
        add("table-first", ApiKeys.CREATE_TABLE,
                new CreateTableRequest().setTablePath(path("ddl", "first")).setTableJson(utf8(log(A))).setIgnoreIfExists(false));
        add("table-again", ApiKeys.CREATE_TABLE,
                new CreateTableRequest().setTablePath(path("ddl", "first")).setTableJson(utf8(log(A))).setIgnoreIfExists(false));
        add("table-again-ignored", ApiKeys.CREATE_TABLE,
                new CreateTableRequest().setTablePath(path("ddl", "first")).setTableJson(utf8(log(B))).setIgnoreIfExists(true));
        add("table-again-ignored-but-bad", ApiKeys.CREATE_TABLE,
                new CreateTableRequest().setTablePath(path("ddl", "first")).setTableJson(utf8(log(A, "table.x", "1"))).setIgnoreIfExists(true));
        add("table-again-ignored-unreadable", ApiKeys.CREATE_TABLE,
                new CreateTableRequest().setTablePath(path("ddl", "first")).setTableJson(utf8("{")).setIgnoreIfExists(true));
        info("info-missing", "ddl", "nothing");
        info("info-missing-database", "nowhere", "nothing");
        info("info-bad-name", "ddl", "a b");
        add("schema", ApiKeys.GET_TABLE_SCHEMA, new GetTableSchemaRequest().setTablePath(path("ddl", "first")));
        add("schema-1", ApiKeys.GET_TABLE_SCHEMA, new GetTableSchemaRequest().setTablePath(path("ddl", "first")).setSchemaId(1));
        add("schema-9", ApiKeys.GET_TABLE_SCHEMA, new GetTableSchemaRequest().setTablePath(path("ddl", "first")).setSchemaId(9));
        add("schema-missing", ApiKeys.GET_TABLE_SCHEMA, new GetTableSchemaRequest().setTablePath(path("ddl", "nothing")));
        add("exists", ApiKeys.TABLE_EXISTS, new TableExistsRequest().setTablePath(path("ddl", "first")));
        add("exists-not", ApiKeys.TABLE_EXISTS, new TableExistsRequest().setTablePath(path("ddl", "nothing")));
        add("exists-bad-name", ApiKeys.TABLE_EXISTS, new TableExistsRequest().setTablePath(path("ddl", "a b")));
        add("drop-missing", ApiKeys.DROP_TABLE, new DropTableRequest().setTablePath(path("ddl", "nothing")).setIgnoreIfNotExists(false));
        add("drop-missing-ignored", ApiKeys.DROP_TABLE, new DropTableRequest().setTablePath(path("ddl", "nothing")).setIgnoreIfNotExists(true));
        add("drop-missing-database", ApiKeys.DROP_TABLE, new DropTableRequest().setTablePath(path("nowhere", "nothing")).setIgnoreIfNotExists(false));
        add("drop-bad-name", ApiKeys.DROP_TABLE, new DropTableRequest().setTablePath(path("ddl", "a b")).setIgnoreIfNotExists(false));
    }

    static void shapes() {
        create("json-cut", "{");
        create("json-list", "[]");
        create("json-empty", "{}");
        create("json-text", "nonsense");
        create("json-no-schema", "{\"version\":1,\"partition_key\":[],\"properties\":{},\"custom_properties\":{}}");
        create("json-no-columns", table("{\"version\":1}", "[]", "[]", "1", "{}", "{}"));
        create("json-no-partition-key", "{\"version\":1,\"schema\":" + schema(A, "") + ",\"properties\":{},\"custom_properties\":{}}");
        create("json-no-properties", "{\"version\":1,\"schema\":" + schema(A, "") + ",\"partition_key\":[],\"custom_properties\":{}}");
        create("json-no-custom", "{\"version\":1,\"schema\":" + schema(A, "") + ",\"partition_key\":[],\"properties\":{}}");
        create("json-version-2", "{\"version\":2,\"schema\":" + schema(A, "") + ",\"partition_key\":[],\"properties\":{},\"custom_properties\":{}}");
        create("json-count-without-key", table(schema(A, ""), "[]", null, "1", "{}", "{}"));
        create("json-key-without-count", table(schema(A, ""), "[]", "[\"a\"]", null, "{}", "{}"));
        good("no-distribution", table(schema(A, ""), "[]", null, null, "{}", "{}"));
        good("no-distribution-keyed", table(schema(A, pk("a")), "[]", null, null, "{}", "{}"));
        create("no-columns", log(""));
        create("column-without-name", log("{\"data_type\":{\"type\":\"INTEGER\"}}"));
        create("column-without-type", log("{\"name\":\"a\"}"));
        create("column-twice", log(A + "," + A));
        create("columns-twice", log(A + "," + B + "," + B + "," + A));
        create("column-empty-name", log(column("", "INTEGER")));
        good("column-blank-name", log(column(" ", "INTEGER")));
        create("key-missing", table(schema(A, pk("z")), "[]", "[]", "1", "{}", "{}"));
        create("key-empty", table(schema(A, ",\"primary_key\":[]"), "[]", "[]", "1", "{}", "{}"));
        create("key-twice", table(schema(A, pk("a", "a")), "[]", "[]", "1", "{}", "{}"));
        for (String type : new String[] {LISTED, MAPPED, ROWED}) {
            create("key-nested", table(schema(column("n", type) + "," + A, pk("n")), "[]", "[]", "1", "{}", "{}"));
            create("bucket-key-nested", table(schema(column("n", type) + "," + A, ""), "[]", "[\"n\"]", "1", "{}", "{}"));
            create("partition-key-nested", table(schema(column("n", type) + "," + A, ""), "[\"n\"]", "[]", "1", "{}", "{}"));
        }
        create("bucket-key-missing", table(schema(A, ""), "[]", "[\"z\"]", "1", "{}", "{}"));
        create("bucket-key-twice", table(schema(A, ""), "[]", "[\"a\",\"a\"]", "1", "{}", "{}"));
        create("bucket-key-outside-key", table(schema(A + "," + B, pk("a")), "[]", "[\"b\"]", "1", "{}", "{}"));
        create("bucket-key-is-partition-key", table(schema(A + "," + B, pk("a", "b")), "[\"b\"]", "[\"b\"]", "1", "{}", "{}"));
        create("log-bucket-key-is-partition-key", table(schema(A + "," + B, ""), "[\"b\"]", "[\"b\"]", "1", "{}", "{}"));
        create("partition-key-missing", table(schema(A, ""), "[\"z\"]", "[]", "1", "{}", "{}"));
        create("partition-key-twice", table(schema(A + "," + B, ""), "[\"b\",\"b\"]", "[]", "1", "{}", "{}"));
        create("partition-key-outside-key", table(schema(A + "," + B, pk("a")), "[\"b\"]", "[\"a\"]", "1", "{}", "{}"));
        create("partition-key-is-key", table(schema(A + "," + B, pk("b")), "[\"b\"]", "[]", "1", "{}", "{}"));
        create("partition-key-is-key-bucketed", table(schema(A + "," + B, pk("b")), "[\"b\"]", "[\"b\"]", "1", "{}", "{}"));
        for (String type : new String[] {"BOOLEAN", "TINYINT", "SMALLINT", "BIGINT", "FLOAT", "DOUBLE", "DATE", "BYTES",
                "{\"type\":\"DECIMAL\",\"precision\":5,\"scale\":2}", "{\"type\":\"CHAR\",\"length\":3}", "{\"type\":\"BINARY\",\"length\":3}",
                "{\"type\":\"TIME_WITHOUT_TIME_ZONE\",\"precision\":3}", "{\"type\":\"TIMESTAMP_WITHOUT_TIME_ZONE\",\"precision\":3}",
                "{\"type\":\"TIMESTAMP_WITH_LOCAL_TIME_ZONE\",\"precision\":3}"})
            create("partition-key-type", table(schema(A + "," + column("p", type), ""), "[\"p\"]", "[]", "1", "{}", "{}"));
        create("buckets-0", table(schema(A, ""), "[]", "[]", "0", "{}", "{}"));
        create("buckets-negative", table(schema(A, ""), "[]", "[]", "-1", "{}", "{}"));
        create("buckets-many", table(schema(A, ""), "[]", "[]", "128001", "{}", "{}"));
        create("system-column", log(column("__offset", "BIGINT")));
        create("system-columns", log(column("_change_type", "BIGINT") + "," + A + "," + column("__bucket", "INTEGER")));
        good("sub-keys", table(schema(A + "," + B + "," + C, pk("a", "b", "c")), "[\"b\"]", "[\"c\"]", "3", "{}", "{\"k\":\"v\",\"client.x\":\"1\"}"));
        good("comments", "{\"version\":1,\"schema\":{\"version\":1,\"columns\":[{\"name\":\"a\",\"data_type\":{\"type\":\"INTEGER\"},\"comment\":\"of a\"}]},"
                + "\"comment\":\"of the table\",\"partition_key\":[],\"bucket_key\":[],\"bucket_count\":2,\"properties\":{},\"custom_properties\":{}}");
        String r = "{\"name\":\"r\",\"data_type\":" + ROWED_IDS + ",\"id\":0}", a = "{\"name\":\"a\",\"data_type\":{\"type\":\"INTEGER\"},\"id\":3}";
        for (String key : new String[] {"r", "a"}) {
            good("nested-ids-key-" + key, table(schema(r + "," + a, ",\"highest_field_id\":3" + pk(key)), "[]", list(key), "1", "{}", "{}"));
            good("nested-ids-bucket-key-" + key, table(schema(r + "," + a, ",\"highest_field_id\":3"), "[]", list(key), "1", "{}", "{}"));
        }
        create("nested-ids-key-only", table(schema(r + "," + a, ",\"highest_field_id\":3" + pk("a", "r")), "[]", "[\"a\"]", "1", "{}", "{}"));
        create("nested-no-ids", log(column("r", ROWED) + "," + column("m", MAPPED) + "," + column("l", LISTED) + "," + A));
        create("nested-no-ids-keyed", table(schema(A + "," + column("r", ROWED) + "," + column("l", LISTED), pk("a")), "[]", "[\"a\"]", "1", "{}", "{}"));
    }

    static void types() {
        String[] bad = {"{\"type\":\"CHAR\",\"length\":0}", "{\"type\":\"CHAR\",\"length\":-1}", "{\"type\":\"CHAR\"}", "{\"type\":\"BINARY\",\"length\":0}",
                "{\"type\":\"DECIMAL\",\"precision\":39,\"scale\":0}", "{\"type\":\"DECIMAL\",\"precision\":0,\"scale\":0}",
                "{\"type\":\"DECIMAL\",\"precision\":5,\"scale\":6}", "{\"type\":\"DECIMAL\",\"precision\":5,\"scale\":-1}",
                "{\"type\":\"TIME_WITHOUT_TIME_ZONE\",\"precision\":10}", "{\"type\":\"TIMESTAMP_WITHOUT_TIME_ZONE\",\"precision\":10}",
                "{\"type\":\"TIMESTAMP_WITHOUT_TIME_ZONE\",\"precision\":-1}", "{\"type\":\"TIMESTAMP_WITH_LOCAL_TIME_ZONE\",\"precision\":10}",
                "{\"type\":\"VARIANT\"}", "{\"type\":\"INT\"}", "{}", "{\"type\":\"ROW\",\"fields\":[]}",
                "{\"type\":\"ROW\",\"fields\":[{\"name\":\"x\",\"field_type\":{\"type\":\"INTEGER\"}},{\"name\":\"x\",\"field_type\":{\"type\":\"INTEGER\"}}]}",
                "{\"type\":\"ROW\",\"fields\":[{\"name\":\" \",\"field_type\":{\"type\":\"INTEGER\"}}]}"};
        for (int i = 0; i < bad.length; i++)
            create("type-" + i, log(column("a", bad[i])));
        String at = "{\"name\":\"%s\",\"data_type\":{\"type\":\"INTEGER\"},\"id\":%d}";
        create("ids-some", log(String.format(at, "a", 0) + "," + B));
        create("ids-twice", table(schema(String.format(at, "a", 0) + "," + String.format(at, "b", 0), ",\"highest_field_id\":1"), "[]", "[]", "1", "{}", "{}"));
        create("ids-above-highest", table(schema(String.format(at, "a", 0) + "," + String.format(at, "b", 5), ",\"highest_field_id\":1"), "[]", "[]", "1", "{}", "{}"));
        create("ids-without-highest", log(String.format(at, "a", 3) + "," + String.format(at, "b", 7)));
        info("ids-without-highest-kept", "ddl", lastTable);
        good("ids-sparse", table(schema(String.format(at, "a", 3) + "," + String.format(at, "b", 7), ",\"highest_field_id\":9"), "[]", "[]", "1", "{}", "{}"));
    }

    static void properties() {
        create("property-unknown", log(A, "table.unknown", "1"));
        create("property-foreign", log(A, "foreign", "1"));
        create("property-client", log(A, "client.scanner.x", "1"));
        create("property-bool", log(A, "table.datalake.auto-compaction", "yes"));
        create("property-int", log(A, "table.replication.factor", "x"));
        create("property-int-large", log(A, "table.replication.factor", "3000000000"));
        create("property-duration-without-unit", log(A, "table.log.ttl", "seven"));
        create("property-duration-unknown-unit", log(A, "table.log.ttl", "7 fortnights"));
        create("property-duration-negative", log(A, "table.log.ttl", "-1 d"));
        create("property-duration-empty", log(A, "table.log.ttl", ""));
        create("property-duration-large", log(A, "table.log.ttl", "99999999999999999999 d"));
        good("property-duration-bare", log(A, "table.log.ttl", "86400000"));
        good("property-duration", log(A, "table.log.ttl", "7 D"));
        create("property-enum", log(A, "table.log.format", "avro"));
        create("property-enum-compression", log(A, "table.log.arrow.compression.type", "gzip"));
        create("property-enum-unit", log(A, "table.auto-partition.time-unit", "minute"));
        create("property-enum-lake", log(A, "table.datalake.format", "delta"));
        create("property-enum-image", log(A, "table.changelog.image", "half"));
        create("property-enum-engine", keyed("table.merge-engine", "newest"));
        create("property-enum-kv", keyed("table.kv.format", "arrow"));
        create("property-enum-delete", keyed("table.delete.behavior", "never"));
        create("property-two-bad", log(A, "table.log.ttl", "x", "table.replication.factor", "y"));
        good("property-enum-lower", log(A, "table.log.format", "indexed", "table.log.arrow.compression.type", "none"));
        create("replication-0", log(A, "table.replication.factor", "0"));
        create("replication-negative", log(A, "table.replication.factor", "-1"));
        good("log-compacted", log(A, "table.log.format", "COMPACTED"));
        create("log-indexed-keyed", keyed("table.log.format", "INDEXED"));
        good("log-compacted-keyed", keyed("table.log.format", "COMPACTED"));
        good("log-indexed-kv-indexed", keyed("table.log.format", "INDEXED", "table.kv.format", "INDEXED"));
        good("log-compacted-kv-indexed", keyed("table.log.format", "COMPACTED", "table.kv.format", "INDEXED"));
        create("zstd-0", log(A, "table.log.arrow.compression.zstd.level", "0"));
        create("zstd-23", log(A, "table.log.arrow.compression.zstd.level", "23"));
        create("zstd-lz4", log(A, "table.log.arrow.compression.zstd.level", "0", "table.log.arrow.compression.type", "LZ4_FRAME"));
        create("zstd-indexed", log(A, "table.log.arrow.compression.zstd.level", "23", "table.log.format", "INDEXED"));
        create("tiered-segments-0", log(A, "table.log.tiered.local-segments", "0"));
        create("kv-version-0", keyed("table.kv.format-version", "0"));
        good("kv-version-1", keyed("table.kv.format-version", "1"));
        create("kv-version-3", keyed("table.kv.format-version", "3"));
        create("kv-version-log", log(A, "table.kv.format-version", "1"));
        create("kv-format-log", log(A, "table.kv.format", "INDEXED"));
        good("image-log", log(A, "table.changelog.image", "WAL"));
        good("image-wal", keyed("table.changelog.image", "wal"));
        create("engine-log", log(A, "table.merge-engine", "first_row"));
        create("versioned-without-column", keyed("table.merge-engine", "versioned"));
        create("versioned-missing-column", keyed("table.merge-engine", "versioned", "table.merge-engine.versioned.ver-column", "z"));
        create("versioned-wrong-type", keyed("table.merge-engine", "versioned", "table.merge-engine.versioned.ver-column", "b"));
        good("versioned", keyed("table.merge-engine", "versioned", "table.merge-engine.versioned.ver-column", "c"));
        good("first-row", keyed("table.merge-engine", "first_row"));
        good("first-row-disable", keyed("table.merge-engine", "FIRST_ROW", "table.delete.behavior", "disable"));
        create("first-row-allow", keyed("table.merge-engine", "first_row", "table.delete.behavior", "allow"));
        create("versioned-allow", keyed("table.merge-engine", "versioned", "table.merge-engine.versioned.ver-column", "c", "table.delete.behavior", "ALLOW"));
        create("delete-log", log(A, "table.delete.behavior", "IGNORE"));
        good("lake-format-only", log(A, "table.datalake.format", "paimon"));
        create("lake-enabled", log(A, "table.datalake.enabled", "true"));
        good("lake-disabled", log(A, "table.datalake.enabled", "false"));
        create("lake-freshness-bad", log(A, "table.datalake.freshness", "soon"));
    }

    static void aggregation() {
        String f = "{\"name\":\"c\",\"data_type\":{\"type\":\"%s\"},\"agg_function\":{\"type\":\"%s\"%s}}";
        String[][] all = {{"BIGINT", "sum", ""}, {"STRING", "sum", ""}, {"BOOLEAN", "bool_and", ""}, {"BIGINT", "bool_or", ""}, {"STRING", "listagg", ""},
                {"STRING", "listagg", ",\"parameters\":{\"delimiter\":\"\"}"}, {"STRING", "listagg", ",\"parameters\":{\"delimiter\":\";\"}"},
                {"STRING", "max", ""}, {"BYTES", "max", ""}, {"BYTES", "rbm32", ""}, {"STRING", "rbm64", ""}, {"BIGINT", "median", ""},
                {"BIGINT", "sum", ",\"parameters\":{\"x\":\"1\"}"}, {"INTEGER", "SUM", ""}, {"DOUBLE", "product", ""}, {"DATE", "product", ""},
                {"INTEGER", "last_value", ""}, {"INTEGER", "string_agg", ""}};
        for (int i = 0; i < all.length; i++)
            create("aggregate-" + i, table(schema(A + "," + String.format(f, all[i][0], all[i][1], all[i][2]), pk("a")), "[]", "[\"a\"]", "1",
                    map("table.merge-engine", "aggregation"), "{}"));
        create("aggregate-plain", table(schema(A + "," + String.format(f, "BIGINT", "sum", ""), pk("a")), "[]", "[\"a\"]", "1", "{}", "{}"));
        create("aggregate-log", log(A + "," + String.format(f, "BIGINT", "sum", "")));
        create("aggregate-of-key", table(schema(B + "," + String.format(f, "BIGINT", "sum", ""), pk("c")), "[]", "[\"c\"]", "1",
                map("table.merge-engine", "aggregation"), "{}"));
        create("aggregate-wal", keyed("table.merge-engine", "aggregation", "table.changelog.image", "WAL"));
        create("aggregate-allow", keyed("table.merge-engine", "aggregation", "table.delete.behavior", "ALLOW"));
        String auto = ",\"auto_increment_column\":[%s]";
        create("auto-increment-missing", table(schema(A + "," + C, pk("a") + String.format(auto, "\"z\"")), "[]", "[\"a\"]", "1", "{}", "{}"));
        create("auto-increment-key", table(schema(A + "," + C, pk("a") + String.format(auto, "\"a\"")), "[]", "[\"a\"]", "1", "{}", "{}"));
        create("auto-increment-type", table(schema(A + "," + B, pk("a") + String.format(auto, "\"b\"")), "[]", "[\"a\"]", "1", "{}", "{}"));
        create("auto-increment-log", table(schema(A + "," + C, String.format(auto, "\"c\"")), "[]", "[]", "1", "{}", "{}"));
        create("auto-increment-two", table(schema(A + "," + C + "," + column("d", "BIGINT"), pk("a") + String.format(auto, "\"c\",\"d\"")), "[]", "[\"a\"]", "1", "{}", "{}"));
        create("auto-increment-cache", table(schema(A + "," + C, pk("a") + String.format(auto, "\"c\"")), "[]", "[\"a\"]", "1",
                map("table.auto-increment.cache-size", "0"), "{}"));
    }

    static void autoPartitions() {
        String columns = schema(A + "," + B + "," + column("p", "STRING"), ""), enabled = "table.auto-partition.enabled";
        create("auto-unpartitioned", table(columns, "[]", "[]", "1", map(enabled, "true", "table.auto-partition.time-unit", "day"), "{}"));
        create("auto-two-keys", table(columns, "[\"b\",\"p\"]", "[]", "1", map(enabled, "true", "table.auto-partition.time-unit", "day"), "{}"));
        create("auto-other-key", table(columns, "[\"b\",\"p\"]", "[]", "1",
                map(enabled, "true", "table.auto-partition.time-unit", "day", "table.auto-partition.key", "a"), "{}"));
        create("auto-precreate", table(columns, "[\"b\",\"p\"]", "[]", "1",
                map(enabled, "true", "table.auto-partition.time-unit", "day", "table.auto-partition.key", "p", "table.auto-partition.num-precreate", "2"), "{}"));
        create("auto-zone", table(columns, "[\"p\"]", "[]", "1",
                map(enabled, "true", "table.auto-partition.time-zone", "Middle/Earth"), "{}"));
        create("auto-zone-disabled", table(columns, "[\"p\"]", "[]", "1", map("table.auto-partition.time-zone", "Middle/Earth"), "{}"));
        create("auto-int-key", table(columns, "[\"a\"]", "[]", "1", map(enabled, "true", "table.auto-partition.time-unit", "day", "table.auto-partition.num-precreate", "0"), "{}"));
        create("auto-retention", table(columns, "[\"p\"]", "[]", "1", map("table.auto-partition.num-retention", "x"), "{}"));
        create("auto-key-disabled", table(columns, "[\"p\"]", "[]", "1", map("table.auto-partition.key", "a"), "{}"));
    }

    static void partitions() {
        add("partitioned", ApiKeys.CREATE_TABLE, new CreateTableRequest().setTablePath(path("ddl", "parts"))
                .setTableJson(utf8(table(schema(A + "," + B + "," + column("p", "STRING"), ""), "[\"b\",\"p\"]", "[]", "1", "{}", "{}"))).setIgnoreIfExists(false));
        createPartition("partition-of-plain", "first", false, "b", "x");
        createPartition("partition-of-missing", "nothing", false, "b", "x");
        createPartition("partition-few-keys", "parts", false, "b", "x");
        createPartition("partition-many-keys", "parts", false, "b", "x", "p", "y", "q", "z");
        createPartition("partition-other-key", "parts", false, "b", "x", "q", "y");
        createPartition("partition-no-keys", "parts", false);
        for (int i = 0; i < BAD_NAMES.length; i++)
            createPartition("partition-value-" + i, "parts", false, "b", "x", "p", BAD_NAMES[i]);
        createPartition("partition", "parts", false, "p", "y", "b", "x");
        createPartition("partition-again", "parts", false, "b", "x", "p", "y");
        createPartition("partition-again-ignored", "parts", true, "b", "x", "p", "y");
        createPartition("partition-second", "parts", false, "b", "x", "p", "z");
        createPartition("partition-third", "parts", false, "b", "w", "p", "y");
        listPartitions("partitions", "parts");
        listPartitions("partitions-some", "parts", "b", "x");
        listPartitions("partitions-none", "parts", "b", "nothing");
        listPartitions("partitions-other-key", "parts", "q", "x");
        listPartitions("partitions-bad-value", "parts", "b", "a b");
        listPartitions("partitions-of-plain", "first");
        listPartitions("partitions-of-missing", "nothing");
        dropPartition("drop-partition-of-plain", "first", false, "b", "x");
        dropPartition("drop-partition-of-missing", "nothing", false, "b", "x");
        dropPartition("drop-partition-few-keys", "parts", false, "b", "x");
        dropPartition("drop-partition-missing", "parts", false, "b", "x", "p", "missing");
        dropPartition("drop-partition-missing-ignored", "parts", true, "b", "x", "p", "missing");
        dropPartition("drop-partition-value", "parts", false, "b", "x", "p", "a b");
        dropPartition("drop-partition", "parts", false, "b", "x", "p", "y");
        listPartitions("partitions-left", "parts");
    }

    static void alters() {
        add("altered", ApiKeys.CREATE_TABLE, new CreateTableRequest().setTablePath(path("ddl", "alter")).setTableJson(utf8(keyed())).setIgnoreIfExists(false));
        add("altered-lake", ApiKeys.CREATE_TABLE, new CreateTableRequest().setTablePath(path("ddl", "laked"))
                .setTableJson(utf8(keyed("table.datalake.format", "paimon"))).setIgnoreIfExists(false));
        alter("alter-nothing", "alter", false, r -> { });
        alter("alter-missing", "nothing", false, r -> set(r, "k", "v"));
        alter("alter-missing-ignored", "nothing", true, r -> set(r, "k", "v"));
        alter("alter-missing-column", "nothing", false, r -> addColumn(r, "z", "{\"type\":\"INTEGER\"}", 0));
        alter("alter-missing-column-ignored", "nothing", true, r -> addColumn(r, "z", "{\"type\":\"INTEGER\"}", 0));
        alter("alter-missing-nothing", "nothing", false, r -> { });
        alter("alter-bad-name", "a b", false, r -> set(r, "k", "v"));
        alter("alter-both", "alter", false, r -> {
            set(r, "k", "v");
            addColumn(r, "z", "{\"type\":\"INTEGER\"}", 0);
        });
        alter("alter-custom", "alter", false, r -> {
            set(r, "k", "v");
            set(r, "client.k", "w");
            set(r, "gone", "soon");
        });
        alter("alter-custom-reset", "alter", false, r -> reset(r, "gone"));
        alter("alter-custom-reset-missing", "alter", false, r -> reset(r, "never"));
        alter("alter-set-and-reset", "alter", false, r -> {
            set(r, "both", "v");
            reset(r, "both");
        });
        info("altered-custom", "ddl", "alter");
        alter("alter-unknown", "alter", false, r -> set(r, "table.unknown", "1"));
        alter("alter-fixed", "alter", false, r -> set(r, "table.replication.factor", "2"));
        alter("alter-fixed-two", "alter", false, r -> {
            set(r, "table.kv.format", "INDEXED");
            set(r, "table.log.ttl", "1 d");
        });
        alter("alter-fixed-reset", "alter", false, r -> reset(r, "table.log.format"));
        for (String key : new String[] {"table.log.ttl", "table.merge-engine", "table.delete.behavior", "table.auto-partition.enabled", "table.auto-partition.num-retention",
                "table.log.arrow.compression.type", "table.changelog.image", "table.datalake.auto-compaction", "table.datalake.auto-expire-snapshot", "table.datalake.format"})
            alter("alter-may-" + key, "alter", false, r -> set(r, key, "1"));
        alter("alter-segments", "alter", false, r -> set(r, "table.log.tiered.local-segments", "5"));
        alter("alter-segments-0", "alter", false, r -> set(r, "table.log.tiered.local-segments", "0"));
        alter("alter-segments-text", "alter", false, r -> set(r, "table.log.tiered.local-segments", "x"));
        info("altered-segments", "ddl", "alter");
        alter("alter-segments-reset", "alter", false, r -> reset(r, "table.log.tiered.local-segments"));
        alter("alter-freshness", "alter", false, r -> set(r, "table.datalake.freshness", "1min"));
        alter("alter-lake", "alter", false, r -> set(r, "table.datalake.enabled", "true"));
        alter("alter-lake-two", "alter", false, r -> {
            set(r, "table.datalake.enabled", "true");
            set(r, "table.datalake.freshness", "1min");
        });
        alter("alter-laked", "laked", false, r -> set(r, "table.datalake.enabled", "true"));
        alter("alter-laked-off", "laked", false, r -> set(r, "table.datalake.enabled", "false"));
        alter("alter-laked-freshness", "laked", false, r -> set(r, "table.datalake.freshness", "1min"));
        alter("alter-laked-freshness-bad", "laked", false, r -> set(r, "table.datalake.freshness", "soon"));
        info("altered-laked", "ddl", "laked");
        alter("alter-append", "alter", false, r -> r.addConfigChange().setConfigKey("k").setConfigValue("v").setOpType(2));
        alter("alter-subtract", "alter", false, r -> r.addConfigChange().setConfigKey("k").setConfigValue("v").setOpType(3));
        alter("alter-op-9", "alter", false, r -> r.addConfigChange().setConfigKey("k").setConfigValue("v").setOpType(9));
        alter("add-existing", "alter", false, r -> addColumn(r, "b", "{\"type\":\"INTEGER\"}", 0));
        alter("add-existing-same", "alter", false, r -> addColumn(r, "b", "{\"type\":\"STRING\"}", 0));
        alter("add-first", "alter", false, r -> addColumn(r, "z", "{\"type\":\"INTEGER\"}", 1));
        alter("add-after", "alter", false, r -> addColumn(r, "z", "{\"type\":\"INTEGER\"}", 3));
        alter("add-position-9", "alter", false, r -> addColumn(r, "z", "{\"type\":\"INTEGER\"}", 9));
        alter("add-not-null", "alter", false, r -> addColumn(r, "z", "{\"type\":\"INTEGER\",\"nullable\":false}", 0));
        alter("add-unknown-type", "alter", false, r -> addColumn(r, "z", "{\"type\":\"VARIANT\"}", 0));
        alter("add-garbage-type", "alter", false, r -> addColumn(r, "z", "{", 0));
        add("altered-system", ApiKeys.CREATE_TABLE, new CreateTableRequest().setTablePath(path("ddl", "system")).setTableJson(utf8(log(A))).setIgnoreIfExists(false));
        alter("add-system", "system", false, r -> addColumn(r, "__offset", "{\"type\":\"BIGINT\"}", 0));
        alter("add-twice", "alter", false, r -> {
            addColumn(r, "z", "{\"type\":\"INTEGER\"}", 0);
            addColumn(r, "z", "{\"type\":\"INTEGER\"}", 0);
        });
        alter("add-empty-name", "alter", false, r -> addColumn(r, "", "{\"type\":\"INTEGER\"}", 0));
        alter("drop-column", "alter", false, r -> r.addDropColumn().setColumnName("b"));
        alter("drop-column-missing", "alter", false, r -> r.addDropColumn().setColumnName("zz"));
        alter("rename-column", "alter", false, r -> r.addRenameColumn().setOldColumnName("b").setNewColumnName("bb"));
        alter("modify-column", "alter", false, r -> r.addModifyColumn().setColumnName("b").setDataTypeJson(utf8("{\"type\":\"BYTES\"}")).setColumnPositionType(0));
        alter("add-and-drop", "alter", false, r -> {
            addColumn(r, "z", "{\"type\":\"INTEGER\"}", 0);
            r.addDropColumn().setColumnName("b");
        });
        alter("add-column", "alter", false, r -> {
            r.addAddColumn().setColumnName("d").setDataTypeJson(utf8("{\"type\":\"INTEGER\"}")).setColumnPositionType(0).setComment("new");
            addColumn(r, "r", ROWED, 0);
            addColumn(r, "e", "{\"type\":\"CHAR\",\"length\":2}", 0);
        });
        info("added-columns", "ddl", "alter");
        add("added-schema", ApiKeys.GET_TABLE_SCHEMA, new GetTableSchemaRequest().setTablePath(path("ddl", "alter")));
        add("added-schema-1", ApiKeys.GET_TABLE_SCHEMA, new GetTableSchemaRequest().setTablePath(path("ddl", "alter")).setSchemaId(1));
        alter("add-column-log", "first", false, r -> addColumn(r, "n", LISTED, 0));
        info("added-column-log", "ddl", "first");
    }

    static void ends() {
        add("tables", ApiKeys.LIST_TABLES, new ListTablesRequest().setDatabaseName("ddl"));
        dropDatabase("drop-database-full", "ddl", false, false);
        dropDatabase("drop-database-default", "fluss", false, false);
        dropDatabase("drop-database-default-cascade", "fluss", true, true);
        add("drop-table", ApiKeys.DROP_TABLE, new DropTableRequest().setTablePath(path("ddl", "first")).setIgnoreIfNotExists(false));
        dropDatabase("drop-database-cascade", "ddl", false, true);
        add("databases-left", ApiKeys.LIST_DATABASES, new ListDatabasesRequest());
    }

    // ---- sending and comparing ----

    /** Where our server means to differ (ddl_golden_test.c says why). */
    static final List<String> MEANT = Arrays.asList("no-columns", "json-version-2", "kv-version-0", "add-system", "drop-database-default",
            "drop-database-default-cascade", "databases-left", "tables");

    /** Texts of Java's own exceptions, which say where its code was rather than what is wrong: the code alone is compared. */
    static boolean internal(String text) {
        return text.contains("jackson") || text.contains("NullPointerException") || text.contains("Cannot invoke");
    }

    static boolean same(String recorded, String got) {
        String[] a = recorded.split("\t", 5), b = got.split("\t", 5);
        if (recorded.equals(got) || MEANT.contains(a[0]))
            return true;
        return a[3].equals(b[3]) && (internal(a[4]) || (a[3].equals("0") && a[4].contains("{"))); // the order of a map: the plain test knows
    }

    static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte b : bytes)
            text.append(String.format("%02x", b));
        return text.toString();
    }

    static String answerOf(Object answer) {
        if (answer instanceof GetTableInfoResponse)
            return ((GetTableInfoResponse) answer).getSchemaId() + " " + new String(((GetTableInfoResponse) answer).getTableJson(), StandardCharsets.UTF_8);
        if (answer instanceof GetTableSchemaResponse)
            return ((GetTableSchemaResponse) answer).getSchemaId() + " " + new String(((GetTableSchemaResponse) answer).getSchemaJson(), StandardCharsets.UTF_8);
        if (answer instanceof GetDatabaseInfoResponse)
            return new String(((GetDatabaseInfoResponse) answer).getDatabaseJson(), StandardCharsets.UTF_8);
        List<String> names = new ArrayList<>();
        if (answer instanceof ListDatabasesResponse)
            names.addAll(((ListDatabasesResponse) answer).getDatabaseNamesList());
        else if (answer instanceof ListTablesResponse)
            names.addAll(((ListTablesResponse) answer).getTableNamesList());
        else if (answer instanceof ListPartitionInfosResponse)
            for (PbPartitionInfo info : ((ListPartitionInfosResponse) answer).getPartitionsInfosList()) {
                StringBuilder text = new StringBuilder();
                for (PbKeyValue pair : info.getPartitionSpec().getPartitionKeyValuesList())
                    text.append(pair.getKey()).append('=').append(pair.getValue()).append('/');
                names.add(text.toString());
            }
        else if (answer instanceof TableExistsResponse)
            return "" + ((TableExistsResponse) answer).isExists();
        else if (answer instanceof DatabaseExistsResponse)
            return "" + ((DatabaseExistsResponse) answer).isExists();
        else
            return "";
        java.util.Collections.sort(names);
        return String.join(" ", names);
    }

    static String send(AdminGateway gateway, Case one) throws Exception {
        String method = Character.toLowerCase(one.message.getClass().getSimpleName().charAt(0)) + one.message.getClass().getSimpleName().substring(1).replace("Request", "");
        try {
            Object future = AdminGateway.class.getMethod(method, one.message.getClass()).invoke(gateway, one.message);
            return "0\t" + answerOf(((CompletableFuture<?>) future).get());
        } catch (ExecutionException refused) {
            return Errors.forException(refused.getCause()).code() + "\t" + refused.getCause().getMessage().replaceAll("(?s)\n\tat .*|\n$", ""); // no stack
        }
    }

    public static void main(String[] args) throws Exception {
        databases();
        paths();
        shapes();
        types();
        properties();
        aggregation();
        autoPartitions();
        partitions();
        alters();
        ends();
        Configuration conf = new Configuration();
        conf.setString("bootstrap.servers", args[1]);
        List<String> lines = new ArrayList<>();
        try (Connection connection = ConnectionFactory.createConnection(conf)) {
            AdminGateway gateway = ((FlussAdmin) connection.getAdmin()).getAdminGateway();
            for (Case one : cases)
                lines.add((one.name + "\t" + one.api.id + "\t" + hex(one.message.toByteArray()) + "\t" + send(gateway, one)).replace("\n", "\\n"));
        }
        if (args[0].equals("record")) {
            Files.write(Paths.get(args[2]), lines, StandardCharsets.UTF_8);
            return;
        }
        List<String> recorded = Files.readAllLines(Paths.get(args[2]), StandardCharsets.UTF_8);
        int different = Math.abs(recorded.size() - lines.size());
        for (int i = 0; i < Math.min(recorded.size(), lines.size()); i++) {
            if (same(recorded.get(i), lines.get(i)))
                continue;
            different++;
            System.out.println("- " + recorded.get(i) + "\n+ " + lines.get(i));
        }
        System.out.println(lines.size() + " answers, " + different + " differ");
        System.exit(different == 0 ? 0 : 1);
    }
}
