/*
 * Remote.java: the real Fluss client reads logs whose old segments lie in remote storage. Run as a source file:
 *
 *     java -cp JARS Remote.java write HOST:PORT     makes tables of every log format and fills them
 *     java -cp JARS Remote.java read HOST:PORT      reads each from its first offset, whole and projected, and compares every row
 *     java -cp JARS Remote.java tail HOST:PORT      from offsets in the middle of remote segments
 */
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;

import org.apache.fluss.client.Connection;
import org.apache.fluss.client.ConnectionFactory;
import org.apache.fluss.client.admin.Admin;
import org.apache.fluss.client.admin.OffsetSpec;
import org.apache.fluss.client.table.Table;
import org.apache.fluss.client.table.scanner.ScanRecord;
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
import org.apache.fluss.record.ChangeType;
import org.apache.fluss.row.BinaryString;
import org.apache.fluss.row.GenericRow;
import org.apache.fluss.row.InternalRow;
import org.apache.fluss.types.DataTypes;

public class Remote {
    static final int ROWS = 12000;
    static final int KEYS = 3000;
    static final String[] LOGS = {"zstd", "lz4_frame", "none", "indexed", "compacted"};
    static final String[] KEYED = {"keyed_arrow", "keyed_compacted"};
    static final String[] DAYS = {"20240101", "20240102"};

    static void check(boolean fact, String what) {
        if (!fact)
            throw new AssertionError(what);
    }

    static TablePath path(String name) {
        return TablePath.of("remote", name);
    }

    static String hash(long i) { // text that no codec makes small
        long x = i * 0x9E3779B97F4A7C15L + 0x1234567;
        StringBuilder text = new StringBuilder();
        for (int k = 0; k < 4; k++) {
            x ^= x >>> 29;
            x *= 0xBF58476D1CE4E5B9L;
            x ^= x >>> 32;
            text.append(Long.toHexString(x));
        }
        return text.toString();
    }

    static BinaryString textOf(long i) {
        return i % 7 == 3 ? null : BinaryString.fromString(hash(i));
    }

    static TableDescriptor.Builder logTable() {
        return TableDescriptor.builder().schema(Schema.newBuilder().column("id", DataTypes.BIGINT()).column("text", DataTypes.STRING())
                .column("n", DataTypes.INT()).build()).distributedBy(1);
    }

    static void create(Admin admin) throws Exception {
        admin.createDatabase("remote", DatabaseDescriptor.EMPTY, true).get();
        for (String name : LOGS) {
            TableDescriptor.Builder table = logTable();
            if (name.equals("indexed") || name.equals("compacted"))
                table.property("table.log.format", name.toUpperCase());
            else
                table.property("table.log.arrow.compression.type", name.toUpperCase());
            admin.createTable(path(name), table.build(), false).get();
        }
        for (String name : KEYED)
            admin.createTable(path(name), TableDescriptor.builder().schema(Schema.newBuilder().column("k", DataTypes.INT())
                    .column("text", DataTypes.STRING()).primaryKey("k").build()).distributedBy(1, "k")
                    .property("table.log.format", name.substring(6).toUpperCase()).build(), false).get();
        admin.createTable(path("days"), TableDescriptor.builder().schema(Schema.newBuilder().column("id", DataTypes.BIGINT())
                .column("text", DataTypes.STRING()).column("day", DataTypes.STRING()).build()).partitionedBy("day").distributedBy(1)
                .build(), false).get();
        for (String day : DAYS)
            admin.createPartition(path("days"), new PartitionSpec(Map.of("day", day)), false).get();
    }

    static final AtomicReference<Throwable> refused = new AtomicReference<>();

    static void note(CompletableFuture<?> written) {
        written.whenComplete((result, error) -> {
            if (error != null)
                refused.compareAndSet(null, error);
        });
    }

    static void fill(Connection connection) throws Exception {
        for (String name : LOGS) {
            AppendWriter writer = connection.getTable(path(name)).newAppend().createWriter();
            for (long i = 0; i < ROWS; i++)
                note(writer.append(GenericRow.of(i, textOf(i), (int) (i * 31))));
            writer.flush();
        }
        for (String name : KEYED) {
            UpsertWriter writer = connection.getTable(path(name)).newUpsert().createWriter();
            for (int turn = 0; turn < 2; turn++)
                for (int k = 0; k < KEYS; k++)
                    note(writer.upsert(GenericRow.of(k, BinaryString.fromString(hash(k + turn * 100000)))));
            for (int k = 0; k < KEYS; k += 3)
                note(writer.delete(GenericRow.of(k, null)));
            writer.flush();
        }
        AppendWriter writer = connection.getTable(path("days")).newAppend().createWriter();
        for (long i = 0; i < ROWS; i++)
            note(writer.append(GenericRow.of(i, textOf(i), BinaryString.fromString(DAYS[(int) (i % 2)]))));
        writer.flush();
        check(refused.get() == null, "a row was refused: " + refused.get());
    }

    static void checkText(InternalRow row, int column, long i) {
        if (i % 7 == 3)
            check(row.isNullAt(column), "row " + i + " has a text");
        else
            check(row.getString(column).toString().equals(hash(i)), "the text of row " + i);
    }

