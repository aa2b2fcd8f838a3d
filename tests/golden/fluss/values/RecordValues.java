/*
 * RecordValues.java: what Fluss's own encoders make of values of every type, written down as text. Run as a source file:
 *
 *     java -cp fluss-client-0.9.1-incubating.jar RecordValues.java > values.txt
 *
 * Lines (fields apart by one blank; bytes are hex; README.md has the notation of values):
 *     T SCHEMA-JSON                              a table; what follows belongs to it
 *     R COMPACTED-ROW INDEXED-ROW VALUES         one row
 *     L FORMAT BATCH                             all its rows as one log batch (ARROW is not compressed)
 *     P KEY... COMPACTED-BATCH INDEXED-BATCH     the same as kv batches, keyed by the row's number as a BIGINT
 *     K TYPES LAKE KEY BUCKET7 BUCKET1024 VALUES one key in one encoding (none, iceberg, paimon), '-' where it is refused
 */
import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

import org.apache.fluss.bucketing.BucketingFunction;
import org.apache.fluss.compression.ArrowCompressionInfo;
import org.apache.fluss.memory.MemorySegment;
import org.apache.fluss.memory.UnmanagedPagedOutputView;
import org.apache.fluss.metadata.DataLakeFormat;
import org.apache.fluss.metadata.KvFormat;
import org.apache.fluss.metadata.Schema;
import org.apache.fluss.record.ChangeType;
import org.apache.fluss.record.KvRecordBatchBuilder;
import org.apache.fluss.record.MemoryLogRecordsArrowBuilder;
import org.apache.fluss.record.MemoryLogRecordsCompactedBuilder;
import org.apache.fluss.record.MemoryLogRecordsIndexedBuilder;
import org.apache.fluss.record.bytesview.BytesView;
import org.apache.fluss.row.BinaryRow;
import org.apache.fluss.row.BinaryRow.BinaryRowFormat;
import org.apache.fluss.row.BinaryString;
import org.apache.fluss.row.Decimal;
import org.apache.fluss.row.GenericArray;
import org.apache.fluss.row.GenericMap;
import org.apache.fluss.row.GenericRow;
import org.apache.fluss.row.TimestampLtz;
import org.apache.fluss.row.TimestampNtz;
import org.apache.fluss.row.arrow.ArrowWriter;
import org.apache.fluss.row.arrow.ArrowWriterPool;
import org.apache.fluss.row.compacted.CompactedRow;
import org.apache.fluss.row.encode.CompactedRowEncoder;
import org.apache.fluss.row.encode.IndexedRowEncoder;
import org.apache.fluss.row.encode.KeyEncoder;
import org.apache.fluss.row.encode.RowEncoder;
import org.apache.fluss.row.indexed.IndexedRow;
import org.apache.fluss.row.serializer.ArraySerializer;
import org.apache.fluss.row.serializer.MapSerializer;
import org.apache.fluss.row.serializer.RowSerializer;
import org.apache.fluss.shaded.arrow.org.apache.arrow.memory.RootAllocator;
import org.apache.fluss.types.ArrayType;
import org.apache.fluss.types.BinaryType;
import org.apache.fluss.types.CharType;
import org.apache.fluss.types.DataField;
import org.apache.fluss.types.DataType;
import org.apache.fluss.types.DataTypeChecks;
import org.apache.fluss.types.DataTypeRoot;
import org.apache.fluss.types.DataTypes;
import org.apache.fluss.types.DecimalType;
import org.apache.fluss.types.MapType;
import org.apache.fluss.types.RowType;

public class RecordValues {
    static final Random random = new Random(7);
    /** No instants before 1970: Fluss's own reader of Arrow logs fails on those finer than milliseconds. */
    static boolean sinceEpoch;

