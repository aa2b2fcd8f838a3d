/*
 * Judge.java: the real Fluss client and the RocksDB inside it judge our server and our kv checkpoints. Run as a source file:
 *
 *     java -cp 'JARS/*' Judge.java write HOST:PORT     makes tables of many kinds, fills and reads them
 *     java -cp 'JARS/*' Judge.java read HOST:PORT      reads them again (after the server was killed)
 *     java -cp 'JARS/*' Judge.java rocksdb DIR N       opens a checkpoint read-only and counts its rows
 */
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;

import org.apache.fluss.client.Connection;
import org.apache.fluss.client.ConnectionFactory;
import org.apache.fluss.client.admin.Admin;
import org.apache.fluss.client.admin.OffsetSpec;
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
import org.apache.fluss.metadata.TableChange;
import org.apache.fluss.metadata.TableDescriptor;
import org.apache.fluss.metadata.TablePath;
import org.apache.fluss.row.BinaryString;
import org.apache.fluss.row.Decimal;
import org.apache.fluss.row.GenericRow;
import org.apache.fluss.row.InternalRow;
import org.apache.fluss.row.TimestampLtz;
import org.apache.fluss.row.TimestampNtz;
import org.apache.fluss.types.DataTypes;
import org.apache.fluss.utils.CloseableIterator;

public class Judge {
    static final int ROWS = 5000;
    static final TablePath TYPES = TablePath.of("judge", "types");
    static final TablePath KEYED = TablePath.of("judge", "keyed");
    static final TablePath PREFIX = TablePath.of("judge", "prefix");
    static final TablePath DAYS = TablePath.of("judge", "days");

    static void check(boolean fact, String what) {
        if (!fact)
            throw new AssertionError(what);
    }

    static void same(Object got, Object expected, String what) {
        check(got == null ? expected == null : got.equals(expected), what + ": got " + got + ", expected " + expected);
    }

    static GenericRow typesRow(int i) {
        if (i % 10 == 9) { // all null but the first
            GenericRow row = new GenericRow(14);
            row.setField(0, i);
            return row;
        }
        return GenericRow.of(i, i % 2 == 0, (byte) i, (short) i, (long) i << 20, i / 4f, i / 8d, BinaryString.fromString("text " + i),
                new byte[] {(byte) i, 1, 2}, Decimal.fromBigDecimal(BigDecimal.valueOf(i, 2), 10, 2), i, i * 1000 % 86400000,
                TimestampNtz.fromMillis(1700000000000L + i), TimestampLtz.fromEpochMillis(1700000000000L + i));
    }

    static void checkTypesRow(InternalRow row) {
        int i = row.getInt(0);
        if (i % 10 == 9) {
            for (int c = 1; c < 14; c++)
                check(row.isNullAt(c), "row " + i + " column " + c + " is null");
            return;
        }
        same(row.getBoolean(1), i % 2 == 0, "boolean");
        same(row.getByte(2), (byte) i, "tinyint");
        same(row.getShort(3), (short) i, "smallint");
        same(row.getLong(4), (long) i << 20, "bigint");
        same(row.getFloat(5), i / 4f, "float");
        same(row.getDouble(6), i / 8d, "double");
        same(row.getString(7).toString(), "text " + i, "string");
        check(Arrays.equals(row.getBytes(8), new byte[] {(byte) i, 1, 2}), "bytes");
        same(row.getDecimal(9, 10, 2).toBigDecimal(), BigDecimal.valueOf(i, 2), "decimal");
        same(row.getInt(10), i, "date");
        same(row.getInt(11), i * 1000 % 86400000, "time");
        same(row.getTimestampNtz(12, 3).getMillisecond(), 1700000000000L + i, "timestamp");
        same(row.getTimestampLtz(13, 3).getEpochMillisecond(), 1700000000000L + i, "timestamp_ltz");
    }

    static void create(Admin admin, TablePath path, TableDescriptor.Builder builder) throws Exception {
        admin.createTable(path, builder.build(), false).get();
    }

