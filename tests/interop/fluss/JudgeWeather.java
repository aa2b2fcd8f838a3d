/*
 * JudgeWeather.java: Fluss's own client under load on a server that dies, in bad weather. Run as a source file by weather.py:
 *
 *     java -cp 'JARS/*' JudgeWeather.java HOST:PORT
 *
 * Writes a log table and a primary-key table until a line comes on the input, says how far it is twice a second, then flushes and reads
 * everything back with a new connection: each acknowledged row must be there, no row twice, a bucket's rows in the order of writing, a
 * key's versions without a gap. A flush that does not end (see weather.py) is given up: what was acknowledged counts.
 */
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

import org.apache.fluss.client.Connection;
import org.apache.fluss.client.ConnectionFactory;
import org.apache.fluss.client.admin.Admin;
import org.apache.fluss.client.admin.OffsetSpec;
import org.apache.fluss.client.lookup.Lookuper;
import org.apache.fluss.client.table.Table;
import org.apache.fluss.client.table.scanner.ScanRecord;
import org.apache.fluss.client.table.scanner.log.LogScanner;
import org.apache.fluss.client.table.scanner.log.ScanRecords;
import org.apache.fluss.client.table.writer.AppendWriter;
import org.apache.fluss.client.table.writer.UpsertWriter;
import org.apache.fluss.config.Configuration;
import org.apache.fluss.metadata.DatabaseDescriptor;
import org.apache.fluss.metadata.Schema;
import org.apache.fluss.metadata.TableBucket;
import org.apache.fluss.metadata.TableDescriptor;
import org.apache.fluss.metadata.TablePath;
import org.apache.fluss.row.BinaryString;
import org.apache.fluss.row.GenericRow;
import org.apache.fluss.row.InternalRow;
import org.apache.fluss.types.DataTypes;

public class JudgeWeather {
    static final int KEYS = 500;
    static final int AHEAD = 3000; // rows not yet acknowledged
    static final int FLUSH_SECONDS = 20;
    static final TablePath LOG = TablePath.of("weather", "java_log");
    static final TablePath ROWS = TablePath.of("weather", "java_rows");

    static void check(boolean fact, String what) {
        if (!fact)
            throw new AssertionError(what);
    }

    static void create(Admin admin) throws Exception {
        admin.createDatabase("weather", DatabaseDescriptor.EMPTY, true).get();
        admin.createTable(LOG, TableDescriptor.builder().schema(Schema.newBuilder().column("id", DataTypes.BIGINT()).column("s", DataTypes.STRING())
                .build()).distributedBy(3, "id").build(), true).get();
        admin.createTable(ROWS, TableDescriptor.builder().schema(Schema.newBuilder().column("k", DataTypes.BIGINT()).column("n", DataTypes.BIGINT())
                .primaryKey("k").build()).distributedBy(3, "k").build(), true).get();
    }

    static final BitSet logged = new BitSet(); // acknowledged rows
    static final BitSet upserted = new BitSet();

    static CompletableFuture<?> noted(CompletableFuture<?> written, BitSet in, long id) {
        return written.thenRun(() -> {
            synchronized (in) {
                in.set((int) id);
            }
        });
    }

    /** Rows id = 0 .. to each table. Returns how many were written. */
    static long load(Connection connection) throws Exception {
        AppendWriter log = connection.getTable(LOG).newAppend().createWriter();
        UpsertWriter rows = connection.getTable(ROWS).newUpsert().createWriter();
        AtomicLong acknowledged = new AtomicLong();
        ArrayDeque<CompletableFuture<?>> open = new ArrayDeque<>();
        long next = 0;
        long said = System.currentTimeMillis();
        while (System.in.available() == 0) {
            while (open.size() < AHEAD) {
                CompletableFuture<?> both = CompletableFuture.allOf(
                        noted(log.append(GenericRow.of(next, BinaryString.fromString("row " + next))), logged, next),
                        noted(rows.upsert(GenericRow.of(next % KEYS, next)), upserted, next));
                both.thenRun(acknowledged::incrementAndGet);
                open.add(both);
                next++;
            }
            Thread.sleep(5);
            while (!open.isEmpty() && open.peek().isDone())
                open.poll().get(); // a failure ends the test
            if (System.currentTimeMillis() - said >= 500) {
                said = System.currentTimeMillis();
                System.out.println("acknowledged " + acknowledged.get() + " " + acknowledged.get());
            }
        }
        Thread flush = new Thread(() -> {
            log.flush();
            rows.flush();
        });
        flush.setDaemon(true);
        flush.start();
        try {
            for (CompletableFuture<?> each : open)
                each.get(FLUSH_SECONDS, TimeUnit.SECONDS);
            System.out.println("all acknowledged: " + next + " rows in each table");
        } catch (TimeoutException e) {
            System.out.println("this client does not finish: " + logged.cardinality() + " and " + upserted.cardinality() + " of " + next
                    + " rows are acknowledged");
        }
        return next;
    }

