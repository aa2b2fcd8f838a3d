/*
 * Security.java: Fluss's own client logs in, gives rights and is denied them; what it is answered, line by line. Run as a source file:
 *
 *     java -cp 'JARS/*' Security.java HOST:PORT > ANSWERS
 *
 * The server has users admin:secret (a super user), alice:a and bob:b, the authorizer on, and no lake. The lines are compared with those
 * of a real cluster (tests/golden/fluss/security.txt; security.sh says how they were recorded).
 */
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import org.apache.fluss.client.Connection;
import org.apache.fluss.client.ConnectionFactory;
import org.apache.fluss.client.admin.Admin;
import org.apache.fluss.client.admin.OffsetSpec;
import org.apache.fluss.client.table.Table;
import org.apache.fluss.client.table.scanner.log.LogScanner;
import org.apache.fluss.client.table.writer.AppendWriter;
import org.apache.fluss.client.table.writer.UpsertWriter;
import org.apache.fluss.config.Configuration;
import org.apache.fluss.config.cluster.AlterConfig;
import org.apache.fluss.config.cluster.AlterConfigOpType;
import org.apache.fluss.config.cluster.ConfigEntry;
import org.apache.fluss.metadata.DatabaseDescriptor;
import org.apache.fluss.metadata.Schema;
import org.apache.fluss.metadata.TableDescriptor;
import org.apache.fluss.metadata.TablePath;
import org.apache.fluss.row.BinaryString;
import org.apache.fluss.row.GenericRow;
import org.apache.fluss.security.acl.AccessControlEntry;
import org.apache.fluss.security.acl.AccessControlEntryFilter;
import org.apache.fluss.security.acl.AclBinding;
import org.apache.fluss.security.acl.AclBindingFilter;
import org.apache.fluss.security.acl.FlussPrincipal;
import org.apache.fluss.security.acl.OperationType;
import org.apache.fluss.security.acl.PermissionType;
import org.apache.fluss.security.acl.Resource;
import org.apache.fluss.security.acl.ResourceFilter;
import org.apache.fluss.security.acl.ResourceType;
import org.apache.fluss.types.DataTypes;

public class Security {
    static final TablePath LOG = TablePath.of("sec", "log");
    static final TablePath KV = TablePath.of("sec", "kv");
    static final TablePath NEW = TablePath.of("sec", "new");
    static String bootstrap;

    static Connection connect(String user, String password) {
        Configuration conf = new Configuration();
        conf.setString("bootstrap.servers", bootstrap);
        conf.setString("client.writer.retries", "2");
        conf.setString("client.lookup.max-retries", "2");
        if (user != null) {
            conf.setString("client.security.protocol", "SASL");
            conf.setString("client.security.sasl.mechanism", "PLAIN");
            conf.setString("client.security.sasl.username", user);
            conf.setString("client.security.sasl.password", password);
        }
        return ConnectionFactory.createConnection(conf);
    }

    /* The innermost error of Fluss, its first line; what differs from run to run is cut out. */
    static String told(Throwable error) {
        Throwable at = error;
        while (at.getCause() != null && !at.getClass().getName().startsWith("org.apache.fluss.exception"))
            at = at.getCause();
        String text = String.valueOf(at.getMessage()).split("\n")[0];
        if (String.valueOf(at.getMessage()).contains("Reason: "))
            text = String.valueOf(at.getMessage()).replaceAll("(?s).*Reason: ", "").split("\n")[0];
        /* A 0.9.1 has no code for it and puts the class before the text; ours has 1.0's code, which a 0.9.1 client does not know either. */
        text = text.replace("org.apache.fluss.exception.ConfigException: ", "");
        return at.getClass().getSimpleName() + ": " + text.replace(bootstrap, "SERVER");
    }

    static void line(String what, Callable<Object> call) {
        String answer;
        try {
            Object result = call.call();
            answer = result == null ? "done" : String.valueOf(result);
        } catch (Throwable error) {
            answer = told(error);
        }
        System.out.println(what + " => " + answer);
    }

    static String shown(AclBinding acl) {
        AccessControlEntry entry = acl.getAccessControlEntry();
        return acl.getResource().getType() + " " + acl.getResource().getName() + " " + entry.getPrincipal().getType() + ":"
                + entry.getPrincipal().getName() + " " + entry.getHost() + " " + entry.getOperationType() + " " + entry.getPermissionType();
    }