    static void createAll(Admin admin) throws Exception {
        admin.createDatabase("judge", DatabaseDescriptor.builder().comment("for the judge").build(), true).get();
        Schema types = Schema.newBuilder().column("i", DataTypes.INT()).column("b", DataTypes.BOOLEAN()).column("t", DataTypes.TINYINT())
                .column("s", DataTypes.SMALLINT()).column("l", DataTypes.BIGINT()).column("f", DataTypes.FLOAT())
                .column("d", DataTypes.DOUBLE()).column("str", DataTypes.STRING()).column("bin", DataTypes.BYTES())
                .column("dec", DataTypes.DECIMAL(10, 2)).column("date", DataTypes.DATE()).column("time", DataTypes.TIME())
                .column("ts", DataTypes.TIMESTAMP(3)).column("ltz", DataTypes.TIMESTAMP_LTZ(3)).build();
        for (String format : new String[] {"ARROW", "INDEXED", "COMPACTED"})
            create(admin, TablePath.of("judge", "types_" + format.toLowerCase()),
                    TableDescriptor.builder().schema(types).distributedBy(3).property("table.log.format", format));
        create(admin, TYPES, TableDescriptor.builder().schema(types).distributedBy(3, "i"));
        create(admin, KEYED, TableDescriptor.builder().schema(Schema.newBuilder().column("k", DataTypes.INT()).column("a", DataTypes.STRING())
                .column("n", DataTypes.BIGINT()).primaryKey("k").build()).distributedBy(2, "k"));
        create(admin, PREFIX, TableDescriptor.builder().schema(Schema.newBuilder().column("a", DataTypes.INT()).column("b", DataTypes.STRING())
                .column("v", DataTypes.BIGINT()).primaryKey("a", "b").build()).distributedBy(2, "a"));
        for (String engine : new String[] {"first_row", "versioned", "wal"}) {
            TableDescriptor.Builder table = TableDescriptor.builder().schema(Schema.newBuilder().column("k", DataTypes.INT())
                    .column("ver", DataTypes.TIMESTAMP(6)).column("s", DataTypes.STRING()).primaryKey("k").build()).distributedBy(1, "k");
            if (engine.equals("wal"))
                table.property("table.changelog.image", "WAL");
            else
                table.property("table.merge-engine", engine);
            if (engine.equals("versioned"))
                table.property("table.merge-engine.versioned.ver-column", "ver");
            create(admin, TablePath.of("judge", engine), table);
        }
        create(admin, DAYS, TableDescriptor.builder().schema(Schema.newBuilder().column("id", DataTypes.BIGINT()).column("day", DataTypes.STRING())
                .build()).partitionedBy("day").distributedBy(2));
        try {
            create(admin, TYPES, TableDescriptor.builder().schema(types).distributedBy(3));
            check(false, "a table that exists is made again");
        } catch (ExecutionException e) {
            check(e.getCause().getClass().getSimpleName().equals("TableAlreadyExistException"), "exists: " + e.getCause());
        }
        try {
            create(admin, TablePath.of("judge", "lake"), TableDescriptor.builder().schema(types).distributedBy(3)
                    .property("table.datalake.enabled", "true"));
            check(false, "a lake table without a lake");
        } catch (ExecutionException e) {
            check(e.getCause().getMessage().contains("doesn't enable datalake tables"), "lake: " + e.getCause());
        }
    }

    static void fill(Connection connection) throws Exception {
        for (String name : new String[] {"types", "types_arrow", "types_indexed", "types_compacted"}) {
            Table table = connection.getTable(TablePath.of("judge", name));
            AppendWriter writer = table.newAppend().createWriter();
            for (int i = 0; i < ROWS; i++)
                writer.append(typesRow(i));
            writer.flush();
        }
        Table keyed = connection.getTable(KEYED);
        UpsertWriter upsert = keyed.newUpsert().createWriter();
        for (int i = 0; i < 1000; i++)
            upsert.upsert(GenericRow.of(i, BinaryString.fromString("name " + i), (long) i));
        for (int i = 0; i < 1000; i += 10)
            upsert.delete(GenericRow.of(i, null, null));
        upsert.flush();
        UpsertWriter partial = keyed.newUpsert().partialUpdate(new int[] {0, 2}).createWriter();
        for (int i = 1; i < 1000; i += 10)
            partial.upsert(GenericRow.of(i, null, -5L - i));
        partial.flush();
        for (String engine : new String[] {"first_row", "versioned", "wal"}) {
            UpsertWriter writer = connection.getTable(TablePath.of("judge", engine)).newUpsert().createWriter();
            for (long version : new long[] {5, 3, 5, 7})
                for (int k = 0; k < 10; k++)
                    writer.upsert(GenericRow.of(k, k == 9 ? null : TimestampNtz.fromMillis(version), BinaryString.fromString("v" + version)));
            writer.flush();
        }
        UpsertWriter prefix = connection.getTable(PREFIX).newUpsert().createWriter();
        for (int i = 0; i < 300; i++)
            prefix.upsert(GenericRow.of(i / 3, BinaryString.fromString("b" + i % 3), (long) i));
        prefix.flush();
        AppendWriter days = connection.getTable(DAYS).newAppend().createWriter();
        for (int i = 0; i < 90; i++)
            days.append(GenericRow.of((long) i, BinaryString.fromString("2024-01-0" + (1 + i % 3))));
        days.flush();
    }