    interface Visit {
        void row(TableBucket bucket, ScanRecord record);
    }

    static void scan(Connection connection, TablePath path, Visit visit) throws Exception {
        Table table = connection.getTable(path);
        long found = 0;
        long rows = 0;
        try (Admin admin = connection.getAdmin()) {
            for (long end : admin.listOffsets(path, Arrays.asList(0, 1, 2), new OffsetSpec.LatestSpec()).all().get().values())
                rows += end;
        }
        try (LogScanner scanner = table.newScan().createLogScanner()) {
            for (int bucket = 0; bucket < 3; bucket++)
                scanner.subscribeFromBeginning(bucket);
            long deadline = System.currentTimeMillis() + 60000;
            while (found < rows && System.currentTimeMillis() < deadline) {
                ScanRecords records = scanner.poll(Duration.ofMillis(500));
                for (TableBucket bucket : records.buckets())
                    for (ScanRecord record : records.records(bucket)) {
                        visit.row(bucket, record);
                        found++;
                    }
            }
        }
        check(found == rows, path + ": " + found + " rows, not " + rows);
    }

    static void all(BitSet acknowledged, BitSet seen, String what) {
        BitSet lost = (BitSet) acknowledged.clone();
        lost.andNot(seen);
        check(lost.isEmpty(), lost.cardinality() + " acknowledged " + what + " are lost, the first " + lost.nextSetBit(0));
        check(acknowledged.cardinality() > KEYS, "enough " + what);
    }

    static void read(Connection connection) throws Exception {
        BitSet seen = new BitSet();
        Map<TableBucket, Long> last = new HashMap<>();
        scan(connection, LOG, (bucket, record) -> {
            long id = record.getRow().getLong(0);
            check(!seen.get((int) id), "row " + id + " is there twice");
            seen.set((int) id);
            Long before = last.put(bucket, id);
            check(before == null || before < id, "row " + id + " comes behind row " + before);
        });
        all(logged, seen, "rows");
        long[] newest = new long[KEYS];
        BitSet versions = new BitSet();
        scan(connection, ROWS, (bucket, record) -> {
            int key = (int) record.getRow().getLong(0);
            long n = record.getRow().getLong(1);
            if (record.getChangeType().shortString().equals("-U"))
                return;
            check(n % KEYS == key && (n < KEYS || n == newest[key] + KEYS), "key " + key + " goes from " + newest[key] + " to " + n);
            check(!versions.get((int) n), "upsert " + n + " is there twice");
            versions.set((int) n);
            newest[key] = n;
        });
        all(upserted, versions, "upserts");
        Lookuper lookuper = connection.getTable(ROWS).newLookup().createLookuper();
        for (int key = 0; key < KEYS; key += 3) {
            InternalRow row = lookuper.lookup(GenericRow.of((long) key)).get().getSingletonRow();
            check(row != null && row.getLong(1) == newest[key], "the value of key " + key);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Configuration configuration = new Configuration();
        configuration.setString("bootstrap.servers", arguments[0]);
        Connection connection = ConnectionFactory.createConnection(configuration); // never closed: that could wait for ever, too
        try (Admin admin = connection.getAdmin()) {
            create(admin);
        }
        load(connection);
        read(ConnectionFactory.createConnection(configuration));
        System.out.println("each row is there once, in order; each key has its last value");
        System.exit(0);
    }
}