    static Object sorted(Iterable<AclBinding> acls) {
        TreeSet<String> all = new TreeSet<>();
        for (AclBinding acl : acls)
            all.add(shown(acl));
        return all;
    }

    static AclBinding acl(Resource resource, String user, OperationType operation) {
        return new AclBinding(resource, new AccessControlEntry(new FlussPrincipal(user, "User"), "*", operation, PermissionType.ALLOW));
    }

    static AclBindingFilter filter(ResourceType type, String name, String user, OperationType operation) {
        return new AclBindingFilter(new ResourceFilter(type, name), new AccessControlEntryFilter(
                user == null ? null : new FlussPrincipal(user, "User"), null, operation, PermissionType.ANY));
    }

    static void logins() {
        String[][] users = {{"admin", "secret"}, {"admin", "wrong"}, {"eve", "secret"}, {"admin", "secrets"}, {null, null}};
        for (String[] user : users)
            line("login of " + user[0] + " with " + user[1], () -> {
                try (Connection connection = connect(user[0], user[1]); Admin admin = connection.getAdmin()) {
                    return admin.databaseExists("fluss").get();
                }
            });
    }

    static TableDescriptor logTable() {
        return TableDescriptor.builder().schema(Schema.newBuilder().column("id", DataTypes.INT()).column("name", DataTypes.STRING()).build())
                .distributedBy(1).build();
    }

    static void make(Admin admin) throws Exception {
        admin.createDatabase("sec", DatabaseDescriptor.EMPTY, false).get();
        admin.createTable(LOG, logTable(), false).get();
        admin.createTable(KV, TableDescriptor.builder().schema(Schema.newBuilder().column("id", DataTypes.INT())
                .column("name", DataTypes.STRING()).primaryKey("id").build()).distributedBy(1, "id").build(), false).get();
    }

    static Object list(List<String> names) {
        return new TreeSet<>(names);
    }

    /* Everything that somebody may or may not. */
    static void tries(String who, Connection connection, Admin admin) {
        line(who + " lists databases", () -> list(admin.listDatabases().get().stream().filter(n -> n.equals("sec")).collect(Collectors.toList())));
        line(who + " lists tables", () -> list(admin.listTables("sec").get()));
        line(who + " database exists", () -> admin.databaseExists("sec").get());
        line(who + " table exists", () -> admin.tableExists(LOG).get());
        line(who + " database info", () -> admin.getDatabaseInfo("sec").get().getDatabaseName());
        line(who + " table info", () -> admin.getTableInfo(LOG).get().getTablePath());
        line(who + " schema", () -> admin.getTableSchema(LOG).get().getSchemaId());
        line(who + " creates a database", () -> admin.createDatabase("sec2", DatabaseDescriptor.EMPTY, false).get());
        line(who + " creates a table", () -> admin.createTable(NEW, logTable(), false).get());
        line(who + " drops a table", () -> admin.dropTable(NEW, true).get());
        line(who + " drops a database", () -> admin.dropDatabase("sec2", true, true).get());
        line(who + " offsets", () -> admin.listOffsets(LOG, Collections.singletonList(0), new OffsetSpec.EarliestSpec()).all().get());
        line(who + " describes configs", () -> admin.describeClusterConfigs().get().size() > 0);
        line(who + " alters configs", () -> admin.alterClusterConfigs(Collections.singletonList(
                new AlterConfig("datalake.format", "paimon", AlterConfigOpType.SET))).get());
        line(who + " gives a right", () -> admin.createAcls(Collections.singletonList(acl(Resource.database("sec"), who, OperationType.ALL)))
                .all().get());
        line(who + " drops rights", () -> sorted(admin.dropAcls(Collections.singletonList(
                filter(ResourceType.ANY, null, "nobody", OperationType.ANY))).all().get()));
        line(who + " lists rights", () -> sorted(admin.listAcls(AclBindingFilter.ANY).get()));
        rows(who, connection);
    }

