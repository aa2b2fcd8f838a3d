/*
 * FlussBench.java: load on a Fluss server by the real Java client, the same for every server. Run as a source file:
 *
 *     java -cp JARS FlussBench.java HOST:PORT
 *
 * Reads one workload per line on standard input, writes one line of JSON per workload on standard output:
 *
 *     append WRITERS ROW_BYTES ROWS      a log table of 4 buckets, every writer a connection and a thread of its own; latency from
 *                                        append() to its acknowledgement
 *     upsert WRITERS ROWS KEYS           a primary-key table of 4 buckets, rows of 100 bytes
 *     lookup IN_FLIGHT LOOKUPS KEYS      of the keys that upsert wrote; latency of each
 *     fanout READERS                     every reader reads the whole table of the last `append`
 *
 * {"rows":N,"seconds":S,"p50_ms":A,"p99_ms":B}; latencies are of a sample of every 16th row.
 */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import org.apache.fluss.client.Connection;
import org.apache.fluss.client.ConnectionFactory;
import org.apache.fluss.client.admin.Admin;
import org.apache.fluss.client.admin.OffsetSpec;
import org.apache.fluss.client.lookup.Lookuper;
import org.apache.fluss.client.table.Table;
import org.apache.fluss.client.table.scanner.log.LogScanner;
import org.apache.fluss.client.table.writer.AppendWriter;
import org.apache.fluss.client.table.writer.UpsertWriter;
import org.apache.fluss.config.Configuration;
import org.apache.fluss.metadata.DatabaseDescriptor;
import org.apache.fluss.metadata.Schema;
import org.apache.fluss.metadata.TableDescriptor;
import org.apache.fluss.metadata.TablePath;
import org.apache.fluss.row.BinaryString;
import org.apache.fluss.row.GenericRow;
import org.apache.fluss.types.DataTypes;

public class FlussBench {
    static final int BUCKETS = 4;
    static final int SAMPLE = 16;
    static final TablePath KEYED = TablePath.of("bench", "keyed");

    static String address;
    static TablePath lastLog;
    static int tables;

    /* Latencies of every SAMPLE-th operation, in nanoseconds. */
    static class Sample {
        final long[] nanos;
        final AtomicInteger next = new AtomicInteger();
        final AtomicReference<Throwable> failure = new AtomicReference<>();

        Sample(int operations) {
            nanos = new long[operations / SAMPLE + 2];
        }

        void watch(CompletableFuture<?> future, int number, long begun) {
            if (number % SAMPLE == 0)
                future.whenComplete((done, failed) -> {
                    if (failed != null)
                        failure.set(failed);
                    nanos[next.getAndIncrement()] = System.nanoTime() - begun;
                });
        }
    }

    static Connection connect() {
        Configuration settings = new Configuration();
        settings.setString("bootstrap.servers", address);
        return ConnectionFactory.createConnection(settings);
    }

    static void create(TablePath path, Schema schema, String... bucketKey) throws Exception {
        try (Connection connection = connect(); Admin admin = connection.getAdmin()) {
            admin.createDatabase("bench", DatabaseDescriptor.EMPTY, true).get();
            admin.createTable(path, TableDescriptor.builder().schema(schema).distributedBy(BUCKETS, bucketKey).build(), true).get();
        }
    }

