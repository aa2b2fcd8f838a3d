/*
 * Types.java: the real Fluss client writes and reads rows of random types, nested ones included, through every log and kv format of a
 * server, and compares each row with what it wrote: appends, projections, upserts, changelog, lookups, limit scans, partial updates,
 * deletes, and columns that are added while writers and scanners hold the older schema. Compiled with RecordValues.java (which makes
 * types, values and their text):
 *
 *     javac -cp 'JARS/*' -d OUT Types.java ../../golden/fluss/values/RecordValues.java
 *     java -cp 'JARS/*:OUT' Types HOST:PORT TABLES
 */
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

import org.apache.fluss.client.Connection;
import org.apache.fluss.client.ConnectionFactory;
import org.apache.fluss.client.admin.Admin;
import org.apache.fluss.client.lookup.LookupResult;
import org.apache.fluss.client.lookup.Lookuper;
import org.apache.fluss.client.table.Table;
import org.apache.fluss.client.table.scanner.Scan;
import org.apache.fluss.client.table.scanner.ScanRecord;
import org.apache.fluss.client.table.scanner.batch.BatchScanner;
import org.apache.fluss.client.table.scanner.log.LogScanner;
import org.apache.fluss.client.table.scanner.log.ScanRecords;
import org.apache.fluss.client.table.writer.AppendWriter;
import org.apache.fluss.client.table.writer.UpsertWriter;
import org.apache.fluss.config.Configuration;
import org.apache.fluss.metadata.DatabaseDescriptor;
import org.apache.fluss.metadata.Schema;
import org.apache.fluss.metadata.TableBucket;
import org.apache.fluss.metadata.TableChange;
import org.apache.fluss.metadata.TableDescriptor;
import org.apache.fluss.metadata.TablePath;
import org.apache.fluss.row.GenericRow;
import org.apache.fluss.row.InternalArray;
import org.apache.fluss.row.InternalMap;
import org.apache.fluss.row.InternalRow;
import org.apache.fluss.types.ArrayType;
import org.apache.fluss.types.DataField;
import org.apache.fluss.types.DataType;
import org.apache.fluss.types.DataTypes;
import org.apache.fluss.types.MapType;
import org.apache.fluss.types.RowType;
import org.apache.fluss.utils.CloseableIterator;

public class Types {
    static final int ROWS = 12;
    static Connection connection;
    static Admin admin;
    static int checks;

    // ---- rows of any kind as text ----

    static void print(DataType type, Object value, StringBuilder out) {
        if (value == null) {
            out.append('~');
            return;
        }
        switch (type.getTypeRoot()) {
        case ARRAY:
            out.append('[');
            printItems(((ArrayType) type).getElementType(), (InternalArray) value, out);
            out.append(']');
            return;
        case MAP: {
            InternalMap map = (InternalMap) value;
            MapType mapType = (MapType) type;
            InternalArray.ElementGetter keys = InternalArray.createElementGetter(mapType.getKeyType());
            InternalArray.ElementGetter values = InternalArray.createElementGetter(mapType.getValueType());
            List<String> entries = new ArrayList<>(); // a map has no order
            for (int i = 0; i < map.size(); i++) {
                StringBuilder one = new StringBuilder();
                print(mapType.getKeyType(), keys.getElementOrNull(map.keyArray(), i), one);
                one.append('=');
                print(mapType.getValueType(), values.getElementOrNull(map.valueArray(), i), one);
                entries.add(one.toString());
            }
            Collections.sort(entries);
            out.append('{').append(entries).append('}');
            return;
        }
        case ROW: out.append(text((RowType) type, (InternalRow) value)); return;
        default: RecordValues.print(type, value, out);
        }
    }

    static void printItems(DataType element, InternalArray array, StringBuilder out) {
        InternalArray.ElementGetter getter = InternalArray.createElementGetter(element);
        for (int i = 0; i < array.size(); i++) {
            print(element, getter.getElementOrNull(array, i), out);
            out.append(',');
        }
    }

    static String text(RowType type, InternalRow row) {
        StringBuilder out = new StringBuilder("(");
        for (int i = 0; i < type.getFieldCount(); i++) {
            print(type.getTypeAt(i), InternalRow.createFieldGetter(type.getTypeAt(i), i).getFieldOrNull(row), out);
            out.append(',');
        }
        return out.append(')').toString();
    }

