/* JavaDriver.java: the real Fluss client of the Java world as a driver (PROTOCOL.md). Run as a source file with the client's jars. */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

import org.apache.fluss.client.Connection;
import org.apache.fluss.client.ConnectionFactory;
import org.apache.fluss.client.admin.Admin;
import org.apache.fluss.client.admin.OffsetSpec;
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
import org.apache.fluss.metadata.PartitionInfo;
import org.apache.fluss.metadata.PartitionSpec;
import org.apache.fluss.metadata.TableBucket;
import org.apache.fluss.metadata.TableDescriptor;
import org.apache.fluss.metadata.TablePath;
import org.apache.fluss.row.BinaryString;
import org.apache.fluss.row.Decimal;
import org.apache.fluss.row.GenericArray;
import org.apache.fluss.row.GenericMap;
import org.apache.fluss.row.GenericRow;
import org.apache.fluss.row.InternalArray;
import org.apache.fluss.row.InternalMap;
import org.apache.fluss.row.InternalRow;
import org.apache.fluss.row.TimestampLtz;
import org.apache.fluss.row.TimestampNtz;
import org.apache.fluss.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.fluss.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.fluss.types.ArrayType;
import org.apache.fluss.types.DataType;
import org.apache.fluss.types.DecimalType;
import org.apache.fluss.types.MapType;
import org.apache.fluss.types.RowType;
import org.apache.fluss.utils.CloseableIterator;

public class JavaDriver {
    static final String DATABASE = "interop";
    static final long WAIT_MS = 20000;
    static final ObjectMapper JSON = new ObjectMapper();

    final Map<String, Connection> connections = new HashMap<>();
    final Map<String, Table> tables = new HashMap<>();

    static <T> T await(CompletableFuture<T> future) throws Exception {
        return future.get(WAIT_MS, TimeUnit.MILLISECONDS);
    }

    Connection connection(JsonNode request) {
        return connections.computeIfAbsent(request.get("at").asText(), address -> {
            Configuration configuration = new Configuration();
            configuration.setString("bootstrap.servers", address);
            // How long it waits for more rows of a batch, flush or not: with enough of it a command's rows of a bucket are one batch.
            String wait = System.getenv("SLUICE_INTEROP_BATCH_MS");
            configuration.setString("client.writer.batch-timeout", (wait == null ? "10" : wait) + "ms");
            return ConnectionFactory.createConnection(configuration);
        });
    }

    Admin admin(JsonNode request) {
        return connection(request).getAdmin();
    }

    TablePath path(JsonNode request) {
        return TablePath.of(DATABASE, request.get("table").asText());
    }

    Table table(JsonNode request) {
        return tables.computeIfAbsent(request.get("at").asText() + "/" + request.get("table").asText(), key -> connection(request).getTable(path(request)));
    }

    Long partition(JsonNode request) throws Exception {
        if (!request.hasNonNull("partition"))
            return null;
        for (PartitionInfo info : await(admin(request).listPartitionInfos(path(request))))
            if (info.getPartitionName().equals(request.get("partition").asText()))
                return info.getPartitionId();
        throw new IllegalArgumentException("no partition " + request.get("partition"));
    }

    // ---- Values ----