    /* Runs `work` on threads of its own and waits for all; the seconds from the common start. */
    static double parallel(List<Callable<Void>> work) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(work.size());
        try {
            long begun = System.nanoTime();
            for (Future<Void> done : pool.invokeAll(work))
                done.get();
            return (System.nanoTime() - begun) / 1e9;
        } finally {
            pool.shutdownNow();
        }
    }

    static String result(long rows, double seconds, List<Sample> samples) {
        int count = 0;
        for (Sample sample : samples) {
            if (sample.failure.get() != null)
                throw new IllegalStateException(sample.failure.get());
            count += sample.next.get();
        }
        long[] all = new long[count];
        int at = 0;
        for (Sample sample : samples) {
            System.arraycopy(sample.nanos, 0, all, at, sample.next.get());
            at += sample.next.get();
        }
        Arrays.sort(all);
        double p50 = count == 0 ? 0 : all[count / 2] / 1e6, p99 = count == 0 ? 0 : all[Math.min(count - 1, count * 99 / 100)] / 1e6;
        return String.format("{\"rows\":%d,\"seconds\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}", rows, seconds, p50, p99);
    }

    static BinaryString text(Random random, int bytes) {
        StringBuilder out = new StringBuilder(bytes);
        for (int i = 0; i < bytes; i++)
            out.append((char) ('a' + random.nextInt(26)));
        return BinaryString.fromString(out.toString());
    }

    /* A thousand texts, so that making them costs the client little and compression has something to do. */
    static BinaryString[] texts(int bytes) {
        Random random = new Random(1);
        BinaryString[] made = new BinaryString[1000];
        for (int i = 0; i < made.length; i++)
            made[i] = text(random, bytes);
        return made;
    }

    static String append(int writers, int rowBytes, int rows) throws Exception {
        lastLog = TablePath.of("bench", "log_" + tables++);
        create(lastLog, Schema.newBuilder().column("id", DataTypes.BIGINT()).column("key", DataTypes.BIGINT())
                .column("text", DataTypes.STRING()).build());
        BinaryString[] texts = texts(rowBytes - 16);
        List<Sample> samples = new ArrayList<>();
        List<Connection> connections = new ArrayList<>();
        List<Callable<Void>> work = new ArrayList<>();
        for (int w = 0; w < writers; w++) {
            Connection connection = connect();
            Sample sample = new Sample(rows / writers);
            connections.add(connection);
            samples.add(sample);
            Table table = connection.getTable(lastLog);
            AppendWriter writer = table.newAppend().createWriter();
            work.add(() -> {
                for (int i = 0; i < rows / writers; i++)
                    sample.watch(writer.append(GenericRow.of((long) i, (long) i * 31, texts[i % texts.length])), i, System.nanoTime());
                writer.flush();
                return null;
            });
        }
        double seconds = parallel(work);
        for (Connection connection : connections)
            connection.close();
        return result(rows, seconds, samples);
    }

    static String upsert(int writers, int rows, int keys) throws Exception {
        create(KEYED, Schema.newBuilder().column("id", DataTypes.BIGINT()).column("key", DataTypes.BIGINT())
                .column("text", DataTypes.STRING()).primaryKey("id").build(), "id");
        BinaryString[] texts = texts(84);
        List<Sample> samples = new ArrayList<>();
        List<Connection> connections = new ArrayList<>();
        List<Callable<Void>> work = new ArrayList<>();
        for (int w = 0; w < writers; w++) {
            Connection connection = connect();
            Sample sample = new Sample(rows / writers);
            Random random = new Random(w);
            int first = w;
            connections.add(connection);
            samples.add(sample);
            UpsertWriter writer = connection.getTable(KEYED).newUpsert().createWriter();
            work.add(() -> {
                for (int i = 0; i < rows / writers; i++) {
                    /* Every key once, then any of them. */
                    long key = (long) i * writers + first < keys ? (long) i * writers + first : random.nextInt(keys);
                    sample.watch(writer.upsert(GenericRow.of(key, (long) i, texts[i % texts.length])), i, System.nanoTime());
                }
                writer.flush();
                return null;
            });
        }
        double seconds = parallel(work);
        for (Connection connection : connections)
            connection.close();
        return result(rows, seconds, samples);
    }

    static String lookup(int inFlight, int lookups, int keys) throws Exception {
        try (Connection connection = connect(); Table table = connection.getTable(KEYED)) {
            Lookuper lookuper = table.newLookup().createLookuper();
            Sample sample = new Sample(lookups * SAMPLE);
            Semaphore room = new Semaphore(inFlight);
            AtomicInteger missing = new AtomicInteger();
            Random random = new Random(7);
            long begun = System.nanoTime();
            for (int i = 0; i < lookups; i++) {
                room.acquire();
                long sent = System.nanoTime();
                sample.watch(lookuper.lookup(GenericRow.of((long) random.nextInt(keys))).whenComplete((row, failed) -> {
                    if (failed == null && row.getSingletonRow() == null)
                        missing.incrementAndGet();
                    room.release();
                }), inFlight == 1 ? 0 : i, sent);
            }
            room.acquire(inFlight);
            double seconds = (System.nanoTime() - begun) / 1e9;
            if (missing.get() != 0)
                throw new IllegalStateException(missing.get() + " keys were not found: the numbers would be of something else");
            return result(lookups, seconds, List.of(sample));
        }
    }

    /* Rows, and when the last of them was there: closing a scanner waits for its last fetch, which is nobody's throughput. */
    static long[] read(Connection connection) throws Exception {
        long[] end = new long[BUCKETS];
        long rows = 0, expected = 0;
        try (Admin admin = connection.getAdmin()) {
            for (int b = 0; b < BUCKETS; b++) {
                end[b] = admin.listOffsets(lastLog, List.of(b), new OffsetSpec.LatestSpec()).bucketResult(b).get();
                expected += end[b];
            }
        }
        try (Table table = connection.getTable(lastLog); LogScanner scanner = table.newScan().createLogScanner()) {
            for (int b = 0; b < BUCKETS; b++)
                scanner.subscribeFromBeginning(b);
            while (rows < expected)
                rows += scanner.poll(Duration.ofSeconds(10)).count();
            return new long[] {rows, System.nanoTime()};
        }
    }

    static String fanout(int readers) throws Exception {
        List<Connection> connections = new ArrayList<>();
        List<Callable<Void>> work = new ArrayList<>();
        long[][] read = new long[readers][];
        for (int r = 0; r < readers; r++) {
            Connection connection = connect();
            int at = r;
            connections.add(connection);
            work.add(() -> {
                read[at] = read(connection);
                return null;
            });
        }
        long begun = System.nanoTime();
        parallel(work);
        for (Connection connection : connections)
            connection.close();
        long end = Arrays.stream(read).mapToLong(r -> r[1]).max().getAsLong();
        return result(Arrays.stream(read).mapToLong(r -> r[0]).sum(), (end - begun) / 1e9, List.of());
    }

    public static void main(String[] args) throws Exception {
        address = args[0];
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] word = line.trim().split(" +");
            int[] n = Arrays.stream(word).skip(1).mapToInt(Integer::parseInt).toArray();
            switch (word[0]) {
                case "append": System.out.println(append(n[0], n[1], n[2])); break;
                case "upsert": System.out.println(upsert(n[0], n[1], n[2])); break;
                case "lookup": System.out.println(lookup(n[0], n[1], n[2])); break;
                case "fanout": System.out.println(fanout(n[0])); break;
                default: throw new IllegalArgumentException("no workload is called " + word[0]);
            }
            System.out.flush();
        }
        System.exit(0);
    }
}