    static void same(String what, String got, String expected) {
        checks++;
        if (!got.equals(expected))
            throw new AssertionError(what + "\n  got      " + got + "\n  expected " + expected);
    }

    // ---- tables ----

    static TableDescriptor.Builder describe(RowType type, boolean keyed, String... properties) {
        Schema.Builder schema = Schema.newBuilder();
        for (DataField field : type.getFields())
            schema.column(field.getName(), field.getType());
        if (keyed)
            schema.primaryKey("f0");
        TableDescriptor.Builder builder = TableDescriptor.builder().schema(schema.build()).distributedBy(1, keyed ? Arrays.asList("f0") : Collections.emptyList());
        for (int i = 0; i < properties.length; i += 2)
            builder.property(properties[i], properties[i + 1]);
        return builder;
    }

    /** A key, then columns that may be null (a partial update demands it). */
    static RowType keyedType(RowType of) {
        List<DataField> fields = new ArrayList<>();
        fields.add(new DataField("f0", DataTypes.INT().copy(false)));
        for (DataField field : of.getFields())
            fields.add(new DataField("f" + fields.size(), field.getType().copy(true)));
        return new RowType(fields);
    }

    static List<ScanRecord> scan(Table table, int[] projection, int wanted) throws Exception {
        Scan scan = table.newScan();
        if (projection != null)
            scan = scan.project(projection);
        List<ScanRecord> all = new ArrayList<>();
        try (LogScanner scanner = scan.createLogScanner()) {
            scanner.subscribeFromBeginning(0);
            for (int polls = 0; all.size() < wanted && polls < 40; polls++) {
                ScanRecords records = scanner.poll(Duration.ofMillis(500));
                for (TableBucket bucket : records.buckets())
                    all.addAll(records.records(bucket));
            }
        }
        if (all.size() != wanted)
            throw new AssertionError(table.getTableInfo().getTablePath() + ": " + all.size() + " records, expected " + wanted);
        return all;
    }

    static RowType project(RowType type, int[] positions) {
        List<DataField> fields = new ArrayList<>();
        for (int position : positions)
            fields.add(type.getFields().get(position));
        return new RowType(fields);
    }

    static GenericRow project(GenericRow row, int[] positions) {
        GenericRow out = new GenericRow(positions.length);
        for (int i = 0; i < positions.length; i++)
            out.setField(i, row.getField(positions[i]));
        return out;
    }

    static int[] shuffled(int count) {
        List<Integer> all = new ArrayList<>();
        for (int i = 0; i < count; i++)
            all.add(i);
        Collections.shuffle(all, RecordValues.random);
        int[] out = new int[1 + RecordValues.random.nextInt(count)];
        for (int i = 0; i < out.length; i++)
            out[i] = all.get(i);
        return out;
    }

    static void logTable(String name, RowType type, String format) throws Exception {
        TablePath path = TablePath.of("types", name);
        admin.createTable(path, describe(type, false, "table.log.format", format).build(), false).get();
        List<GenericRow> rows = new ArrayList<>();
        try (Table table = connection.getTable(path)) {
            AppendWriter writer = table.newAppend().createWriter();
            for (int i = 0; i < ROWS; i++) {
                rows.add(RecordValues.rowValue(type, 0));
                writer.append(rows.get(i));
                if (i == ROWS / 2)
                    writer.flush();
            }
            writer.flush();
            List<ScanRecord> records = scan(table, null, ROWS);
            for (int i = 0; i < ROWS; i++)
                same(name + " row " + i, text(type, records.get(i).getRow()), text(type, rows.get(i)));
            int[] some = shuffled(type.getFieldCount());
            if (format.equals("ARROW")) {
                records = scan(table, some, ROWS);
                for (int i = 0; i < ROWS; i++)
                    same(name + " projected row " + i, text(project(type, some), records.get(i).getRow()), text(project(type, some), project(rows.get(i), some)));
            }
            if (format.equals("ARROW")) // this client has a NullPointerException for rows of another schema in the other two
                evolve(path, table, writer, type, rows);
        }
    }