    static Object value(DataType type, JsonNode node) {
        if (node == null || node.isNull())
            return null;
        switch (type.getTypeRoot()) {
            case BOOLEAN: return node.booleanValue();
            case TINYINT: return (byte) node.intValue();
            case SMALLINT: return (short) node.intValue();
            case INTEGER: case DATE: case TIME_WITHOUT_TIME_ZONE: return node.intValue();
            case BIGINT: return node.longValue();
            case FLOAT: return Float.intBitsToFloat(Integer.parseUnsignedInt(node.textValue(), 16));
            case DOUBLE: return Double.longBitsToDouble(Long.parseUnsignedLong(node.textValue(), 16));
            case CHAR: case STRING: return BinaryString.fromString(node.textValue());
            case BINARY: case BYTES: return HexFormat.of().parseHex(node.textValue());
            case DECIMAL: {
                DecimalType decimal = (DecimalType) type;
                return Decimal.fromBigDecimal(new BigDecimal(new BigInteger(node.textValue()), decimal.getScale()), decimal.getPrecision(), decimal.getScale());
            }
            case TIMESTAMP_WITHOUT_TIME_ZONE: return TimestampNtz.fromMillis(node.get(0).longValue(), node.get(1).intValue());
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE: return TimestampLtz.fromEpochMillis(node.get(0).longValue(), node.get(1).intValue());
            case ARRAY: {
                Object[] items = new Object[node.size()];
                for (int i = 0; i < items.length; i++)
                    items[i] = value(((ArrayType) type).getElementType(), node.get(i));
                return new GenericArray(items);
            }
            case MAP: {
                Map<Object, Object> entries = new LinkedHashMap<>();
                for (JsonNode entry : node)
                    entries.put(value(((MapType) type).getKeyType(), entry.get(0)), value(((MapType) type).getValueType(), entry.get(1)));
                return new GenericMap(entries);
            }
            case ROW: return row((RowType) type, node);
            default: throw new IllegalArgumentException("a value of type " + type);
        }
    }

    static GenericRow row(RowType type, JsonNode node) {
        GenericRow row = new GenericRow(type.getFieldCount());
        for (int i = 0; i < type.getFieldCount(); i++)
            row.setField(i, value(type.getTypeAt(i), node.get(i)));
        return row;
    }

    static Object plain(DataType type, Object value) {
        if (value == null)
            return null;
        switch (type.getTypeRoot()) {
            case FLOAT: return String.format("%08x", Float.floatToRawIntBits((Float) value));
            case DOUBLE: return String.format("%016x", Double.doubleToRawLongBits((Double) value));
            case CHAR: case STRING: return value.toString();
            case BINARY: case BYTES: return HexFormat.of().formatHex((byte[]) value);
            case DECIMAL: return ((Decimal) value).toBigDecimal().setScale(((DecimalType) type).getScale()).unscaledValue().toString();
            case TIMESTAMP_WITHOUT_TIME_ZONE: return List.of(((TimestampNtz) value).getMillisecond(), ((TimestampNtz) value).getNanoOfMillisecond());
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE: return List.of(((TimestampLtz) value).getEpochMillisecond(), ((TimestampLtz) value).getNanoOfMillisecond());
            case ARRAY: return plainArray(((ArrayType) type).getElementType(), (InternalArray) value);
            case MAP: {
                List<Object> keys = plainArray(((MapType) type).getKeyType(), ((InternalMap) value).keyArray());
                List<Object> values = plainArray(((MapType) type).getValueType(), ((InternalMap) value).valueArray());
                List<Object> entries = new ArrayList<>();
                for (int i = 0; i < keys.size(); i++) {
                    List<Object> entry = new ArrayList<>();
                    entry.add(keys.get(i));
                    entry.add(values.get(i));
                    entries.add(entry);
                }
                return entries;
            }
            case ROW: return plainRow((RowType) type, (InternalRow) value);
            default: return value;
        }
    }

    static List<Object> plainArray(DataType element, InternalArray array) {
        InternalArray.ElementGetter getter = InternalArray.createElementGetter(element);
        List<Object> items = new ArrayList<>();
        for (int i = 0; i < array.size(); i++)
            items.add(array.isNullAt(i) ? null : plain(element, getter.getElementOrNull(array, i)));
        return items;
    }

    static List<Object> plainRow(RowType type, InternalRow row) {
        InternalRow.FieldGetter[] getters = InternalRow.createFieldGetters(type);
        List<Object> values = new ArrayList<>();
        for (int i = 0; i < getters.length; i++)
            values.add(plain(type.getTypeAt(i), getters[i].getFieldOrNull(row)));
        return values;
    }

    // ---- Commands ----

    Object create(JsonNode request) throws Exception {
        await(admin(request).createDatabase(DATABASE, DatabaseDescriptor.EMPTY, true));
        TableDescriptor descriptor = TableDescriptor.fromJsonBytes(JSON.writeValueAsBytes(request.get("descriptor")));
        await(admin(request).createTable(path(request), descriptor, false));
        return true;
    }

