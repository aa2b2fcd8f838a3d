/*
 * Partitions.java: partitioned tables through the real Fluss client. Says what happened, line by line; the lines of a real server
 * (0.9.1, partitions.expected) and of ours must be equal. Run as a source file:
 *
 *     java -cp 'JARS/*' Partitions.java HOST:PORT
 */
import java.time.Duration;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import org.apache.fluss.client.Connection;
import org.apache.fluss.client.ConnectionFactory;
import org.apache.fluss.client.admin.Admin;
import org.apache.fluss.client.lookup.Lookuper;
import org.apache.fluss.client.table.Table;
import org.apache.fluss.client.table.scanner.ScanRecord;
import org.apache.fluss.client.table.scanner.batch.BatchScanner;
import org.apache.fluss.client.table.scanner.log.LogScanner;
import org.apache.fluss.client.table.scanner.log.ScanRecords;
import org.apache.fluss.client.table.writer.AppendWriter;
import org.apache.fluss.client.table.writer.UpsertWriter;
import org.apache.fluss.config.Configuration;
import org.apache.fluss.metadata.DatabaseDescriptor;
import org.apache.fluss.metadata.PartitionInfo;
import org.apache.fluss.metadata.PartitionSpec;
import org.apache.fluss.metadata.Schema;
import org.apache.fluss.metadata.TableBucket;
import org.apache.fluss.metadata.TableDescriptor;
import org.apache.fluss.metadata.TablePath;
import org.apache.fluss.row.BinaryString;
import org.apache.fluss.row.GenericRow;
import org.apache.fluss.row.InternalRow;
import org.apache.fluss.row.TimestampNtz;
import org.apache.fluss.types.DataType;
import org.apache.fluss.types.DataTypes;
import org.apache.fluss.utils.CloseableIterator;

public class Partitions {
    static final String DB = "parts";
    static Admin admin;
    static Connection connection;

    interface Act {
        Object run() throws Exception;
    }

    /* What an act gives, or the class and words of the error that it ends with. */
    static void say(String what, Act act) {
        try {
            System.out.println(what + ": " + act.run());
        } catch (Throwable error) {
            while ((error instanceof java.util.concurrent.ExecutionException || error instanceof java.util.concurrent.CompletionException)
                    && error.getCause() != null)
                error = error.getCause();
            System.out.println(what + ": " + error.getClass().getSimpleName() + ": "
                    + String.valueOf(error.getMessage()).split("\n")[0]);
        }
    }

    static TablePath path(String name) {
        return TablePath.of(DB, name);
    }