    /** A column comes while the old writer is open: it goes on, a new one writes the new column, and both are read. */
    static void evolve(TablePath path, Table old, AppendWriter writer, RowType type, List<GenericRow> rows) throws Exception {
        DataType added = DataTypes.ARRAY(DataTypes.ROW(DataTypes.FIELD("x", DataTypes.STRING()), DataTypes.FIELD("y", DataTypes.DOUBLE())));
        admin.alterTable(path, Collections.singletonList(TableChange.addColumn("added", added, "later", TableChange.ColumnPosition.last())), false).get();
        List<DataField> fields = new ArrayList<>(type.getFields());
        fields.add(new DataField("added", added));
        RowType wide = new RowType(fields);
        rows.add(RecordValues.rowValue(type, 0));
        writer.append(rows.get(rows.size() - 1));
        writer.flush();
        try (Table table = connection.getTable(path)) {
            AppendWriter fresh = table.newAppend().createWriter();
            rows.add(RecordValues.rowValue(wide, 0));
            fresh.append(rows.get(rows.size() - 1));
            fresh.flush();
            List<ScanRecord> records = scan(table, null, rows.size());
            for (int i = 0; i < rows.size(); i++)
                same(path + " widened row " + i, text(wide, records.get(i).getRow()), text(wide, widened(rows.get(i), wide.getFieldCount())));
        }
        List<ScanRecord> records = scan(old, null, rows.size());
        for (int i = 0; i < rows.size(); i++)
            same(path + " row " + i + " by the old schema", text(type, records.get(i).getRow()), text(type, rows.get(i)));
    }

    static GenericRow widened(GenericRow row, int count) {
        GenericRow out = new GenericRow(count);
        for (int i = 0; i < Math.min(count, row.getFieldCount()); i++)
            out.setField(i, row.getField(i));
        return out;
    }

    // ---- tables with a key ----

    static void lookups(String what, Table table, RowType type, Map<Integer, GenericRow> expected) throws Exception {
        Lookuper lookuper = table.newLookup().createLookuper();
        List<CompletableFuture<LookupResult>> answers = new ArrayList<>();
        for (int key = 0; key < ROWS + 4; key++)
            answers.add(lookuper.lookup(GenericRow.of(key)));
        for (int key = 0; key < ROWS + 4; key++) {
            InternalRow got = answers.get(key).get().getSingletonRow();
            GenericRow wanted = expected.get(key);
            same(what + " lookup " + key, got == null ? "none" : text(type, got), wanted == null ? "none" : text(type, widened(wanted, type.getFieldCount())));
        }
        Map<Integer, String> found = new HashMap<>();
        try (BatchScanner scanner = table.newScan().limit(1000).createBatchScanner(new TableBucket(table.getTableInfo().getTableId(), 0))) {
            CloseableIterator<InternalRow> batch;
            while ((batch = scanner.pollBatch(Duration.ofSeconds(10))) != null) {
                while (batch.hasNext()) {
                    InternalRow row = batch.next();
                    found.put(row.getInt(0), text(type, row));
                }
                batch.close();
            }
        }
        same(what + " limit scan", "" + found.size(), "" + expected.size());
        for (Map.Entry<Integer, GenericRow> one : expected.entrySet())
            same(what + " limit scan " + one.getKey(), found.get(one.getKey()), text(type, widened(one.getValue(), type.getFieldCount())));
    }

    static GenericRow keyedRow(RowType type, int key) {
        GenericRow row = RecordValues.rowValue(type, 0);
        row.setField(0, key);
        return row;
    }