    Object makePartition(JsonNode request) throws Exception {
        Map<String, String> spec = new LinkedHashMap<>();
        request.get("spec").fields().forEachRemaining(e -> spec.put(e.getKey(), e.getValue().asText()));
        await(admin(request).createPartition(path(request), new PartitionSpec(spec), true));
        return true;
    }

    interface Write {
        CompletableFuture<?> row(GenericRow row);
    }

    Object write(RowType type, JsonNode rows, Write write, Runnable flush) throws Exception {
        List<CompletableFuture<?>> done = new ArrayList<>();
        for (JsonNode node : rows)
            done.add(write.row(row(type, node)));
        flush.run();
        for (CompletableFuture<?> one : done)
            await(one);
        return true;
    }

    Object append(JsonNode request) throws Exception {
        AppendWriter writer = table(request).newAppend().createWriter();
        return write(table(request).getTableInfo().getRowType(), request.get("rows"), writer::append, writer::flush);
    }

    Object upsert(JsonNode request, boolean delete) throws Exception {
        UpsertWriter writer = table(request).newUpsert().createWriter();
        return write(table(request).getTableInfo().getRowType(), request.get("rows"), delete ? writer::delete : writer::upsert, writer::flush);
    }

    static String[] names(JsonNode node) {
        List<String> names = new ArrayList<>();
        node.forEach(name -> names.add(name.asText()));
        return names.toArray(new String[0]);
    }

    Object partial(JsonNode request) throws Exception {
        RowType type = table(request).getTableInfo().getRowType();
        String[] columns = names(request.get("columns"));
        UpsertWriter writer = table(request).newUpsert().partialUpdate(columns).createWriter();
        List<CompletableFuture<?>> done = new ArrayList<>();
        for (JsonNode node : request.get("rows")) {
            GenericRow row = new GenericRow(type.getFieldCount());
            for (int i = 0; i < columns.length; i++) {
                int at = type.getFieldIndex(columns[i]);
                row.setField(at, value(type.getTypeAt(at), node.get(i)));
            }
            done.add(writer.upsert(row));
        }
        writer.flush();
        for (CompletableFuture<?> one : done)
            await(one);
        return true;
    }

    Object scan(JsonNode request) throws Exception {
        Table table = table(request);
        RowType type = table.getTableInfo().getRowType();
        Scan scan = table.newScan();
        if (request.hasNonNull("columns")) {
            List<String> columns = List.of(names(request.get("columns")));
            scan = scan.project(columns);
            type = type.project(columns);
        }
        Long partition = partition(request);
        Map<Integer, Long> left = new HashMap<>();
        List<Object> found = new ArrayList<>();
        try (LogScanner scanner = scan.createLogScanner()) {
            for (Iterator<Map.Entry<String, JsonNode>> it = request.get("until").fields(); it.hasNext();) {
                Map.Entry<String, JsonNode> end = it.next();
                int bucket = Integer.parseInt(end.getKey());
                long from = request.get("from").get(end.getKey()).longValue();
                if (end.getValue().longValue() <= from)
                    continue;
                left.put(bucket, end.getValue().longValue());
                if (partition == null)
                    scanner.subscribe(bucket, from);
                else
                    scanner.subscribe(partition, bucket, from);
            }
            long deadline = System.currentTimeMillis() + WAIT_MS;
            while (!left.isEmpty() && System.currentTimeMillis() < deadline) {
                ScanRecords records = scanner.poll(Duration.ofMillis(200));
                for (TableBucket bucket : records.buckets())
                    for (ScanRecord record : records.records(bucket)) {
                        Long end = left.get(bucket.getBucket());
                        if (end == null || record.logOffset() >= end)
                            continue;
                        found.add(List.of(bucket.getBucket(), record.logOffset(), record.getChangeType().shortString(), plainRow(type, record.getRow())));
                        if (record.logOffset() + 1 == end)
                            left.remove(bucket.getBucket());
                    }
            }
        }
        return found;
    }

    static Object rowOrNull(RowType type, InternalRow row) {
        return row == null ? null : plainRow(type, row);
    }