    static PartitionSpec spec(String... pairs) {
        Map<String, String> map = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2)
            map.put(pairs[i], pairs[i + 1]);
        return new PartitionSpec(map);
    }

    static List<String> names(TablePath table) throws Exception {
        List<String> names = new ArrayList<>();
        for (PartitionInfo info : admin.listPartitionInfos(table).get())
            names.add(info.getPartitionName());
        Collections.sort(names);
        return names;
    }

    static List<String> names(TablePath table, PartitionSpec partial) throws Exception {
        List<String> names = new ArrayList<>();
        for (PartitionInfo info : admin.listPartitionInfos(table, partial).get())
            names.add(info.getResolvedPartitionSpec().getPartitionQualifiedName());
        Collections.sort(names);
        return names;
    }

    static Map<String, Long> ids(TablePath table) throws Exception {
        Map<String, Long> ids = new TreeMap<>();
        for (PartitionInfo info : admin.listPartitionInfos(table).get())
            ids.put(info.getPartitionName(), info.getPartitionId());
        return ids;
    }

    static Schema.Builder columns(boolean keyed) {
        Schema.Builder schema = Schema.newBuilder().column("id", DataTypes.INT()).column("region", DataTypes.STRING())
                .column("day", DataTypes.STRING()).column("note", DataTypes.STRING());
        return keyed ? schema.primaryKey("id", "region", "day") : schema;
    }

    static void create(String name, boolean keyed, List<String> partitions, Map<String, String> properties) throws Exception {
        TableDescriptor.Builder table = TableDescriptor.builder().schema(columns(keyed).build()).partitionedBy(partitions)
                .distributedBy(2, "id");
        properties.forEach(table::property);
        admin.createTable(path(name), table.build(), false).get();
    }

    static GenericRow row(int id, String region, String day) {
        return GenericRow.of(id, BinaryString.fromString(region), BinaryString.fromString(day), BinaryString.fromString("n" + id));
    }

    /* The rows of every partition, as "partition: ids". */
    static Object readAll(TablePath path, int expected) throws Exception {
        Map<String, List<Integer>> read = new TreeMap<>();
        Map<Long, String> by = new TreeMap<>();
        ids(path).forEach((name, id) -> by.put(id, name));
        try (Table table = connection.getTable(path); LogScanner scanner = table.newScan().createLogScanner()) {
            for (long id : by.keySet())
                for (int bucket = 0; bucket < 2; bucket++)
                    scanner.subscribeFromBeginning(id, bucket);
            int count = 0;
            for (long until = System.currentTimeMillis() + 20000; count < expected && System.currentTimeMillis() < until;) {
                ScanRecords records = scanner.poll(Duration.ofMillis(200));
                for (TableBucket bucket : records.buckets())
                    for (ScanRecord record : records.records(bucket)) {
                        InternalRow row = record.getRow();
                        String name = by.get(bucket.getPartitionId());
                        if (!name.contains(row.getString(1).toString()))
                            throw new AssertionError("row " + row.getInt(0) + " of " + row.getString(1) + " in " + name);
                        read.computeIfAbsent(name, key -> new ArrayList<>()).add(row.getInt(0));
                        count++;
                    }
            }
        }
        read.values().forEach(Collections::sort);
        return read;
    }

    static void logTable() throws Exception {
        TablePath table = path("log");
        create("log", false, Arrays.asList("region", "day"), Collections.emptyMap());
        say("empty", () -> names(table));
        say("create", () -> admin.createPartition(table, spec("region", "eu", "day", "1"), false).get());
        say("create again", () -> admin.createPartition(table, spec("region", "eu", "day", "1"), false).get());
        say("create again, fine", () -> admin.createPartition(table, spec("region", "eu", "day", "1"), true).get());
        say("keys in another order", () -> admin.createPartition(table, spec("day", "2", "region", "us"), false).get());
        say("a key is missing", () -> admin.createPartition(table, spec("region", "eu"), false).get());
        say("another key", () -> admin.createPartition(table, spec("region", "eu", "dag", "1"), false).get());
        say("a bad value", () -> admin.createPartition(table, spec("region", "e u", "day", "1"), false).get());
        say("an empty value", () -> admin.createPartition(table, spec("region", "", "day", "1"), false).get());
        say("a reserved value", () -> admin.createPartition(table, spec("region", "__eu", "day", "1"), false).get());
        say("drop what is not there", () -> admin.dropPartition(table, spec("region", "xx", "day", "1"), false).get());
        say("drop what is not there, fine", () -> admin.dropPartition(table, spec("region", "xx", "day", "1"), true).get());
        try (Table opened = connection.getTable(table)) {
            AppendWriter writer = opened.newAppend().createWriter();
            for (int i = 0; i < 60; i++)
                writer.append(row(i, new String[] {"eu", "us", "as"}[i % 3], "" + i % 2));
            writer.flush();
        }
        say("after writing", () -> names(table));
        say("of one region", () -> names(table, spec("region", "eu")));
        say("of one day", () -> names(table, spec("day", "1")));
        say("of one partition", () -> names(table, spec("region", "us", "day", "2")));
        say("of nothing", () -> names(table, spec("region", "zz")));
        say("of a key that is none", () -> names(table, spec("nope", "zz")));
        say("rows", () -> readAll(table, 60));
        say("drop", () -> admin.dropPartition(table, spec("region", "eu", "day", "1"), false).get());
        say("after dropping", () -> names(table));
        say("rows left", () -> readAll(table, 50));
    }

    static void keyTable() throws Exception {
        TablePath table = path("keyed");
        create("keyed", true, Collections.singletonList("day"), Collections.emptyMap());
        try (Table opened = connection.getTable(table)) {
            UpsertWriter writer = opened.newUpsert().createWriter();
            for (int i = 0; i < 40; i++)
                writer.upsert(row(i / 2, i % 2 == 0 ? "eu" : "us", "d" + i % 4));
            writer.delete(row(0, "eu", "d0"));
            writer.flush();
            say("keyed", () -> names(table));
            Lookuper lookuper = opened.newLookup().createLookuper();
            say("found", () -> lookuper.lookup(GenericRow.of(3, BinaryString.fromString("eu"), BinaryString.fromString("d2"))).get()
                    .getRowList().size());
            say("deleted", () -> lookuper.lookup(GenericRow.of(0, BinaryString.fromString("eu"), BinaryString.fromString("d0"))).get()
                    .getRowList().size());
            say("another partition", () -> lookuper.lookup(GenericRow.of(3, BinaryString.fromString("eu"),
                    BinaryString.fromString("d1"))).get().getRowList().size());
            say("no such partition", () -> lookuper.lookup(GenericRow.of(3, BinaryString.fromString("eu"),
                    BinaryString.fromString("d9"))).get().getRowList().size());
            Lookuper prefix = opened.newLookup().lookupBy("id", "day").createLookuper();
            say("prefix", () -> prefix.lookup(GenericRow.of(3, BinaryString.fromString("d2"))).get().getRowList().size());
            say("prefix, no such partition", () -> prefix.lookup(GenericRow.of(3, BinaryString.fromString("d9"))).get().getRowList()
                    .size());
            say("limit scan", () -> {
                int rows = 0;
                for (long id : ids(table).values())
                    for (int bucket = 0; bucket < 2; bucket++)
                        try (BatchScanner scanner = opened.newScan().limit(1000).createBatchScanner(
                                new TableBucket(opened.getTableInfo().getTableId(), id, bucket))) {
                            for (CloseableIterator<InternalRow> batch; (batch = scanner.pollBatch(Duration.ofSeconds(10))) != null;
                                    batch.close())
                                for (; batch.hasNext(); batch.next())
                                    rows++;
                        }
                return rows;
            });
        }
    }

    /* One partition for a value of each type: their names are made by the client, our server has to take them. */
    static void types() throws Exception {
        DataType[] types = {DataTypes.BOOLEAN(), DataTypes.TINYINT(), DataTypes.BIGINT(), DataTypes.FLOAT(), DataTypes.DOUBLE(),
                DataTypes.BYTES(), DataTypes.DATE(), DataTypes.TIME(), DataTypes.TIMESTAMP(3)};
        Object[] values = {true, (byte) -3, -7L, 1.5f, 1e10, new byte[] {10, (byte) 255}, 19000, 3723004,
                TimestampNtz.fromMillis(1700000000123L)};
        for (int i = 0; i < types.length; i++) {
            TablePath table = path("type" + i);
            Schema schema = Schema.newBuilder().column("id", DataTypes.INT()).column("p", types[i]).build();
            admin.createTable(table, TableDescriptor.builder().schema(schema).partitionedBy("p").distributedBy(1).build(), false).get();
            try (Table opened = connection.getTable(table)) {
                AppendWriter writer = opened.newAppend().createWriter();
                writer.append(GenericRow.of(1, values[i]));
                writer.flush();
            }
            say("by " + types[i], () -> names(table));
        }
    }

    static Map<String, String> auto(String... pairs) {
        Map<String, String> map = new LinkedHashMap<>();
        map.put("table.auto-partition.enabled", "true");
        for (int i = 0; i < pairs.length; i += 2)
            map.put("table.auto-partition." + pairs[i], pairs[i + 1]);
        return map;
    }

    static String day(int ahead) {
        return LocalDate.now(ZoneOffset.UTC).plusDays(ahead).format(DateTimeFormatter.ofPattern("yyyyMMdd"));
    }

    static String hour(int ahead) {
        return java.time.LocalDateTime.now(ZoneOffset.UTC).plusHours(ahead).format(DateTimeFormatter.ofPattern("yyyyMMddHH"));
    }

    static List<String> waitNames(TablePath table, int count) throws Exception {
        for (int i = 0; i < 100 && names(table).size() != count; i++)
            Thread.sleep(100);
        return names(table);
    }

    static void autoPartitions() throws Exception {
        for (String[] unit : new String[][] {{"YEAR", "yyyy"}, {"MONTH", "yyyyMM"}, {"QUARTER", "yyyyQ"}, /* not DAY: a real one
                makes the day before too, by a random delay */ {"HOUR", "yyyyMMddHH"}}) {
            String name = "auto_" + unit[0].toLowerCase();
            create(name, false, Collections.singletonList("day"), auto("time-unit", unit[0], "num-precreate", "3", "time-zone", "UTC"));
            List<String> made = waitNames(path(name), 3);
            java.time.ZonedDateTime now = java.time.ZonedDateTime.now(ZoneOffset.UTC);
            String current = now.format(DateTimeFormatter.ofPattern(unit[1]));
            say("auto " + unit[0], () -> made.size() + (made.get(0).equals(current) ? " from now on" : " not now: " + made));
        }
        TablePath hours = path("auto_retention");
        create("auto_retention", false, Collections.singletonList("day"),
                auto("time-unit", "HOUR", "num-precreate", "2", "num-retention", "2", "time-zone", "UTC"));
        waitNames(hours, 2);
        for (int ahead = -3; ahead < 0; ahead++)
            admin.createPartition(hours, spec("day", hour(ahead)), true).get();
        List<String> kept = waitNames(hours, 4);
        say("kept", () -> kept.equals(Arrays.asList(hour(-2), hour(-1), hour(0), hour(1))));
        say("two keys, no key named", () -> {
            create("auto_two", false, Arrays.asList("region", "day"), auto());
            return "made";
        });
        say("two keys, a wrong one", () -> {
            create("auto_two", false, Arrays.asList("region", "day"), auto("key", "note"));
            return "made";
        });
        say("two keys, made ahead", () -> {
            create("auto_two", false, Arrays.asList("region", "day"), auto("key", "day", "num-precreate", "4"));
            return "made";
        });
        TablePath two = path("auto_two");
        create("auto_two", false, Arrays.asList("region", "day"), auto("key", "day", "num-retention", "1", "time-zone", "UTC"));
        admin.createPartition(two, spec("region", "eu", "day", day(-3)), false).get();
        admin.createPartition(two, spec("region", "eu", "day", day(0)), false).get();
        admin.createPartition(two, spec("region", "us", "day", day(-1)), false).get();
        List<String> left = waitNames(two, 2);
        say("two keys, kept", () -> left.equals(Arrays.asList("eu$" + day(0), "us$" + day(-1))));
        say("not partitioned", () -> {
            TableDescriptor.Builder table = TableDescriptor.builder().schema(columns(false).build()).distributedBy(1);
            auto().forEach(table::property);
            return admin.createTable(path("plain_auto"), table.build(), false).get();
        });
    }

    static void plain() throws Exception {
        TablePath table = path("plain");
        admin.createTable(table, TableDescriptor.builder().schema(columns(false).build()).distributedBy(1).build(), false).get();
        say("list, plain", () -> names(table));
        say("create, plain", () -> admin.createPartition(table, spec("day", "1"), false).get());
        say("drop, plain", () -> admin.dropPartition(table, spec("day", "1"), false).get());
        say("list, no table", () -> names(path("nope")));
        say("create, no table", () -> admin.createPartition(path("nope"), spec("day", "1"), false).get());
    }

    static void limits() throws Exception {
        TablePath table = path("many");
        create("many", false, Collections.singletonList("day"), Collections.emptyMap());
        for (int i = 0; i < 10; i++)
            admin.createPartition(table, spec("day", "p" + i), false).get();
        say("one too many", () -> admin.createPartition(table, spec("day", "p10"), false).get());
        TablePath wide = path("wide");
        admin.createTable(wide, TableDescriptor.builder().schema(columns(false).build()).partitionedBy("day").distributedBy(20, "id")
                .build(), false).get();
        admin.createPartition(wide, spec("day", "p0"), false).get();
        say("too many buckets", () -> admin.createPartition(wide, spec("day", "p1"), false).get());
    }

    /* A partition goes while it is written: what is written later makes it anew. */
    static void dropWhileWriting() throws Exception {
        TablePath table = path("dropped");
        create("dropped", false, Collections.singletonList("day"), Collections.emptyMap());
        try (Table opened = connection.getTable(table)) {
            AppendWriter writer = opened.newAppend().createWriter();
            for (int i = 0; i < 20; i++)
                writer.append(row(i, "eu", "eu-1"));
            writer.flush();
            long first = ids(table).get("eu-1");
            admin.dropPartition(table, spec("day", "eu-1"), false).get();
            Thread.sleep(500);
            say("written after the drop", () -> {
                String error = "no error";
                try {
                    writer.append(row(20, "eu", "eu-1")).get(3, java.util.concurrent.TimeUnit.SECONDS);
                } catch (Exception failure) {
                    Throwable cause = failure;
                    while (cause.getCause() != null)
                        cause = cause.getCause();
                    error = cause.getClass().getSimpleName();
                }
                return error + ", partitions " + names(table);
            });
            System.out.flush();
            Runtime.getRuntime().halt(0); /* the writer tries for ever */
        }
    }

    public static void main(String[] args) throws Exception {
        Configuration configuration = new Configuration();
        configuration.setString("bootstrap.servers", args[0]);
        connection = ConnectionFactory.createConnection(configuration);
        admin = connection.getAdmin();
        admin.dropDatabase(DB, true, true).get();
        admin.createDatabase(DB, DatabaseDescriptor.EMPTY, true).get();
        logTable();
        keyTable();
        types();
        autoPartitions();
        plain();
        limits();
        dropWhileWriting();
        admin.close();
        connection.close();
        System.exit(0);
    }
}
