/*
 * KvEngines.java: what primary-key tables make of writes, said as text: the changelog with its offsets, the rows that are left, and the
 * errors. Run as a source file against any Fluss:
 *
 *     java -cp 'JARS/*' KvEngines.java write HOST:PORT     makes its database anew, writes and prints
 *     java -cp 'JARS/*' KvEngines.java read HOST:PORT      prints what the tables have (after the server was killed)
 *     java -cp 'JARS/*' KvEngines.java more HOST:PORT      inserts into the numbered tables and checks that no id comes twice
 *
 * Every write is flushed by itself, so that offsets do not depend on batching. tests/golden/fluss/kv-engines.txt is what Fluss 0.9.1
 * printed for `write`.
 */
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutionException;

import org.apache.fluss.client.Connection;
import org.apache.fluss.client.ConnectionFactory;
import org.apache.fluss.client.admin.Admin;
import org.apache.fluss.client.lookup.Lookuper;
import org.apache.fluss.client.admin.OffsetSpec;
import org.apache.fluss.client.table.Table;
import org.apache.fluss.client.table.scanner.ScanRecord;
import org.apache.fluss.client.table.scanner.batch.BatchScanner;
import org.apache.fluss.client.table.scanner.log.LogScanner;
import org.apache.fluss.client.table.scanner.log.ScanRecords;
import org.apache.fluss.client.table.writer.Upsert;
import org.apache.fluss.client.table.writer.UpsertWriter;
import org.apache.fluss.config.Configuration;
import org.apache.fluss.metadata.AggFunctions;
import org.apache.fluss.metadata.DatabaseDescriptor;
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
import org.apache.fluss.rpc.protocol.MergeMode;
import org.apache.fluss.types.DataType;
import org.apache.fluss.types.DataTypes;
import org.apache.fluss.types.RowType;
import org.apache.fluss.utils.CloseableIterator;

public class KvEngines {
    static final String DATABASE = "engines";
    static Connection connection;
    static Admin admin;
    static String table;

    static void say(String text) {
        System.out.println(text);
    }

    /** The class and the first line of what went wrong. */
    static String fault(Throwable t) {
        while (t instanceof ExecutionException && t.getCause() != null)
            t = t.getCause();
        String message = String.valueOf(t.getMessage()).split("\n")[0].trim();
        return t.getClass().getSimpleName() + ": " + message;
    }

    // ---- values as text ----

    static String text(Object value, DataType type) {
        if (value == null)
            return "null";
        if (value instanceof byte[]) {
            StringBuilder hex = new StringBuilder();
            for (byte b : (byte[]) value)
                hex.append(String.format("%02x", b));
            return hex.toString();
        }
        return value.toString().replace("\0", ""); // Fluss pads CHAR with zeros in the changelog of INDEXED rows, we do not
    }

