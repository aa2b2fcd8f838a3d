/*
 * JudgeSnapshots.java: the real Fluss client reads primary-key tables of our server as snapshot and changelog. Run as a source file:
 *
 *     java -cp 'JARS/*' JudgeSnapshots.java write HOST:PORT    fills tables until each bucket has a second snapshot, and reads them
 *     java -cp 'JARS/*' JudgeSnapshots.java read HOST:PORT     reads them again (after the server was killed)
 *     java -cp 'JARS/*' JudgeSnapshots.java lease HOST:PORT    leases keep files; released they go
 *     java -cp 'JARS/*' JudgeSnapshots.java drop HOST:PORT     drops the tables
 */
import java.nio.file.Files;
import java.nio.file.Paths;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;

import org.apache.fluss.client.Connection;
import org.apache.fluss.client.ConnectionFactory;
import org.apache.fluss.client.admin.Admin;
import org.apache.fluss.client.admin.KvSnapshotLease;
import org.apache.fluss.client.admin.OffsetSpec;
import org.apache.fluss.client.metadata.KvSnapshotMetadata;
import org.apache.fluss.client.metadata.KvSnapshots;
import org.apache.fluss.client.table.Table;
import org.apache.fluss.client.table.scanner.ScanRecord;
import org.apache.fluss.client.table.scanner.batch.BatchScanner;
import org.apache.fluss.client.table.scanner.log.LogScanner;
import org.apache.fluss.client.table.scanner.log.ScanRecords;
import org.apache.fluss.client.table.writer.UpsertWriter;
import org.apache.fluss.config.Configuration;
import org.apache.fluss.fs.FsPathAndFileName;
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
import org.apache.fluss.types.DataTypes;
import org.apache.fluss.utils.CloseableIterator;

public class JudgeSnapshots {
    static final TablePath PLAIN = TablePath.of("snap", "plain");
    static final TablePath DAYS = TablePath.of("snap", "days");
    static final String[] PARTITIONS = {"2024-01-01", "2024-01-02"};
    static final int ROWS = 4000;

    static void check(boolean fact, String what) {
        if (!fact)
            throw new AssertionError(what);
    }

    static void same(Object got, Object expected, String what) {
        if (!got.equals(expected))
            throw new AssertionError(what + ": " + got + " instead of " + expected);
    }

    /* ---- what the tables are to hold: one step after another, the same in every process ---- */

    interface Sink {
        void put(int key, String name, long value);
        void delete(int key);
    }

    static void step(int step, Sink sink) {
        if (step == 0)
            for (int i = 0; i < ROWS; i++)
                sink.put(i, "name " + i, i);
        if (step == 1)
            for (int i = 0; i < ROWS + 500; i++) {
                if (i % 7 == 0 && i < ROWS)
                    sink.delete(i);
                else if (i % 3 == 0 || i >= ROWS)
                    sink.put(i, "again " + i, 10L * i);
            }
        if (step == 2)
            for (int i = 0; i < ROWS + 700; i++) {
                if (i % 11 == 0 && i % 7 != 0 && i < ROWS)
                    sink.delete(i);
                else if (i % 5 == 0 || i >= ROWS + 500)
                    sink.put(i, "last " + i, -i);
            }
    }

    static TreeMap<Integer, String> model() {
        TreeMap<Integer, String> rows = new TreeMap<>();
        for (int s = 0; s < 3; s++)
            step(s, new Sink() {
                public void put(int key, String name, long value) { rows.put(key, name + "/" + value); }
                public void delete(int key) { rows.remove(key); }
            });
        return rows;
    }

    static void write(Connection connection, TablePath path, String partition, int step) throws Exception {
        try (Table table = connection.getTable(path)) {
            UpsertWriter writer = table.newUpsert().createWriter();
            step(step, new Sink() {
                GenericRow row(int key, String name, Long value) {
                    BinaryString text = name == null ? null : BinaryString.fromString(name);
                    return partition == null ? GenericRow.of(key, text, value)
                                             : GenericRow.of(key, text, value, BinaryString.fromString(partition));
                }
                public void put(int key, String name, long value) { writer.upsert(row(key, name, value)); }
                public void delete(int key) { writer.delete(row(key, null, null)); }
            });
            writer.flush();
        }
    }