    /* Columns at the end of a table with rows; then rows with them. */
    static void alter(Connection connection, Admin admin) throws Exception {
        for (TablePath path : new TablePath[] {PREFIX, DAYS})
            admin.alterTable(path, Arrays.asList(TableChange.addColumn("extra", DataTypes.STRING(), "later", TableChange.ColumnPosition.last()),
                    TableChange.addColumn("more", DataTypes.INT(), null, TableChange.ColumnPosition.last())), false).get();
        admin.alterTable(PREFIX, Arrays.asList(TableChange.set("table.log.tiered.local-segments", "5"), TableChange.set("mine", "x")), false).get();
        same(admin.getTableInfo(PREFIX).get().getCustomProperties().toMap().get("mine"), "x", "a property of the user's");
        try {
            admin.alterTable(PREFIX, Collections.singletonList(TableChange.set("table.log.format", "INDEXED")), false).get();
            check(false, "a log format is altered");
        } catch (ExecutionException e) {
            same(e.getCause().getClass().getSimpleName(), "InvalidAlterTableException", "log format");
        }
        UpsertWriter prefix = connection.getTable(PREFIX).newUpsert().createWriter();
        for (int i = 0; i < 30; i++)
            prefix.upsert(GenericRow.of(i / 3, BinaryString.fromString("b" + i % 3), (long) -i, BinaryString.fromString("x" + i), i));
        prefix.flush();
        AppendWriter days = connection.getTable(DAYS).newAppend().createWriter();
        for (int i = 0; i < 30; i++)
            days.append(GenericRow.of(1000L + i, BinaryString.fromString("2024-01-0" + (1 + i % 3)), BinaryString.fromString("x" + i), i));
        days.flush();
    }

    static List<ScanRecord> scan(Connection connection, TablePath path, Long partition, int[] columns, int rows) throws Exception {
        Table table = connection.getTable(path);
        List<ScanRecord> found = new ArrayList<>();
        try (LogScanner scanner = columns == null ? table.newScan().createLogScanner() : table.newScan().project(columns).createLogScanner()) {
            for (int bucket = 0; bucket < table.getTableInfo().getNumBuckets(); bucket++) {
                if (partition == null)
                    scanner.subscribeFromBeginning(bucket);
                else
                    scanner.subscribeFromBeginning(partition, bucket);
            }
            long deadline = System.currentTimeMillis() + 30000;
            while (found.size() < rows && System.currentTimeMillis() < deadline) {
                ScanRecords records = scanner.poll(Duration.ofMillis(500));
                for (TableBucket bucket : records.buckets())
                    found.addAll(records.records(bucket));
            }
        }
        same(found.size(), rows, "rows of " + path);
        return found;
    }

    static int limitScan(Connection connection, TablePath path, int limit) throws Exception {
        Table table = connection.getTable(path);
        int rows = 0;
        for (int bucket = 0; bucket < table.getTableInfo().getNumBuckets(); bucket++) {
            try (BatchScanner scanner = table.newScan().limit(limit)
                    .createBatchScanner(new TableBucket(table.getTableInfo().getTableId(), bucket))) {
                CloseableIterator<InternalRow> batch;
                while ((batch = scanner.pollBatch(Duration.ofSeconds(10))) != null) {
                    while (batch.hasNext()) {
                        batch.next();
                        rows++;
                    }
                    batch.close();
                }
            }
        }
        return rows;
    }