    static String text(InternalRow row, RowType type) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < row.getFieldCount() && i < type.getFieldCount(); i++)
            out.append(i == 0 ? "" : " | ").append(text(InternalRow.createFieldGetter(type.getTypeAt(i), i).getFieldOrNull(row), type.getTypeAt(i)));
        return out.toString();
    }

    static Object value(Object word, DataType type) {
        if (word == null)
            return null;
        String s = word.toString();
        switch (type.getTypeRoot()) {
            case BOOLEAN: return Boolean.valueOf(s);
            case TINYINT: return Byte.valueOf(s);
            case SMALLINT: return Short.valueOf(s);
            case INTEGER:
            case DATE:
            case TIME_WITHOUT_TIME_ZONE: return Integer.valueOf(s);
            case BIGINT: return Long.valueOf(s);
            case FLOAT: return Float.valueOf(s);
            case DOUBLE: return Double.valueOf(s);
            case CHAR:
            case STRING: return BinaryString.fromString(s);
            case BINARY:
            case BYTES: return word instanceof byte[] ? word : s.getBytes();
            case DECIMAL: {
                org.apache.fluss.types.DecimalType d = (org.apache.fluss.types.DecimalType) type;
                return Decimal.fromBigDecimal(new BigDecimal(s), d.getPrecision(), d.getScale());
            }
            case TIMESTAMP_WITHOUT_TIME_ZONE: {
                String[] parts = s.split(":");
                return TimestampNtz.fromMillis(Long.parseLong(parts[0]), parts.length > 1 ? Integer.parseInt(parts[1]) : 0);
            }
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE: {
                String[] parts = s.split(":");
                return TimestampLtz.fromEpochMillis(Long.parseLong(parts[0]), parts.length > 1 ? Integer.parseInt(parts[1]) : 0);
            }
            default: throw new IllegalArgumentException(type.toString());
        }
    }

    static GenericRow row(RowType type, Object... words) {
        GenericRow row = new GenericRow(type.getFieldCount());
        for (int i = 0; i < words.length; i++)
            row.setField(i, value(words[i], type.getTypeAt(i)));
        return row;
    }

    // ---- tables ----

    static TablePath path() {
        return TablePath.of(DATABASE, table);
    }

    /** Properties as key, value, key, value. */
    static boolean create(String name, Schema schema, String... properties) {
        table = name;
        TableDescriptor.Builder builder = TableDescriptor.builder().schema(schema).distributedBy(1);
        for (int i = 0; i < properties.length; i += 2)
            builder.property(properties[i], properties[i + 1]);
        say("== " + name + " " + String.join(" ", properties));
        try {
            admin.createTable(path(), builder.build(), false).get();
            return true;
        } catch (Throwable t) {
            say("refused: " + fault(t));
            return false;
        }
    }

    static void write(String what, boolean delete, int[] targets, MergeMode mode, Object... words) {
        try (Table t = connection.getTable(path())) {
            Upsert upsert = t.newUpsert();
            if (targets != null)
                upsert = upsert.partialUpdate(targets);
            if (mode != null)
                upsert = upsert.mergeMode(mode);
            UpsertWriter writer = upsert.createWriter();
            GenericRow row = row(t.getTableInfo().getRowType(), words);
            if (delete)
                writer.delete(row).get();
            else
                writer.upsert(row).get();
        } catch (Throwable f) {
            say(what + " " + words[0] + ", ... refused: " + fault(f));
        }
    }

    static void put(Object... words) {
        write("put", false, null, null, words);
    }

    static void part(int[] targets, Object... words) {
        write("part", false, targets, null, words);
    }

    static void drop(Object... words) {
        write("delete", true, null, null, words);
    }

    static void dropPart(int[] targets, Object... words) {
        write("delete part", true, targets, null, words);
    }

    static void over(Object... words) {
        write("overwrite", false, null, MergeMode.OVERWRITE, words);
    }

    static void look(boolean insert, Object... words) {
        try (Table t = connection.getTable(path())) {
            RowType type = t.getTableInfo().getRowType();
            int[] keys = t.getTableInfo().getSchema().getPrimaryKeyIndexes();
            GenericRow key = new GenericRow(keys.length);
            for (int i = 0; i < keys.length; i++)
                key.setField(i, value(words[i], type.getTypeAt(keys[i])));
            Lookuper lookuper = insert ? t.newLookup().enableInsertIfNotExists().createLookuper() : t.newLookup().createLookuper();
            InternalRow found = lookuper.lookup(key).get().getSingletonRow();
            say((insert ? "look or insert " : "look ") + Arrays.toString(words) + ": " + (found == null ? "nothing" : text(found, type)));
        } catch (Throwable f) {
            say("look " + Arrays.toString(words) + " refused: " + fault(f));
        }
    }

    static void prefix(String[] columns, Object... words) {
        try (Table t = connection.getTable(path())) {
            RowType type = t.getTableInfo().getRowType();
            GenericRow key = new GenericRow(columns.length);
            for (int i = 0; i < columns.length; i++)
                key.setField(i, value(words[i], type.getTypeAt(type.getFieldIndex(columns[i]))));
            List<String> rows = new ArrayList<>();
            for (InternalRow row : t.newLookup().lookupBy(columns).createLookuper().lookup(key).get().getRowList())
                rows.add(text(row, type));
            say("prefix " + Arrays.toString(words) + ": " + rows);
        } catch (Throwable f) {
            say("prefix " + Arrays.toString(words) + " refused: " + fault(f));
        }
    }

    /** The whole changelog with offsets, then the rows, sorted. */
    static void show() throws Exception {
        try (Table t = connection.getTable(path())) {
            RowType type = t.getTableInfo().getRowType();
            TableBucket bucket = new TableBucket(t.getTableInfo().getTableId(), 0);
            long end = admin.listOffsets(path(), Collections.singletonList(0), new OffsetSpec.LatestSpec()).all().get().get(0);
            say("log of " + table + " ends at " + end);
            try (LogScanner scanner = t.newScan().createLogScanner()) {
                scanner.subscribeFromBeginning(0);
                long next = 0;
                long deadline = System.currentTimeMillis() + 20000;
                List<String> last = new ArrayList<>();
                while (next < end && System.currentTimeMillis() < deadline) {
                    ScanRecords records = scanner.poll(Duration.ofMillis(200));
                    int before = last.size();
                    for (ScanRecord record : records.records(bucket)) {
                        last.add(record.logOffset() + " " + record.getChangeType().shortString() + " " + text(record.getRow(), type));
                        next = record.logOffset() + 1;
                    }
                    if (last.size() == before && next > 0 && System.currentTimeMillis() > deadline - 19000)
                        break; // the log ends with batches that have no rows
                }
                last.forEach(KvEngines::say);
            }
            List<String> rows = new ArrayList<>();
            try (BatchScanner scanner = t.newScan().limit(1000).createBatchScanner(bucket)) {
                CloseableIterator<InternalRow> batch;
                while ((batch = scanner.pollBatch(Duration.ofSeconds(10))) != null) {
                    while (batch.hasNext())
                        rows.add(text(batch.next(), type));
                    batch.close();
                }
            }
            Collections.sort(rows);
            rows.forEach(r -> say("row " + r));
            try {
                say("count " + admin.getTableStats(path()).get().getRowCount());
            } catch (Throwable f) {
                say("count refused: " + fault(f));
            }
        }
    }

    // ---- what is tried ----

    static final String[] AGG = {"table.merge-engine", "aggregation"};

    static String[] with(String[] some, String... more) {
        String[] all = Arrays.copyOf(some, some.length + more.length);
        System.arraycopy(more, 0, all, some.length, more.length);
        return all;
    }

    static byte[] bitmap(int... values) { // without containers of runs: values below 65536 in one container
        ByteBuffer out = ByteBuffer.allocate(16 + 2 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(12346).putInt(1).putShort((short) 0).putShort((short) (values.length - 1)).putInt(16);
        for (int v : values)
            out.putShort((short) v);
        return out.array();
    }

    static byte[] bitmaps(int containers, int each) {
        ByteBuffer out = ByteBuffer.allocate(8 + containers * (8 + 2 * each)).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(12346).putInt(containers);
        for (int c = 0; c < containers; c++)
            out.putShort((short) (3 * c)).putShort((short) (each - 1));
        for (int c = 0; c < containers; c++)
            out.putInt(8 + containers * 8 + c * 2 * each);
        for (int c = 0; c < containers; c++)
            for (int i = 0; i < each; i++)
                out.putShort((short) (i * (c + 1)));
        return out.array();
    }

    static void numbers(String format) throws Exception {
        DataType[] types = {DataTypes.TINYINT(), DataTypes.SMALLINT(), DataTypes.INT(), DataTypes.BIGINT(), DataTypes.FLOAT(),
                DataTypes.DOUBLE(), DataTypes.DECIMAL(12, 2), DataTypes.DECIMAL(38, 4)};
        Object[][] words = {{100, 30000, 2000000000, 9000000000000000000L, "1.5", "2.5", "1234.56", "99999999999999999999.9999"},
                {100, 3000, 2000000000, 9000000000000000000L, "2.5", "-1e300", "-2.25", "3.0001"}, {null, null, null, null, null, null, null, null},
                {-3, -3, -3, -3, "-3", "1e300", "0.05", "-100000000000000000000000000000.5"}};
        for (String function : new String[] {"sum", "product", "max", "min"}) {
            Schema.Builder schema = Schema.newBuilder().column("k", DataTypes.INT());
            for (int i = 0; i < types.length; i++)
                schema.column("c" + i, types[i], function.equals("sum") ? AggFunctions.SUM() : function.equals("product") ? AggFunctions.PRODUCT()
                        : function.equals("max") ? AggFunctions.MAX() : AggFunctions.MIN());
            create("numbers_" + function + "_" + format, schema.primaryKey("k").build(), with(AGG, "table.kv.format", format));
            for (Object[] some : words) {
                Object[] all = new Object[some.length + 1];
                all[0] = 1;
                System.arraycopy(some, 0, all, 1, some.length);
                put(all);
            }
            put(2, null, null, null, null, null, null, null, null);
            put(2, 1, 2, 3, 4, 5, 6, 7, 8);
            show();
        }
    }

    static void others(String format) throws Exception {
        create("ordered_" + format, Schema.newBuilder().column("k", DataTypes.INT()).column("s", DataTypes.STRING(), AggFunctions.MAX())
                .column("ch", DataTypes.CHAR(4), AggFunctions.MIN()).column("d", DataTypes.DATE(), AggFunctions.MAX())
                .column("t", DataTypes.TIME(3), AggFunctions.MIN()).column("ts3", DataTypes.TIMESTAMP(3), AggFunctions.MAX())
                .column("ts6", DataTypes.TIMESTAMP(6), AggFunctions.MIN()).column("ltz9", DataTypes.TIMESTAMP_LTZ(9), AggFunctions.MAX())
                .column("f", DataTypes.FLOAT(), AggFunctions.MAX()).column("dbl", DataTypes.DOUBLE(), AggFunctions.MIN()).primaryKey("k").build(),
                with(AGG, "table.kv.format", format));
        put(1, "abc", "zz", 100, 1000, "5", "5:1000", "5:999999", "-0.0", "NaN");
        put(1, "abd", "zzz", 99, 999, "4", "5:2000", "5:999998", "0.0", "1");
        put(1, "ab\u00e4", "z", 101, null, "-7", "-7", "-7", "NaN", "-0.0");
        put(1, null, null, null, 5, "6", null, "6:1", "1", "0.0");
        show();
        create("chosen_" + format, Schema.newBuilder().column("k", DataTypes.INT()).column("last", DataTypes.STRING(), AggFunctions.LAST_VALUE())
                .column("lastnn", DataTypes.BYTES(), AggFunctions.LAST_VALUE_IGNORE_NULLS()).column("first", DataTypes.BIGINT(), AggFunctions.FIRST_VALUE())
                .column("firstnn", DataTypes.STRING(), AggFunctions.FIRST_VALUE_IGNORE_NULLS()).column("list", DataTypes.STRING(), AggFunctions.LISTAGG())
                .column("str", DataTypes.STRING(), AggFunctions.STRING_AGG(" | ")).column("all", DataTypes.BOOLEAN(), AggFunctions.BOOL_AND())
                .column("any", DataTypes.BOOLEAN(), AggFunctions.BOOL_OR()).column("unsaid", DataTypes.INT()).primaryKey("k").build(),
                with(AGG, "table.kv.format", format));
        put(1, "a", "x", null, null, "p", "q", true, false, 1);
        put(1, null, null, 2, "second", "", null, true, true, null);
        put(1, "b", "", 3, "third", "r", "s", false, null, 3);
        put(1, "c", "y", null, null, null, "t", true, false, null);
        show();
        create("bitmap_" + format, Schema.newBuilder().column("k", DataTypes.INT()).column("b", DataTypes.BYTES(), AggFunctions.RBM32()).primaryKey("k").build(),
                with(AGG, "table.kv.format", format));
        put(1, bitmap(1, 2, 3, 4, 5, 6, 7, 8, 9));
        put(1, bitmap(10, 11, 12, 40, 41));
        put(1, bitmap(9));
        put(1, (Object) null);
        put(2, bitmaps(3, 1000));
        put(2, bitmaps(5, 4000));
        put(3, bitmap(1, 2));
        put(3, bitmap(5, 6));
        put(4, bitmap(7));
        put(4, new byte[] {0, 0, 0, 0, 0, 0, 0, 0});
        show();
    }

    static Schema.Builder abc() {
        return Schema.newBuilder().column("k", DataTypes.INT()).column("a", DataTypes.BIGINT()).column("b", DataTypes.STRING()).column("c", DataTypes.INT());
    }

    static void parts(String format, String... properties) throws Exception {
        create("parts_" + format + (properties.length == 0 ? "" : "_" + properties[1]).toLowerCase(), abc().primaryKey("k").build(),
                with(new String[] {"table.kv.format", format}, properties));
        put(1, 10, "one", 100);
        part(new int[] {0, 2}, 1, null, "uno", null);
        part(new int[] {0, 2}, 2, 99, "dos", 99);
        part(new int[] {0, 1, 3}, 2, 20, "ignored", 200);
        part(new int[] {0}, 1);
        part(new int[] {0}, 3);
        part(new int[] {1, 2}, 4, 1, "x");
        dropPart(new int[] {0, 1}, 1);
        dropPart(new int[] {0, 2, 3}, 1);
        dropPart(new int[] {0, 1}, 2);
        dropPart(new int[] {0, 2}, 9);
        put(5, 50, "five", 500);
        put(5, 50, "five", 500);
        drop(5);
        drop(6);
        show();
    }

    static void deletes() throws Exception {
        for (String behavior : new String[] {"allow", "ignore", "disable"}) {
            for (String engine : new String[] {null, "first_row", "versioned", "aggregation"}) {
                String[] properties = {"table.delete.behavior", behavior};
                if (engine != null)
                    properties = with(properties, "table.merge-engine", engine);
                if ("versioned".equals(engine))
                    properties = with(properties, "table.merge-engine.versioned.ver-column", "c");
                if (!create("deletes_" + behavior + "_" + engine, abc().primaryKey("k").build(), properties))
                    continue;
                put(1, 10, "one", 5);
                put(1, 20, "two", 4);
                put(1, 30, "three", 6);
                put(1, 31, "null", null);
                drop(1);
                drop(2);
                part(new int[] {0, 2}, 1, null, "part", null);
                dropPart(new int[] {0, 2}, 1);
                over(1, 1, "over", 1);
                write("delete over", true, null, MergeMode.OVERWRITE, 1);
                show();
            }
        }
    }

    static void versions() throws Exception {
        DataType[] types = {DataTypes.INT(), DataTypes.BIGINT(), DataTypes.TIMESTAMP(3), DataTypes.TIMESTAMP(9), DataTypes.TIMESTAMP_LTZ(6)};
        for (int i = 0; i < types.length; i++) {
            for (String format : new String[] {"compacted", "indexed"}) {
                create("versions_" + i + "_" + format, Schema.newBuilder().column("k", DataTypes.INT()).column("v", types[i]).column("s", DataTypes.STRING())
                        .primaryKey("k").build(), "table.merge-engine", "versioned", "table.merge-engine.versioned.ver-column", "v", "table.kv.format", format);
                put(1, null, "first");
                put(1, "5", "five");
                put(1, "-5", "less");
                put(1, i == 3 || i == 4 ? "5:1000" : "5", "same");
                put(1, null, "null");
                put(1, "6", "six");
                show();
            }
        }
    }

    static void walImage() throws Exception {
        String[] wal = {"table.changelog.image", "wal"};
        for (String engine : new String[] {null, "first_row", "versioned", "aggregation"}) {
            String[] properties = wal;
            if (engine != null)
                properties = with(properties, "table.merge-engine", engine);
            if ("versioned".equals(engine))
                properties = with(properties, "table.merge-engine.versioned.ver-column", "c");
            if (!create("wal_" + engine, abc().primaryKey("k").build(), properties))
                continue;
            put(1, 10, "one", 1);
            put(1, 20, "two", 2);
            put(1, 30, "three", 1);
            part(new int[] {0, 1}, 1, 11);
            part(new int[] {0, 1}, 2, 12);
            drop(1);
            drop(7);
            over(3, 1, "over", 1);
            over(3, 2, "over", 2);
            show();
        }
    }

    static void numbered(String format, DataType type) throws Exception {
        create("numbered_" + format, Schema.newBuilder().column("k", DataTypes.STRING()).column("id", type).column("v", DataTypes.INT())
                .primaryKey("k").enableAutoIncrement("id").build(), "table.kv.format", format, "table.auto-increment.cache-size", "10");
        part(new int[] {0, 2}, "a", null, 1);
        part(new int[] {0, 2}, "b", 77, 2);
        part(new int[] {0, 2}, "a", null, 3);
        put("c", 5, 5);
        part(new int[] {0, 1}, "c", 5, 5);
        look(true, "d");
        look(true, "d");
        look(true, "a");
        look(false, "zz");
        for (int i = 0; i < 9; i++)
            part(new int[] {0, 2}, "n" + i, null, i);
        dropPart(new int[] {0, 2}, "a");
        drop("b");
        look(false, "a");
        look(false, "n8");
        show();
    }

    static void insertions() throws Exception {
        create("inserted", Schema.newBuilder().column("v", DataTypes.INT()).column("a", DataTypes.INT()).column("t", DataTypes.TIMESTAMP(6))
                .column("d", DataTypes.DECIMAL(20, 2)).column("s", DataTypes.STRING()).primaryKey("a", "t", "d", "s").build());
        look(true, -7, "5:1000", "1.25", "x");
        look(true, 7, "-5", "-123456789012345678.99", "");
        look(false, 7, "-5", "-123456789012345678.99", "");
        show();
        create("inserted_not_null", Schema.newBuilder().column("k", DataTypes.INT()).column("v", DataTypes.INT().copy(false)).primaryKey("k").build());
        look(true, 1);
        part(new int[] {0}, 1);
        create("inserted_first_row", abc().primaryKey("k").build(), "table.merge-engine", "first_row");
        look(true, 1);
        create("inserted_aggregation", abc().primaryKey("k").build(), AGG);
        look(true, 1);
        put(1, 5, "x", 1);
        look(true, 1);
        show();
    }

    static void grown(String format, String... properties) throws Exception {
        create("grown_" + format + "_" + properties.length, Schema.newBuilder().column("k", DataTypes.INT()).column("a", DataTypes.INT(), AggFunctions.SUM())
                .primaryKey("k").build(), with(new String[] {"table.kv.format", format}, properties));
        for (int k = 1; k <= 6; k++)
            put(k, k);
        admin.alterTable(path(), Arrays.asList(TableChange.addColumn("b", DataTypes.STRING(), null, TableChange.ColumnPosition.last()),
                TableChange.addColumn("c", DataTypes.BIGINT(), null, TableChange.ColumnPosition.last())), false).get();
        Thread.sleep(500);
        connection.close();
        connect(address);
        look(false, 1);
        put(1, 10, "new", 1);
        part(new int[] {0, 2}, 2, null, "two");
        part(new int[] {0, 2}, 7, null, "seven");
        dropPart(new int[] {0, 1}, 3);
        dropPart(new int[] {0, 2}, 4);
        drop(5);
        drop(1);
        show();
    }

    static void prefixes() throws Exception {
        create("prefixes", Schema.newBuilder().column("a", DataTypes.INT()).column("b", DataTypes.STRING()).column("c", DataTypes.BIGINT())
                .column("v", DataTypes.INT()).primaryKey("a", "b", "c").build());
        admin.dropTable(path(), false).get();
        admin.createTable(path(), TableDescriptor.builder().schema(Schema.newBuilder().column("a", DataTypes.INT()).column("b", DataTypes.STRING())
                .column("c", DataTypes.BIGINT()).column("v", DataTypes.INT()).primaryKey("a", "b", "c").build()).distributedBy(1, "a", "b").build(), false).get();
        for (int i = 0; i < 6; i++)
            put(i % 2, i % 3 == 0 ? "x" : "xx", i - 3, i);
        prefix(new String[] {"a", "b"}, 0, "x");
        prefix(new String[] {"a", "b"}, 1, "xx");
        prefix(new String[] {"a", "b"}, 1, "");
        prefix(new String[] {"a"}, 1);
        show();
    }

    static void refusals() {
        Schema.Builder s = Schema.newBuilder().column("k", DataTypes.INT()).column("v", DataTypes.STRING(), AggFunctions.SUM()).primaryKey("k");
        create("refused_type", s.build(), AGG);
        create("refused_char", Schema.newBuilder().column("k", DataTypes.INT()).column("v", DataTypes.CHAR(5), AggFunctions.LISTAGG()).primaryKey("k").build(), AGG);
        put(1, "a");
        put(1, "b");
        look(false, 1);
        create("refused_bool", Schema.newBuilder().column("k", DataTypes.INT()).column("v", DataTypes.INT().copy(false), AggFunctions.BOOL_AND()).primaryKey("k").build(), AGG);
        create("refused_bytes", Schema.newBuilder().column("k", DataTypes.INT()).column("v", DataTypes.STRING(), AggFunctions.RBM32()).primaryKey("k").build(), AGG);
        create("refused_min", Schema.newBuilder().column("k", DataTypes.INT()).column("v", DataTypes.ARRAY(DataTypes.INT()), AggFunctions.MIN()).primaryKey("k").build(), AGG);
        create("refused_engine", abc().primaryKey("k").build(), "table.merge-engine", "newest");
        create("refused_log", abc().build(), AGG);
        create("refused_version", abc().primaryKey("k").build(), "table.merge-engine", "versioned");
        create("refused_version_none", abc().primaryKey("k").build(), "table.merge-engine", "versioned", "table.merge-engine.versioned.ver-column", "z");
        create("refused_version_type", abc().primaryKey("k").build(), "table.merge-engine", "versioned", "table.merge-engine.versioned.ver-column", "b");
        create("refused_behavior", abc().primaryKey("k").build(), "table.delete.behavior", "never");
        create("refused_image", abc().primaryKey("k").build(), "table.changelog.image", "half");
        create("short_decimal", Schema.newBuilder().column("k", DataTypes.INT()).column("v", DataTypes.DECIMAL(5, 2), AggFunctions.SUM())
                .column("w", DataTypes.DECIMAL(5, 2), AggFunctions.PRODUCT()).primaryKey("k").build(), AGG);
        put(1, "999.99", "10");
        put(1, "0", "99.9");
        put(1, "0", "0.015");
        put(1, "0.01", null);
        look(false, 1);
    }

    static String address;

    static void connect(String to) {
        Configuration conf = new Configuration();
        conf.setString("bootstrap.servers", to);
        conf.setString("client.writer.batch-timeout", "1 ms");
        conf.setString("client.lookup.batch-timeout", "1 ms");
        address = to;
        connection = ConnectionFactory.createConnection(conf);
        admin = connection.getAdmin();
    }

    static void read() throws Exception {
        List<String> tables = new ArrayList<>(admin.listTables(DATABASE).get());
        Collections.sort(tables);
        for (String name : tables) {
            table = name;
            say("== " + name);
            show();
        }
    }

    /** Ids that were given are not given again: each new one is above all of the changelog. */
    static void more() throws Exception {
        for (String name : new String[] {"numbered_compacted", "numbered_indexed"}) {
            table = name;
            try (Table t = connection.getTable(path())) {
                RowType type = t.getTableInfo().getRowType();
                TableBucket bucket = new TableBucket(t.getTableInfo().getTableId(), 0);
                InternalRow.FieldGetter id = InternalRow.createFieldGetter(type.getTypeAt(1), 1);
                for (int i = 0; i < 30; i++)
                    part(new int[] {0, 2}, "more" + System.nanoTime(), null, i);
                long end = admin.listOffsets(path(), Collections.singletonList(0), new OffsetSpec.LatestSpec()).all().get().get(0);
                long highest = 0;
                long next = 0;
                try (LogScanner scanner = t.newScan().createLogScanner()) {
                    scanner.subscribeFromBeginning(0);
                    while (next < end) {
                        for (ScanRecord record : scanner.poll(Duration.ofMillis(200)).records(bucket)) {
                            next = record.logOffset() + 1;
                            if (!record.getChangeType().shortString().equals("+I"))
                                continue;
                            long given = ((Number) id.getFieldOrNull(record.getRow())).longValue();
                            if (given <= highest)
                                throw new AssertionError(name + ": id " + given + " after " + highest);
                            highest = given;
                        }
                    }
                }
                say(name + ": ids up to " + highest);
            }
        }
    }

    public static void main(String[] args) throws Exception {
        connect(args[1]);
        if (args[0].equals("read")) {
            read();
            connection.close();
            return;
        }
        if (args[0].equals("more")) {
            more();
            connection.close();
            return;
        }
        admin.dropDatabase(DATABASE, true, true).get();
        admin.createDatabase(DATABASE, DatabaseDescriptor.EMPTY, false).get();
        for (String format : new String[] {"compacted", "indexed"}) {
            numbers(format);
            others(format);
            parts(format);
            parts(format, "table.merge-engine", "aggregation", "table.delete.behavior", "allow");
            grown(format);
            grown(format, with(AGG, "table.delete.behavior", "allow"));
        }
        numbered("compacted", DataTypes.BIGINT());
        numbered("indexed", DataTypes.INT());
        insertions();
        deletes();
        versions();
        walImage();
        prefixes();
        refusals();
        connection.close();
    }
}