    static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte b : bytes)
            text.append(String.format("%02x", b));
        return text.length() == 0 ? "." : text.toString();
    }

    // ---- types ----

    static DataType scalar(int which) {
        switch (which) {
        case 0: return DataTypes.BOOLEAN();
        case 1: return DataTypes.TINYINT();
        case 2: return DataTypes.SMALLINT();
        case 3: return DataTypes.INT();
        case 4: return DataTypes.BIGINT();
        case 5: return DataTypes.FLOAT();
        case 6: return DataTypes.DOUBLE();
        case 7: return DataTypes.CHAR(1 + random.nextInt(12));
        case 8: return DataTypes.STRING();
        case 9: return DataTypes.BINARY(1 + random.nextInt(12));
        case 10: return DataTypes.BYTES();
        case 11: return decimal(1 + random.nextInt(38));
        case 12: return DataTypes.DATE();
        case 13: return DataTypes.TIME(random.nextInt(10));
        case 14: return DataTypes.TIMESTAMP(random.nextInt(10));
        default: return DataTypes.TIMESTAMP_LTZ(random.nextInt(10));
        }
    }

    static DataType decimal(int precision) {
        return DataTypes.DECIMAL(precision, random.nextInt(precision + 1));
    }

    static DataType type(int depth) {
        int which = random.nextInt(depth == 0 ? 16 : 22);
        DataType type;
        if (which < 16)
            type = scalar(which);
        else if (which < 18)
            type = DataTypes.ARRAY(type(depth - 1));
        else if (which < 20)
            type = DataTypes.MAP(scalar(random.nextInt(16)).copy(false), type(depth - 1));
        else
            type = row(depth - 1);
        return random.nextInt(6) == 0 ? type.copy(false) : type;
    }

    static RowType row(int depth) {
        List<DataField> fields = new ArrayList<>();
        int count = 1 + random.nextInt(random.nextInt(8) == 0 ? 12 : 4);
        for (int i = 0; i < count; i++)
            fields.add(new DataField("f" + i, type(depth)));
        return new RowType(fields);
    }

    // ---- values ----

    static byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    static String ascii(int length) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < length; i++)
            text.append((char) ('!' + random.nextInt(90)));
        return text.toString();
    }

    static final String[] TEXTS = {"", "a", "seven77", "eight888", "\u00e9", "\u6d41\u6c34", "\ud83d\ude00 smile", "\u0000", "nine ch 9"};

    static long extreme(long min, long max) {
        switch (random.nextInt(6)) {
        case 0: return min;
        case 1: return max;
        case 2: return 0;
        case 3: return Math.max(min, -1);
        default: return min + (long) (random.nextDouble() * ((double) max - (double) min));
        }
    }

    static Decimal decimalValue(DecimalType type) {
        BigInteger most = BigInteger.TEN.pow(type.getPrecision()).subtract(BigInteger.ONE);
        BigInteger value;
        switch (random.nextInt(5)) {
        case 0: value = most; break;
        case 1: value = most.negate(); break;
        case 2: value = BigInteger.ZERO; break;
        case 3: value = BigInteger.valueOf(random.nextInt(2) == 0 ? -1 : 127).min(most); break;
        default: value = new BigInteger(most.bitLength() - 1, random).multiply(BigInteger.valueOf(random.nextBoolean() ? 1 : -1));
        }
        return Decimal.fromBigDecimal(new BigDecimal(value, type.getScale()), type.getPrecision(), type.getScale());
    }

    /** Milliseconds and nanoseconds within what the precision keeps and its Arrow unit holds. */
    static long[] instant(int precision) {
        long most = precision > 6 ? 9_000_000_000_000L : precision > 3 ? 9_000_000_000_000_000L : 9_000_000_000_000_000L;
        long ms = extreme(-most, most);
        if (sinceEpoch)
            ms = Math.abs(ms);
        if (precision == 0)
            return new long[] {Math.floorDiv(ms, 1000) * 1000, 0};
        if (precision <= 3)
            return new long[] {ms, 0};
        return new long[] {ms, precision <= 6 ? random.nextInt(1000) * 1000 : random.nextInt(1000000)};
    }

    static Object value(DataType type, int depth) {
        if (type.isNullable() && random.nextInt(6) == 0)
            return null;
        int precision;
        long[] at;
        switch (type.getTypeRoot()) {
        case BOOLEAN: return random.nextBoolean();
        case TINYINT: return (byte) extreme(Byte.MIN_VALUE, Byte.MAX_VALUE);
        case SMALLINT: return (short) extreme(Short.MIN_VALUE, Short.MAX_VALUE);
        case INTEGER: return (int) extreme(Integer.MIN_VALUE, Integer.MAX_VALUE);
        case BIGINT: return random.nextInt(4) == 0 ? Long.MIN_VALUE : random.nextInt(3) == 0 ? Long.MAX_VALUE : random.nextLong();
        case FLOAT:
            return new float[] {Float.NaN, -0f, 0f, Float.MIN_VALUE, Float.MAX_VALUE, Float.NEGATIVE_INFINITY, random.nextFloat()}[random
                    .nextInt(7)];
        case DOUBLE:
            return new double[] {Double.NaN, -0d, 0d, Double.MIN_VALUE, Double.MAX_VALUE, Double.POSITIVE_INFINITY,
                    random.nextGaussian()}[random.nextInt(7)];
        case CHAR: return BinaryString.fromString(ascii(random.nextInt(((CharType) type).getLength() + 1)));
        case STRING:
            return BinaryString.fromString(random.nextBoolean() ? TEXTS[random.nextInt(TEXTS.length)] : ascii(random.nextInt(40)));
        case BINARY: return bytes(((BinaryType) type).getLength());
        case BYTES: return bytes(random.nextInt(3) == 0 ? 0 : random.nextInt(20));
        case DECIMAL: return decimalValue((DecimalType) type);
        case DATE: return (int) extreme(-719162, 2932896);
        case TIME_WITHOUT_TIME_ZONE:
            precision = DataTypeChecks.getPrecision(type);
            return (int) extreme(0, 86399) * 1000 + (precision == 0 ? 0 : random.nextInt(1000));
        case TIMESTAMP_WITHOUT_TIME_ZONE:
            at = instant(DataTypeChecks.getPrecision(type));
            return TimestampNtz.fromMillis(at[0], (int) at[1]);
        case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
            at = instant(DataTypeChecks.getPrecision(type));
            return TimestampLtz.fromEpochMillis(at[0], (int) at[1]);
        case ARRAY: {
            Object[] items = new Object[random.nextInt(4) == 0 ? 0 : random.nextInt(depth > 0 ? 3 : 40)];
            for (int i = 0; i < items.length; i++)
                items[i] = value(((ArrayType) type).getElementType(), depth + 1);
            return new GenericArray(items);
        }
        case MAP: {
            Map<Object, Object> map = new LinkedHashMap<>();
            MapType mapType = (MapType) type;
            for (int i = random.nextInt(4); i > 0; i--) {
                Object key = value(mapType.getKeyType(), depth + 1);
                if (!(key instanceof byte[])) // which has no equality
                    map.put(key, value(mapType.getValueType(), depth + 1));
                else if (map.isEmpty())
                    map.put(key, value(mapType.getValueType(), depth + 1));
            }
            return new GenericMap(map);
        }
        default: return rowValue((RowType) type, depth + 1);
        }
    }

    static GenericRow rowValue(RowType type, int depth) {
        GenericRow row = new GenericRow(type.getFieldCount());
        for (int i = 0; i < type.getFieldCount(); i++)
            row.setField(i, value(type.getTypeAt(i), depth));
        return row;
    }

    // ---- binary forms, each with a fresh serializer: a used one leaves old bytes in the slots of nulls ----

    static Object binary(DataType type, Object value, BinaryRowFormat format) {
        if (value == null)
            return null;
        switch (type.getTypeRoot()) {
        case ARRAY: {
            DataType element = ((ArrayType) type).getElementType();
            Object[] items = ((GenericArray) value).toObjectArray();
            Object[] made = new Object[items.length];
            for (int i = 0; i < items.length; i++)
                made[i] = binary(element, items[i], format);
            return new ArraySerializer(element, format).toBinaryArray(new GenericArray(made));
        }
        case MAP: {
            MapType mapType = (MapType) type;
            GenericMap map = (GenericMap) value;
            Object[] keys = ((GenericArray) map.keyArray()).toObjectArray(), values = ((GenericArray) map.valueArray()).toObjectArray();
            Map<Object, Object> made = new LinkedHashMap<>();
            for (int i = 0; i < keys.length; i++)
                made.put(keys[i], binary(mapType.getValueType(), values[i], format));
            return new MapSerializer(mapType.getKeyType(), mapType.getValueType(), format).toBinaryMap(new GenericMap(made));
        }
        case ROW: return binaryRow((RowType) type, (GenericRow) value, format);
        default: return value;
        }
    }

    static BinaryRow binaryRow(RowType type, GenericRow row, BinaryRowFormat format) {
        DataType[] types = type.getChildren().toArray(new DataType[0]);
        GenericRow made = new GenericRow(types.length);
        for (int i = 0; i < types.length; i++)
            made.setField(i, binary(types[i], row.getField(i), format));
        return new RowSerializer(types, format).toBinaryRow(made);
    }

    static byte[] rowBytes(BinaryRow row) {
        byte[] bytes = new byte[row.getSizeInBytes()];
        row.copyTo(bytes, 0);
        return bytes;
    }

    // ---- values as text ----

    static void print(DataType type, Object value, StringBuilder out) {
        if (value == null) {
            out.append('~');
            return;
        }
        switch (type.getTypeRoot()) {
        case BOOLEAN: out.append((boolean) value ? 't' : 'f'); return;
        case FLOAT: out.append(String.format("%08x", Float.floatToRawIntBits((float) value))); return;
        case DOUBLE: out.append(String.format("%016x", Double.doubleToRawLongBits((double) value))); return;
        case CHAR:
        case STRING: out.append(hex(((BinaryString) value).toBytes())); return;
        case BINARY:
        case BYTES: out.append(hex((byte[]) value)); return;
        case DECIMAL: out.append(hex(((Decimal) value).toUnscaledBytes())); return;
        case TIMESTAMP_WITHOUT_TIME_ZONE:
            out.append(((TimestampNtz) value).getMillisecond()).append(':').append(((TimestampNtz) value).getNanoOfMillisecond());
            return;
        case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
            out.append(((TimestampLtz) value).getEpochMillisecond()).append(':').append(((TimestampLtz) value).getNanoOfMillisecond());
            return;
        case ARRAY: {
            out.append('[');
            for (Object item : ((GenericArray) value).toObjectArray()) {
                print(((ArrayType) type).getElementType(), item, out);
                out.append(',');
            }
            out.append(']');
            return;
        }
        case MAP: {
            GenericMap map = (GenericMap) value;
            Object[] keys = ((GenericArray) map.keyArray()).toObjectArray(), values = ((GenericArray) map.valueArray()).toObjectArray();
            out.append('{');
            for (int i = 0; i < keys.length; i++) {
                print(((MapType) type).getKeyType(), keys[i], out);
                out.append('=');
                print(((MapType) type).getValueType(), values[i], out);
                out.append(',');
            }
            out.append('}');
            return;
        }
        case ROW: printRow((RowType) type, (GenericRow) value, out); return;
        default: out.append(value);
        }
    }

    static void printRow(RowType type, GenericRow row, StringBuilder out) {
        out.append('(');
        for (int i = 0; i < type.getFieldCount(); i++) {
            print(type.getTypeAt(i), row.getField(i), out);
            out.append(',');
        }
        out.append(')');
    }

    // ---- batches ----

    static byte[] built(BytesView view) throws Exception {
        byte[] bytes = new byte[view.getBytesLength()];
        view.getByteBuf().readBytes(bytes);
        return bytes;
    }

    static byte[] arrowBatch(RowType type, List<GenericRow> rows) throws Exception {
        try (RootAllocator allocator = new RootAllocator(); ArrowWriterPool pool = new ArrowWriterPool(allocator)) {
            ArrowWriter writer = pool.getOrCreateWriter(1, 1, 1 << 24, type, ArrowCompressionInfo.NO_COMPRESSION);
            MemoryLogRecordsArrowBuilder builder =
                    MemoryLogRecordsArrowBuilder.builder(1, writer, new UnmanagedPagedOutputView(1 << 20), true);
            for (GenericRow row : rows)
                builder.append(ChangeType.APPEND_ONLY, row);
            builder.setWriterState(42, 7);
            builder.close();
            return built(builder.build());
        }
    }

    static byte[] rowBatch(RowType type, List<GenericRow> rows, BinaryRowFormat format) throws Exception {
        UnmanagedPagedOutputView view = new UnmanagedPagedOutputView(1 << 20);
        if (format == BinaryRowFormat.COMPACTED) {
            MemoryLogRecordsCompactedBuilder builder = MemoryLogRecordsCompactedBuilder.builder(1, 1 << 24, view, true);
            for (GenericRow row : rows)
                builder.append(ChangeType.APPEND_ONLY, (CompactedRow) binaryRow(type, row, format));
            builder.setWriterState(42, 7);
            builder.close();
            return built(builder.build());
        }
        MemoryLogRecordsIndexedBuilder builder = MemoryLogRecordsIndexedBuilder.builder(1, 1 << 24, view, true);
        for (GenericRow row : rows)
            builder.append(ChangeType.APPEND_ONLY, (IndexedRow) binaryRow(type, row, format));
        builder.setWriterState(42, 7);
        builder.close();
        return built(builder.build());
    }

    static byte[] kvBatch(RowType type, List<GenericRow> rows, BinaryRowFormat format) throws Exception {
        KvFormat kv = format == BinaryRowFormat.COMPACTED ? KvFormat.COMPACTED : KvFormat.INDEXED;
        KvRecordBatchBuilder builder = KvRecordBatchBuilder.builder(1, 1 << 24, new UnmanagedPagedOutputView(1 << 20), kv);
        for (int i = 0; i < rows.size(); i++)
            builder.append(new byte[] {(byte) i}, i == 1 ? null : binaryRow(type, rows.get(i), format));
        builder.setWriterState(42, 7);
        builder.close();
        return built(builder.build());
    }

    static void table(RowType type, int count) throws Exception {
        Schema.Builder schema = Schema.newBuilder();
        for (DataField field : type.getFields())
            schema.column(field.getName(), field.getType());
        System.out.println("T " + new String(schema.build().toJsonBytes(), "UTF-8"));
        List<GenericRow> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            GenericRow row = rowValue(type, 0);
            rows.add(row);
            StringBuilder text = new StringBuilder();
            printRow(type, row, text);
            System.out.println("R " + hex(rowBytes(binaryRow(type, row, BinaryRowFormat.COMPACTED))) + " "
                    + hex(rowBytes(binaryRow(type, row, BinaryRowFormat.INDEXED))) + " " + text);
        }
        System.out.println("L ARROW " + hex(arrowBatch(type, rows)));
        System.out.println("L INDEXED " + hex(rowBatch(type, rows, BinaryRowFormat.INDEXED)));
        System.out.println("L COMPACTED " + hex(rowBatch(type, rows, BinaryRowFormat.COMPACTED)));
        System.out.println("P COMPACTED " + hex(kvBatch(type, rows, BinaryRowFormat.COMPACTED)));
        System.out.println("P INDEXED " + hex(kvBatch(type, rows, BinaryRowFormat.INDEXED)));
    }

    // ---- keys ----

    static void keys(RowType type) throws Exception {
        Schema.Builder schema = Schema.newBuilder();
        List<String> names = new ArrayList<>();
        for (DataField field : type.getFields()) {
            schema.column(field.getName(), field.getType());
            names.add(field.getName());
        }
        System.out.println("T " + new String(schema.build().toJsonBytes(), "UTF-8"));
        for (int i = 0; i < 4; i++) {
            GenericRow row = rowValue(type, 0);
            StringBuilder text = new StringBuilder();
            printRow(type, row, text);
            String compacted = hex(rowBytes(binaryRow(type, row, BinaryRowFormat.COMPACTED)));
            for (DataLakeFormat lake : new DataLakeFormat[] {null, DataLakeFormat.ICEBERG, DataLakeFormat.PAIMON, DataLakeFormat.LANCE}) {
                String answer = "- 0 0";
                try {
                    byte[] key = KeyEncoder.of(type, names, lake).encodeKey(row);
                    BucketingFunction function = BucketingFunction.of(lake);
                    answer = hex(key) + " " + (key.length == 0 ? -1 : function.bucketing(key, 7)) + " "
                            + (key.length == 0 ? -1 : function.bucketing(key, 1024));
                } catch (Exception refused) {
                    System.err.println(type + " " + lake + ": " + refused.getMessage());
                }
                System.out.println("K " + (lake == null ? "none" : lake.toString()) + " " + compacted + " " + answer + " " + text);
            }
        }
    }

    static RowType rowOf(DataType... types) {
        List<DataField> fields = new ArrayList<>();
        for (int i = 0; i < types.length; i++)
            fields.add(new DataField("f" + i, types[i]));
        return new RowType(fields);
    }

    public static void main(String[] args) throws Exception {
        for (int which = 0; which < 16; which++) // every type, as a column, an element, a value of a map and a field
            table(rowOf(scalar(which), DataTypes.ARRAY(scalar(which)), DataTypes.MAP(DataTypes.STRING().copy(false), scalar(which)),
                    rowOf(scalar(which), scalar(which))), 4);
        for (int precision = 0; precision <= 9; precision++) {
            DataType[] types = {DataTypes.TIME(precision), DataTypes.TIMESTAMP(precision), DataTypes.TIMESTAMP_LTZ(precision)};
            table(rowOf(types[0], types[1], types[2], DataTypes.ARRAY(types[0]), DataTypes.ARRAY(types[1]), DataTypes.ARRAY(types[2])), 4);
        }
        for (int precision : new int[] {1, 9, 18, 19, 37, 38})
            table(rowOf(DataTypes.DECIMAL(precision, 0), DataTypes.DECIMAL(precision, precision),
                    DataTypes.ARRAY(DataTypes.DECIMAL(precision, precision / 2))), 4);
        DataType deep = DataTypes.INT();
        for (int level = 0; level < 10; level++)
            deep = level % 3 == 0 ? DataTypes.ARRAY(deep) : level % 3 == 1 ? rowOf(deep) : DataTypes.MAP(DataTypes.INT().copy(false), deep);
        table(rowOf(deep), 6);
        for (int i = 0; i < 60; i++)
            table(row(3), 5);
        for (int which = 0; which < 16; which++)
            keys(rowOf(scalar(which).copy(false)));
        for (int precision = 0; precision <= 9; precision++) {
            keys(rowOf(DataTypes.TIMESTAMP(precision).copy(false)));
            keys(rowOf(DataTypes.TIME(precision).copy(false)));
            keys(rowOf(DataTypes.TIMESTAMP_LTZ(precision).copy(false)));
        }
        for (int precision : new int[] {1, 18, 19, 38})
            keys(rowOf(DataTypes.DECIMAL(precision, precision / 2).copy(false)));
        for (int i = 0; i < 12; i++)
            keys(rowOf(scalar(random.nextInt(16)).copy(false), scalar(random.nextInt(16)).copy(false), scalar(random.nextInt(16)).copy(false)));
    }
}