    static void keyedTable(String name, RowType type, String kv, String log) throws Exception {
        TablePath path = TablePath.of("types", name);
        admin.createTable(path, describe(type, true, "table.kv.format", kv, "table.log.format", log).build(), false).get();
        Map<Integer, GenericRow> rows = new HashMap<>();
        List<String> changes = new ArrayList<>();
        try (Table table = connection.getTable(path)) {
            UpsertWriter writer = table.newUpsert().createWriter();
            for (int key = 0; key < ROWS; key++) {
                rows.put(key, keyedRow(type, key));
                writer.upsert(rows.get(key));
                changes.add("+I" + text(type, rows.get(key)));
            }
            writer.flush();
            for (int key = 0; key < ROWS; key += 3) {
                GenericRow before = rows.put(key, keyedRow(type, key));
                writer.upsert(rows.get(key));
                changes.add("-U" + text(type, before));
                changes.add("+U" + text(type, rows.get(key)));
            }
            writer.flush();
            changes.add("-D" + text(type, rows.remove(1)));
            writer.delete(widened(GenericRow.of(1), type.getFieldCount()));
            writer.flush();
            int[] target = type.getFieldCount() > 2 ? new int[] {0, type.getFieldCount() - 1} : new int[] {0, 1};
            UpsertWriter partial = table.newUpsert().partialUpdate(target).createWriter();
            for (int key = 2; key < ROWS + 2; key += 5) {
                GenericRow now = keyedRow(type, key), before = rows.get(key);
                GenericRow merged = before == null ? new GenericRow(type.getFieldCount()) : widened(before, type.getFieldCount());
                for (int position : target)
                    merged.setField(position, now.getField(position));
                partial.upsert(now);
                partial.flush();
                rows.put(key, merged);
                changes.add((before == null ? "+I" : "-U") + text(type, before == null ? merged : before));
                if (before != null)
                    changes.add("+U" + text(type, merged)); // also where nothing changes
            }
            lookups(name, table, type, rows);
            List<ScanRecord> records = scan(table, null, changes.size());
            for (int i = 0; i < changes.size(); i++)
                same(name + " change " + i, records.get(i).getChangeType().shortString() + text(type, records.get(i).getRow()), changes.get(i));
            evolveKeyed(path, writer, type, rows);
        }
    }

    static void evolveKeyed(TablePath path, UpsertWriter writer, RowType type, Map<Integer, GenericRow> rows) throws Exception {
        DataType added = DataTypes.MAP(DataTypes.STRING().copy(false), DataTypes.ARRAY(DataTypes.INT()));
        admin.alterTable(path, Collections.singletonList(TableChange.addColumn("added", added, null, TableChange.ColumnPosition.last())), false).get();
        List<DataField> fields = new ArrayList<>(type.getFields());
        fields.add(new DataField("added", added));
        RowType wide = new RowType(fields);
        rows.put(3, keyedRow(type, 3));
        writer.upsert(rows.get(3)); // by the old schema
        writer.flush();
        try (Table table = connection.getTable(path)) {
            UpsertWriter fresh = table.newUpsert().createWriter();
            rows.put(4, keyedRow(wide, 4));
            fresh.upsert(rows.get(4));
            fresh.flush();
            UpsertWriter partial = table.newUpsert().partialUpdate(new int[] {0, type.getFieldCount()}).createWriter();
            GenericRow now = keyedRow(wide, 5), merged = widened(rows.get(5), wide.getFieldCount());
            merged.setField(type.getFieldCount(), now.getField(type.getFieldCount()));
            partial.upsert(now);
            partial.flush();
            rows.put(5, merged);
            lookups(path + " widened", table, wide, rows);
        }
    }

    public static void main(String[] args) throws Exception {
        Configuration conf = new Configuration();
        conf.setString("bootstrap.servers", args[0]);
        int tables = Integer.parseInt(args[1]);
        RecordValues.sinceEpoch = true;
        String[] logs = {"ARROW", "INDEXED", "COMPACTED"};
        // On a real cluster of 0.9.1 the kind INDEXED, INDEXED fails: what was acknowledged is not found. The others pass there too.
        String[][] kvs = {{"COMPACTED", "ARROW"}, {"COMPACTED", "COMPACTED"}, {"INDEXED", "ARROW"}, {"INDEXED", "INDEXED"}, {"INDEXED", "COMPACTED"}};
        connection = ConnectionFactory.createConnection(conf);
        admin = connection.getAdmin();
        admin.createDatabase("types", DatabaseDescriptor.EMPTY, true).get();
        for (int i = 0; i < tables; i++) {
            RowType type = RecordValues.row(3);
            logTable("log" + i, type, logs[i % logs.length]);
            keyedTable("keyed" + i, keyedType(RecordValues.row(2)), kvs[i % kvs.length][0], kvs[i % kvs.length][1]);
        }
        connection.close();
        System.out.println(2 * tables + " tables, " + checks + " checks");
    }
}