    Object lookup(JsonNode request) throws Exception {
        Table table = table(request);
        RowType type = table.getTableInfo().getRowType();
        RowType keyType = type.project(table.getTableInfo().getPrimaryKeys());
        Lookuper lookuper = table.newLookup().createLookuper();
        List<CompletableFuture<org.apache.fluss.client.lookup.LookupResult>> asked = new ArrayList<>();
        for (JsonNode key : request.get("keys"))
            asked.add(lookuper.lookup(row(keyType, key)));
        List<Object> found = new ArrayList<>();
        for (CompletableFuture<org.apache.fluss.client.lookup.LookupResult> one : asked)
            found.add(rowOrNull(type, await(one).getSingletonRow()));
        return found;
    }

    Object prefix(JsonNode request) throws Exception {
        Table table = table(request);
        RowType type = table.getTableInfo().getRowType();
        String[] columns = names(request.get("columns"));
        RowType keyType = type.project(List.of(columns));
        Lookuper lookuper = table.newLookup().lookupBy(columns).createLookuper();
        List<Object> found = new ArrayList<>();
        for (JsonNode key : request.get("keys")) {
            List<Object> rows = new ArrayList<>();
            for (InternalRow row : await(lookuper.lookup(row(keyType, key))).getRowList())
                rows.add(plainRow(type, row));
            found.add(rows);
        }
        return found;
    }

    Object limit(JsonNode request) throws Exception {
        Table table = table(request);
        RowType type = table.getTableInfo().getRowType();
        Long partition = partition(request);
        long id = table.getTableInfo().getTableId();
        int bucket = request.get("bucket").intValue();
        TableBucket of = partition == null ? new TableBucket(id, bucket) : new TableBucket(id, partition, bucket);
        List<Object> found = new ArrayList<>();
        try (BatchScanner scanner = table.newScan().limit(request.get("limit").intValue()).createBatchScanner(of)) {
            CloseableIterator<InternalRow> batch;
            while ((batch = scanner.pollBatch(Duration.ofSeconds(10))) != null) {
                while (batch.hasNext())
                    found.add(plainRow(type, batch.next()));
                batch.close();
            }
        }
        return found;
    }

    Object offsets(JsonNode request) throws Exception {
        JsonNode spec = request.get("spec");
        OffsetSpec wanted = spec.isNumber() ? new OffsetSpec.TimestampSpec(spec.longValue())
                : spec.asText().equals("earliest") ? new OffsetSpec.EarliestSpec() : new OffsetSpec.LatestSpec();
        List<Integer> buckets = new ArrayList<>();
        for (int i = 0; i < request.get("buckets").intValue(); i++)
            buckets.add(i);
        return request.hasNonNull("partition")
                ? await(admin(request).listOffsets(path(request), request.get("partition").asText(), buckets, wanted).all())
                : await(admin(request).listOffsets(path(request), buckets, wanted).all());
    }

    Object answer(JsonNode request) throws Exception {
        switch (request.get("do").asText()) {
            case "create": return create(request);
            case "drop": await(admin(request).dropTable(path(request), true)); return true;
            case "partition": return makePartition(request);
            case "append": return append(request);
            case "upsert": return upsert(request, false);
            case "delete": return upsert(request, true);
            case "partial": return partial(request);
            case "scan": return scan(request);
            case "lookup": return lookup(request);
            case "prefix": return prefix(request);
            case "limit": return limit(request);
            case "offsets": return offsets(request);
            default: throw new IllegalArgumentException("no command " + request.get("do"));
        }
    }

    public static void main(String[] arguments) throws Exception {
        JavaDriver driver = new JavaDriver();
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;) {
            Map<String, Object> answer = new HashMap<>();
            try {
                answer.put("ok", driver.answer(JSON.readTree(line)));
            } catch (Throwable failure) {
                while (failure.getCause() != null && (failure instanceof ExecutionException || failure instanceof CompletionException))
                    failure = failure.getCause();
                answer.put("error", failure.toString());
                if (System.getenv("SLUICE_INTEROP_TRACE") != null)
                    failure.printStackTrace();
            }
            out.println(JSON.writeValueAsString(answer));
        }
        Runtime.getRuntime().halt(0);
    }
}