    static void createAll(Admin admin) throws Exception {
        admin.createDatabase("snap", DatabaseDescriptor.EMPTY, true).get();
        Schema.Builder plain = Schema.newBuilder().column("k", DataTypes.INT()).column("name", DataTypes.STRING())
            .column("v", DataTypes.BIGINT());
        admin.createTable(PLAIN, TableDescriptor.builder().schema(plain.primaryKey("k").build()).distributedBy(3, "k").build(), false).get();
        Schema days = Schema.newBuilder().column("k", DataTypes.INT()).column("name", DataTypes.STRING()).column("v", DataTypes.BIGINT())
            .column("day", DataTypes.STRING()).primaryKey("k", "day").build();
        admin.createTable(DAYS, TableDescriptor.builder().schema(days).distributedBy(2, "k").partitionedBy("day").build(), false).get();
        for (String partition : PARTITIONS)
            admin.createPartition(DAYS, new PartitionSpec(java.util.Collections.singletonMap("day", partition)), false).get();
    }

    /* ---- snapshots ---- */

    static KvSnapshots latest(Admin admin, TablePath path, String partition) throws Exception {
        return partition == null ? admin.getLatestKvSnapshots(path).get() : admin.getLatestKvSnapshots(path, partition).get();
    }

    static Map<Integer, Long> ends(Admin admin, TablePath path, String partition, java.util.Collection<Integer> buckets) throws Exception {
        return partition == null ? admin.listOffsets(path, buckets, new OffsetSpec.LatestSpec()).all().get()
                                 : admin.listOffsets(path, partition, buckets, new OffsetSpec.LatestSpec()).all().get();
    }

    /* Until every bucket's newest snapshot has all that was written. */
    static void await(Admin admin, TablePath path, String partition) throws Exception {
        for (int i = 0; i < 200; i++) {
            KvSnapshots snapshots = latest(admin, path, partition);
            Map<Integer, Long> ends = ends(admin, path, partition, snapshots.getBucketIds());
            boolean all = true;
            for (int bucket : snapshots.getBucketIds())
                all &= snapshots.getSnapshotId(bucket).isPresent() && snapshots.getLogOffset(bucket).getAsLong() == ends.get(bucket);
            if (all)
                return;
            Thread.sleep(100);
        }
        throw new AssertionError("no snapshot of " + path + " within 20 s");
    }

    static void apply(TreeMap<Integer, String> rows, InternalRow row, boolean there) {
        if (there)
            rows.put(row.getInt(0), row.getString(1) + "/" + row.getLong(2));
        else
            rows.remove(row.getInt(0));
    }

    /* All rows, by the newest snapshot of each bucket and the changelog behind it. */
    static long hybrid(Connection connection, Admin admin, TablePath path, String partition, boolean mustHaveLog) throws Exception {
        TreeMap<Integer, String> rows = new TreeMap<>();
        long fromSnapshots = 0;
        long fromLog = 0;
        KvSnapshots snapshots = latest(admin, path, partition);
        Map<Integer, Long> ends = ends(admin, path, partition, snapshots.getBucketIds());
        try (Table table = connection.getTable(path)) {
            for (int bucket : snapshots.getBucketIds()) {
                TableBucket at = new TableBucket(snapshots.getTableId(), snapshots.getPartitionId(), bucket);
                long offset = LogScanner.EARLIEST_OFFSET;
                if (snapshots.getSnapshotId(bucket).isPresent()) {
                    offset = snapshots.getLogOffset(bucket).getAsLong();
                    try (BatchScanner scanner = table.newScan().createBatchScanner(at, snapshots.getSnapshotId(bucket).getAsLong())) {
                        for (CloseableIterator<InternalRow> batch; (batch = scanner.pollBatch(Duration.ofSeconds(10))) != null;)
                            for (; batch.hasNext(); fromSnapshots++)
                                apply(rows, batch.next(), true);
                    }
                }
                try (LogScanner scanner = table.newScan().createLogScanner()) {
                    if (snapshots.getPartitionId() == null)
                        scanner.subscribe(bucket, offset);
                    else
                        scanner.subscribe(snapshots.getPartitionId(), bucket, offset);
                    while (offset < ends.get(bucket)) {
                        ScanRecords records = scanner.poll(Duration.ofSeconds(10));
                        check(!records.isEmpty(), "records of " + at + " from " + offset);
                        for (ScanRecord record : records) {
                            fromLog++;
                            offset = record.logOffset() + 1;
                            switch (record.getChangeType()) {
                                case INSERT:
                                case UPDATE_AFTER: apply(rows, record.getRow(), true); break;
                                case DELETE: apply(rows, record.getRow(), false); break;
                                default: break;
                            }
                        }
                    }
                }
            }
        }
        same(rows, model(), "rows of " + path + " " + partition);
        check(!mustHaveLog || fromLog > 0, "changes behind the snapshot");
        System.out.println(path + " " + partition + ": " + fromSnapshots + " rows of snapshots, " + fromLog + " changes, " + rows.size() + " rows");
        return fromSnapshots;
    }