    static void readLogs(Connection connection) throws Exception {
        for (String name : new String[] {"types", "types_arrow", "types_indexed", "types_compacted"}) {
            TablePath path = TablePath.of("judge", name);
            boolean[] seen = new boolean[ROWS];
            for (ScanRecord record : scan(connection, path, null, null, ROWS)) {
                checkTypesRow(record.getRow());
                seen[record.getRow().getInt(0)] = true;
            }
            for (int i = 0; i < ROWS; i++)
                check(seen[i], name + " row " + i);
        }
        long sum = 0;
        for (ScanRecord record : scan(connection, TYPES, null, new int[] {9, 0, 7}, ROWS)) { // in another order than the table's
            int i = record.getRow().getInt(1);
            check(i % 10 == 9 ? record.getRow().isNullAt(2) : record.getRow().getString(2).toString().equals("text " + i), "projected " + i);
            sum += i;
        }
        same(sum, (long) ROWS * (ROWS - 1) / 2, "sum of a projected column");
        same(limitScan(connection, TYPES, 7), 21, "limit scan of a log table");
    }

    static void readRows(Connection connection, Admin admin) throws Exception {
        Lookuper lookuper = connection.getTable(KEYED).newLookup().createLookuper();
        for (int i = 0; i < 1000; i += 7) {
            InternalRow row = lookuper.lookup(GenericRow.of(i)).get().getSingletonRow();
            if (i % 10 == 0) {
                check(row == null, "deleted " + i);
                continue;
            }
            same(row.getString(1).toString(), "name " + i, "name");
            same(row.getLong(2), i % 10 == 1 ? -5L - i : (long) i, "partially updated " + i);
        }
        check(lookuper.lookup(GenericRow.of(123456)).get().getSingletonRow() == null, "a key that was never there");
        Map<Integer, Long> state = new HashMap<>();
        for (ScanRecord record : scan(connection, KEYED, null, null, 1000 + 100 + 200)) {
            switch (record.getChangeType()) {
                case INSERT:
                case UPDATE_AFTER: state.put(record.getRow().getInt(0), record.getRow().getLong(2)); break;
                case DELETE: check(state.remove(record.getRow().getInt(0)) != null, "delete of a row that is there"); break;
                default: break;
            }
        }
        same(state.size(), 900, "rows by the changelog");
        same(limitScan(connection, KEYED, 10000), 900, "limit scan of all rows");
        same(limitScan(connection, KEYED, 5), 10, "limit scan of some");
        Lookuper prefix = connection.getTable(PREFIX).newLookup().lookupBy("a").createLookuper();
        for (int i = 0; i < 100; i += 9)
            same(prefix.lookup(GenericRow.of(i)).get().getRowList().size(), 3, "prefix " + i);
        for (int i = 0; i < 100; i += 9)
            for (InternalRow row : prefix.lookup(GenericRow.of(i)).get().getRowList()) {
                check(i < 10 ? row.getString(3).toString().startsWith("x") : row.isNullAt(3), "a column added later " + i);
                check(i < 10 ? row.getLong(2) == -row.getInt(4) : row.isNullAt(4), "another column added later " + i);
            }
        same(scan(connection, PREFIX, null, null, 300 + 60).size(), 360, "changes of an altered table");
        same(prefix.lookup(GenericRow.of(5000)).get().getRowList().size(), 0, "a prefix that was never there");
        check(admin.getLatestKvSnapshots(KEYED).get().getBucketIds().size() == 2, "kv snapshots of each bucket");
    }

    static void readEngines(Connection connection) throws Exception {
        String[] engines = {"first_row", "versioned", "wal"};
        String[] expected = {"v5", "v7", "v7"};
        int[] changes = {10, 10 + 9 * 4 + 6, 40}; /* a null version takes the place of a null one */
        for (int e = 0; e < 3; e++) {
            TablePath path = TablePath.of("judge", engines[e]);
            Lookuper lookuper = connection.getTable(path).newLookup().createLookuper();
            for (int k = 0; k < 10; k++)
                same(lookuper.lookup(GenericRow.of(k)).get().getSingletonRow().getString(2).toString(), expected[e], engines[e] + " " + k);
            Map<String, Integer> kinds = new HashMap<>();
            for (ScanRecord record : scan(connection, path, null, null, changes[e]))
                kinds.merge(record.getChangeType().shortString(), 1, Integer::sum);
            same(kinds.getOrDefault("+I", 0), e == 2 ? 0 : 10, "inserts of " + path);
            same(kinds.getOrDefault("-U", 0), e == 1 ? 21 : 0, "old rows of " + path);
        }
    }