    static void rows(String who, Connection connection) {
        line(who + " appends", () -> {
            try (Table table = connection.getTable(LOG)) {
                AppendWriter writer = table.newAppend().createWriter();
                return writer.append(GenericRow.of(1, BinaryString.fromString(who))).get(20, TimeUnit.SECONDS) == null ? null : "appended";
            }
        });
        line(who + " upserts", () -> {
            try (Table table = connection.getTable(KV)) {
                UpsertWriter writer = table.newUpsert().createWriter();
                return writer.upsert(GenericRow.of(1, BinaryString.fromString(who))).get(20, TimeUnit.SECONDS) == null ? null : "upserted";
            }
        });
        line(who + " looks up", () -> {
            try (Table table = connection.getTable(KV)) {
                return table.newLookup().createLookuper().lookup(GenericRow.of(1)).get(20, TimeUnit.SECONDS).getSingletonRow() == null
                        ? "nothing" : "a row";
            }
        });
        line(who + " scans", () -> {
            try (Table table = connection.getTable(LOG); LogScanner scanner = table.newScan().createLogScanner()) {
                scanner.subscribe(0, 0);
                int count = 0;
                for (int i = 0; i < 40 && count == 0; i++)
                    count += scanner.poll(Duration.ofMillis(100)).count();
                return count > 0 ? "rows" : "nothing";
            }
        });
    }

    static void rights(Admin admin) {
        List<AclBinding> given = Arrays.asList(acl(Resource.table(KV), "alice", OperationType.READ),
                acl(Resource.table(LOG), "alice", OperationType.WRITE), acl(Resource.database("sec"), "bob", OperationType.ALL));
        line("admin gives rights", () -> admin.createAcls(given).all().get());
        line("admin gives them again", () -> admin.createAcls(given).all().get());
        line("admin lists rights", () -> sorted(admin.listAcls(AclBindingFilter.ANY).get()));
        line("admin lists alice's", () -> sorted(admin.listAcls(filter(ResourceType.ANY, null, "alice", OperationType.ANY)).get()));
        line("admin lists those of a table", () -> sorted(admin.listAcls(filter(ResourceType.TABLE, "sec.kv", null, OperationType.ANY)).get()));
        line("admin lists writers", () -> sorted(admin.listAcls(filter(ResourceType.ANY, null, null, OperationType.WRITE)).get()));
    }

    static String source(Admin admin, String key) throws Exception {
        for (ConfigEntry entry : admin.describeClusterConfigs().get())
            if (entry.key().equals(key))
                return entry.value() + " " + entry.source();
        return "not there";
    }

    static void alter(Admin admin, String key, String value, AlterConfigOpType type) {
        line("admin alters " + key + " " + value + " " + type,
                () -> admin.alterClusterConfigs(Collections.singletonList(new AlterConfig(key, value, type))).get());
        line("then it is", () -> source(admin, key));
    }

    static void configs(Admin admin) {
        line("super.users", () -> source(admin, "super.users"));
        alter(admin, "max.partition.num", "5", AlterConfigOpType.SET);
        alter(admin, "no.such", "x", AlterConfigOpType.SET);
        alter(admin, "datalake.format", "hudi", AlterConfigOpType.SET);
        alter(admin, "datalake.format", "paimon", AlterConfigOpType.DELETE);
    }

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        logins();
        try (Connection admins = connect("admin", "secret"); Connection alices = connect("alice", "a"); Connection bobs = connect("bob", "b");
                Admin admin = admins.getAdmin(); Admin alice = alices.getAdmin(); Admin bob = bobs.getAdmin()) {
            make(admin);
            tries("alice", alices, alice);
            rights(admin);
            Thread.sleep(2000); // tablet servers of a cluster hear of rights a little later
            tries("alice", alices, alice);
            tries("bob", bobs, bob);
            line("bob gives alice a right", () -> bob.createAcls(Collections.singletonList(acl(Resource.table(LOG), "alice", OperationType.READ)))
                    .all().get());
            Thread.sleep(2000);
            rows("alice", alices);
            line("admin drops alice's", () -> sorted(admin.dropAcls(Collections.singletonList(
                    filter(ResourceType.ANY, null, "alice", OperationType.ANY))).all().get()));
            Thread.sleep(2000);
            rows("alice", alices);
            configs(admin);
        }
        System.exit(0);
    }
}