    interface Each {
        void row(TableBucket bucket, ScanRecord record);
    }

    static void scan(LogScanner scanner, long rows, String what, Each each) throws Exception {
        long got = 0;
        for (long until = System.currentTimeMillis() + 30000; got < rows;) {
            check(System.currentTimeMillis() < until, what + ": " + got + " of " + rows + " rows after 30 s");
            ScanRecords records = scanner.poll(Duration.ofMillis(500));
            for (TableBucket bucket : records.buckets())
                for (ScanRecord record : records.records(bucket)) {
                    each.row(bucket, record);
                    got++;
                }
        }
        check(got == rows, what + ": " + got + " rows, expected " + rows);
        scanner.close();
    }

    static void readLog(Connection connection, Admin admin, String name, long from) throws Exception {
        Table table = connection.getTable(path(name));
        long end = admin.listOffsets(path(name), java.util.List.of(0), new OffsetSpec.LatestSpec()).all().get().get(0);
        long begin = admin.listOffsets(path(name), java.util.List.of(0), new OffsetSpec.EarliestSpec()).all().get().get(0);
        check(begin == 0 && end == ROWS, name + ": offsets " + begin + " to " + end);
        long[] next = {from};
        LogScanner scanner = table.newScan().createLogScanner();
        scanner.subscribe(0, from);
        scan(scanner, ROWS - from, name, (bucket, record) -> {
            long i = next[0]++;
            check(record.logOffset() == i && record.getRow().getLong(0) == i, name + ": row " + i + " at " + record.logOffset());
            checkText(record.getRow(), 1, i);
            check(record.getRow().getInt(2) == (int) (i * 31), name + ": n of row " + i);
        });
        next[0] = from;
        scanner = table.newScan().project(new int[] {2, 0}).createLogScanner();
        scanner.subscribe(0, from);
        scan(scanner, ROWS - from, name + " projected", (bucket, record) -> {
            long i = next[0]++;
            check(record.logOffset() == i && record.getRow().getInt(0) == (int) (i * 31) && record.getRow().getLong(1) == i,
                    name + " projected: row " + i);
        });
    }

    static void readKeyed(Connection connection, String name) throws Exception {
        Map<Integer, String> state = new HashMap<>();
        long[] next = {0};
        LogScanner scanner = connection.getTable(path(name)).newScan().createLogScanner();
        scanner.subscribe(0, 0);
        scan(scanner, KEYS + 2L * KEYS + KEYS / 3, name, (bucket, record) -> {
            check(record.logOffset() == next[0]++, name + ": offsets follow each other");
            if (record.getChangeType() == ChangeType.INSERT || record.getChangeType() == ChangeType.UPDATE_AFTER)
                state.put(record.getRow().getInt(0), record.getRow().getString(1).toString());
            else if (record.getChangeType() == ChangeType.DELETE)
                state.remove(record.getRow().getInt(0));
        });
        check(state.size() == KEYS - KEYS / 3, name + ": " + state.size() + " rows");
        state.forEach((k, text) -> check(text.equals(hash(k + 100000)), name + ": key " + k));
    }

    static void readDays(Connection connection, Admin admin) throws Exception {
        LogScanner scanner = connection.getTable(path("days")).newScan().createLogScanner();
        Map<Long, Long> next = new HashMap<>();
        for (PartitionInfo partition : admin.listPartitionInfos(path("days")).get()) {
            scanner.subscribe(partition.getPartitionId(), 0, 0);
            next.put(partition.getPartitionId(), partition.getPartitionName().equals(DAYS[0]) ? 0L : 1L);
        }
        scan(scanner, ROWS, "days", (bucket, record) -> {
            long i = next.put(bucket.getPartitionId(), next.get(bucket.getPartitionId()) + 2);
            check(record.getRow().getLong(0) == i && record.logOffset() == i / 2, "days: row " + i);
            checkText(record.getRow(), 1, i);
            check(record.getRow().getString(2).toString().equals(DAYS[(int) (i % 2)]), "days: day of row " + i);
        });
    }

    public static void main(String[] args) {
        try {
            judge(args);
            System.exit(0); // the client's threads would keep it for a while
        } catch (Throwable e) {
            e.printStackTrace();
            System.exit(1);
        }
    }

    static void judge(String[] args) throws Exception {
        Configuration configuration = new Configuration();
        configuration.setString("bootstrap.servers", args[1]);
        configuration.setString("client.writer.batch-size", "16kb");
        configuration.setString("client.writer.buffer.page-size", "8kb");
        configuration.setString("client.writer.dynamic-batch-size.enabled", "false");
        try (Connection connection = ConnectionFactory.createConnection(configuration); Admin admin = connection.getAdmin()) {
            if (args[0].equals("write")) {
                create(admin);
                fill(connection);
            } else if (args[0].equals("tail")) {
                for (String name : LOGS)
                    for (long from : new long[] {1, 777, 3001, ROWS - 5})
                        readLog(connection, admin, name, from);
            } else {
                for (String name : LOGS)
                    readLog(connection, admin, name, 0);
                for (String name : KEYED)
                    readKeyed(connection, name);
                readDays(connection, admin);
            }
        }
        System.out.println("judged by the Java client: " + args[0]);
    }
}