    static void writeAll(Connection connection, Admin admin) throws Exception {
        createAll(admin);
        for (int step = 0; step < 3; step++) {
            write(connection, PLAIN, null, step);
            for (String partition : PARTITIONS)
                write(connection, DAYS, partition, step);
            if (step == 2)
                continue; /* the last changes are in the log only, for a while */
            await(admin, PLAIN, null);
            for (String partition : PARTITIONS)
                await(admin, DAYS, partition);
        }
    }

    static void readAll(Connection connection, Admin admin) throws Exception {
        check(hybrid(connection, admin, PLAIN, null, false) > 0, "rows from snapshots");
        for (String partition : PARTITIONS)
            check(hybrid(connection, admin, DAYS, partition, false) > 0, "rows from snapshots");
    }

    /* ---- leases ---- */

    static boolean whole(KvSnapshotMetadata metadata) {
        for (FsPathAndFileName file : metadata.getSnapshotFiles())
            if (!Files.exists(Paths.get(file.getPath().getPath())))
                return false;
        return true;
    }

    static String failure(java.util.concurrent.Callable<?> call) throws Exception {
        try {
            call.call();
        } catch (ExecutionException e) {
            return e.getCause().getClass().getSimpleName() + ": " + e.getCause().getMessage();
        }
        return "nothing";
    }

    static void leases(Connection connection, Admin admin) throws Exception {
        KvSnapshots snapshots = latest(admin, PLAIN, null);
        Map<TableBucket, Long> buckets = new HashMap<>();
        for (int bucket : snapshots.getBucketIds())
            buckets.put(new TableBucket(snapshots.getTableId(), bucket), snapshots.getSnapshotId(bucket).getAsLong());
        buckets.put(new TableBucket(snapshots.getTableId(), 0), snapshots.getSnapshotId(0).getAsLong());
        KvSnapshotLease lease = admin.createKvSnapshotLease("judge", 3_600_000L);
        same(lease.acquireSnapshots(buckets).get().getUnavailableSnapshots().size(), 0, "leased at once");
        Map<TableBucket, Long> gone = new HashMap<>();
        gone.put(new TableBucket(snapshots.getTableId(), 0), 987654L);
        same(admin.createKvSnapshotLease("other", 1000L).acquireSnapshots(gone).get().getUnavailableTableBucketSet().size(), 1, "not there");
        TableBucket first = new TableBucket(snapshots.getTableId(), 0);
        KvSnapshotMetadata metadata = admin.getKvSnapshotMetadata(first, snapshots.getSnapshotId(0).getAsLong()).get();
        same(metadata.getLogOffset(), snapshots.getLogOffset(0).getAsLong(), "offset of a snapshot");
        check(metadata.getSnapshotFiles().size() >= 4 && whole(metadata), "files of a snapshot");
        same(failure(() -> admin.getKvSnapshotMetadata(first, 987654L).get()),
             "KvSnapshotNotExistException: Failed to get kv snapshot metadata for table bucket TableBucket{tableId=" + snapshots.getTableId()
             + ", bucket=0} and snapshot id 987654. Error: Kv snapshot not found", "a snapshot that never was");
        for (int i = 0; i < 4; i++) { /* four newer ones, each with something new */
            write(connection, PLAIN, null, 2);
            await(admin, PLAIN, null);
        }
        check(latest(admin, PLAIN, null).getSnapshotId(0).getAsLong() >= snapshots.getSnapshotId(0).getAsLong() + 4, "newer snapshots");
        check(whole(metadata), "a leased snapshot stays");
        lease.releaseSnapshots(java.util.Collections.singleton(first)).get();
        lease.dropLease().get();
        check(whole(metadata), "a snapshot that was named a moment ago stays");
    }

    public static void main(String[] args) throws Exception {
        Configuration configuration = new Configuration();
        configuration.setString("bootstrap.servers", args[1]);
        configuration.setString("client.scanner.io.tmpdir", System.getProperty("java.io.tmpdir"));
        try (Connection connection = ConnectionFactory.createConnection(configuration); Admin admin = connection.getAdmin()) {
            if (args[0].equals("write"))
                writeAll(connection, admin);
            if (args[0].equals("write") || args[0].equals("read"))
                readAll(connection, admin);
            if (args[0].equals("lease"))
                leases(connection, admin);
            if (args[0].equals("drop")) {
                admin.dropTable(DAYS, false).get();
                admin.dropPartition(DAYS, new PartitionSpec(java.util.Collections.singletonMap("day", PARTITIONS[0])), true);
                admin.dropTable(PLAIN, false).get();
            }
        }
        System.out.println("OK " + args[0]);
        System.exit(0);
    }
}
