import java.io.PrintWriter;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.Table;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.hadoop.HadoopTables;
import org.apache.iceberg.io.CloseableIterable;

/** Rows WAREHOUSE COUNT: the rows of WAREHOUSE/lake/rN as Iceberg's own reader sees them, into WAREHOUSE/rN.java: the texts of
 * random_tables.c, divided by tabs, \N for null. */
public class Rows {
    private static final LocalDateTime EPOCH = LocalDateTime.of(1970, 1, 1, 0, 0);
    private static final char[] HEX = "0123456789abcdef".toCharArray();

    private static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte b : bytes)
            text.append(HEX[(b >> 4) & 15]).append(HEX[b & 15]);
        return text.toString();
    }

    private static String real(double value) {
        return Double.isNaN(value) ? "nan" : String.format("%016x", Double.doubleToRawLongBits(value));
    }

    private static String text(Object value) {
        if (value == null)
            return "\\N";
        if (value instanceof Float)
            return real(((Float) value).doubleValue());
        if (value instanceof Double)
            return real((Double) value);
        if (value instanceof BigDecimal)
            return ((BigDecimal) value).unscaledValue().toString();
        if (value instanceof LocalDate)
            return Long.toString(((LocalDate) value).toEpochDay());
        if (value instanceof LocalTime)
            return Long.toString(((LocalTime) value).toNanoOfDay() / 1000);
        if (value instanceof LocalDateTime)
            return Long.toString(ChronoUnit.MICROS.between(EPOCH, (LocalDateTime) value));
        if (value instanceof OffsetDateTime)
            return text(((OffsetDateTime) value).withOffsetSameInstant(ZoneOffset.UTC).toLocalDateTime());
        if (value instanceof ByteBuffer) {
            byte[] bytes = new byte[((ByteBuffer) value).remaining()];
            ((ByteBuffer) value).duplicate().get(bytes);
            return hex(bytes);
        }
        return value instanceof byte[] ? hex((byte[]) value) : value.toString();
    }

    public static void main(String[] arguments) throws Exception {
        HadoopTables tables = new HadoopTables(new Configuration());
        for (int n = 0; n < Integer.parseInt(arguments[1]); n++) {
            Table table = tables.load(arguments[0] + "/lake/r" + n);
            try (CloseableIterable<Record> records = IcebergGenerics.read(table).build();
                    PrintWriter out = new PrintWriter(Files.newBufferedWriter(Path.of(arguments[0], "r" + n + ".java")))) {
                for (Record record : records) {
                    for (int i = 0; i < table.schema().columns().size(); i++) // behind them: _pos, where deletes are applied
                        out.print((i == 0 ? "" : "\t") + text(record.get(i)));
                    out.print("\n");
                }
            }
        }
    }
}