    static void readPartitions(Connection connection, Admin admin) throws Exception {
        List<PartitionInfo> partitions = admin.listPartitionInfos(DAYS).get();
        same(partitions.size(), 3, "partitions made by the writer");
        for (PartitionInfo partition : partitions)
            for (ScanRecord record : scan(connection, DAYS, partition.getPartitionId(), null, 40)) {
                same(record.getRow().getString(1).toString(), partition.getPartitionName(), "partition of a row");
                check(record.getRow().getLong(0) >= 1000 != record.getRow().isNullAt(2), "a column added later");
            }
        PartitionSpec spec = new PartitionSpec(Collections.singletonMap("day", "2030-01-01"));
        admin.createPartition(DAYS, spec, false).get();
        admin.createPartition(DAYS, spec, true).get();
        admin.dropPartition(DAYS, spec, false).get();
        same(admin.listPartitionInfos(DAYS).get().size(), 3, "partitions after one came and went");
    }

    static void readAdmin(Admin admin) throws Exception {
        check(admin.listDatabases().get().containsAll(Arrays.asList("fluss", "judge")), "databases");
        same(admin.listTables("judge").get().size(), 10, "tables");
        same(admin.getDatabaseInfo("judge").get().getDatabaseDescriptor().getComment().orElse(""), "for the judge", "comment");
        same(admin.getTableInfo(KEYED).get().getPrimaryKeys(), Collections.singletonList("k"), "primary key");
        same(admin.getTableSchema(TYPES).get().getSchema().getColumns().size(), 14, "columns");
        long total = 0;
        List<Integer> buckets = Arrays.asList(0, 1, 2);
        for (Long end : admin.listOffsets(TYPES, buckets, new OffsetSpec.LatestSpec()).all().get().values())
            total += end;
        same(total, (long) ROWS, "offsets");
        for (Long first : admin.listOffsets(TYPES, buckets, new OffsetSpec.TimestampSpec(1)).all().get().values())
            same(first, 0L, "offset at the beginning of time");
        try {
            admin.getLatestLakeSnapshot(TYPES).get();
            check(false, "a lake snapshot without a lake");
        } catch (ExecutionException e) {
            same(e.getCause().getClass().getSimpleName(), "LakeTableSnapshotNotExistException", "lake snapshot");
        }
    }

    static void rocksdb(String dir, int expected) throws Exception {
        int rows = 0;
        org.rocksdb.RocksDB.loadLibrary();
        try (org.rocksdb.Options options = new org.rocksdb.Options();
                org.rocksdb.RocksDB db = org.rocksdb.RocksDB.openReadOnly(options, dir);
                org.rocksdb.ReadOptions read = new org.rocksdb.ReadOptions().setVerifyChecksums(true);
                org.rocksdb.RocksIterator it = db.newIterator(read)) {
            for (it.seekToFirst(); it.isValid(); it.next()) {
                same(new String(it.key()), String.format("k%06d", rows), "key");
                same(new String(it.value()), "value-" + rows, "value");
                rows++;
            }
            it.status();
        }
        same(rows, expected, "rows of the checkpoint");
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("rocksdb")) {
            rocksdb(args[1], Integer.parseInt(args[2]));
        } else {
            Configuration configuration = new Configuration();
            configuration.setString("bootstrap.servers", args[1]);
            try (Connection connection = ConnectionFactory.createConnection(configuration); Admin admin = connection.getAdmin()) {
                if (args[0].equals("write")) {
                    createAll(admin);
                    fill(connection);
                    try (Connection again = ConnectionFactory.createConnection(configuration)) {
                        alter(again, admin);
                    }
                }
                readLogs(connection);
                readRows(connection, admin);
                readEngines(connection);
                readPartitions(connection, admin);
                readAdmin(admin);
            }
        }
        System.out.println("judged: " + String.join(" ", args));
        System.exit(0);
    }
}
