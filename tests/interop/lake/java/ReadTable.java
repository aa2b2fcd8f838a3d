import java.util.HashMap;
import java.util.Map;
import org.apache.iceberg.Table;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.rest.RESTCatalog;

/** ReadTable URI NAMESPACE TABLE COLUMN ...: every row by Iceberg's Java reader, columns between tabs. More of the catalog: OPTION_* = key=value. */
public class ReadTable {
  public static void main(String[] args) throws Exception {
    Map<String, String> properties = new HashMap<>();
    properties.put("uri", args[0]);
    properties.put("io-impl", "org.apache.iceberg.aws.s3.S3FileIO");
    for (Map.Entry<String, String> each : System.getenv().entrySet()) {
      if (each.getKey().startsWith("OPTION_")) {
        String[] pair = each.getValue().split("=", 2);
        properties.put(pair[0], pair[1]);
      }
    }
    StringBuilder out = new StringBuilder();
    try (RESTCatalog catalog = new RESTCatalog()) {
      catalog.initialize("read", properties);
      Table table = catalog.loadTable(TableIdentifier.of(args[1], args[2]));
      try (CloseableIterable<Record> rows = IcebergGenerics.read(table).build()) {
        for (Record row : rows) {
          for (int i = 3; i < args.length; i++) {
            out.append(i == 3 ? "" : "\t").append(row.getField(args[i]));
          }
          out.append('\n');
        }
      }
    }
    System.out.print(out);
  }
}
