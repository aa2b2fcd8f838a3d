//! The Fluss client of the Rust world (fluss-rs) as a driver (../PROTOCOL.md): rows in, rows out.
use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fluss::client::{FlussConnection, FlussTable};
use fluss::config::Config;
use fluss::metadata::{DataType, JsonSerde, PartitionSpec, RowType, TableBucket, TableDescriptor, TablePath};
use fluss::row::{
    ColumnarRow, DataGetters, Date, Datum, Decimal, FlussArray, FlussArrayWriter, FlussMapWriter, GenericRow, Time, TimestampLtz, TimestampNtz,
};
use fluss::rpc::message::OffsetSpec;
use serde_json::{json, Value};

type Answer<T> = Result<T, Box<dyn Error>>;

const DATABASE: &str = "interop";
const WAIT: Duration = Duration::from_secs(20);

// ---- Values ----

fn hex_bytes(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn datum(of: &DataType, value: &Value) -> Answer<Datum<'static>> {
    if value.is_null() {
        return Ok(Datum::Null);
    }
    let whole = || value.as_i64().unwrap();
    let text = || value.as_str().unwrap();
    let moment = || (value[0].as_i64().unwrap(), value[1].as_i64().unwrap() as i32);
    Ok(match of {
        DataType::Boolean(_) => Datum::Bool(value.as_bool().unwrap()),
        DataType::TinyInt(_) => Datum::Int8(whole() as i8),
        DataType::SmallInt(_) => Datum::Int16(whole() as i16),
        DataType::Int(_) => Datum::Int32(whole() as i32),
        DataType::BigInt(_) => Datum::Int64(whole()),
        DataType::Float(_) => Datum::from(f32::from_bits(u32::from_str_radix(text(), 16)?)),
        DataType::Double(_) => Datum::from(f64::from_bits(u64::from_str_radix(text(), 16)?)),
        DataType::Char(_) | DataType::String(_) => Datum::from(text().to_string()),
        DataType::Binary(_) | DataType::Bytes(_) => Datum::from(hex_bytes(text())),
        DataType::Decimal(d) => Datum::Decimal(Decimal::from_unscaled_bytes(&text().parse::<i128>()?.to_be_bytes(), d.precision(), d.scale())?),
        DataType::Date(_) => Datum::Date(Date::new(whole() as i32)),
        DataType::Time(_) => Datum::Time(Time::new(whole() as i32)),
        DataType::Timestamp(_) => Datum::TimestampNtz(TimestampNtz::from_millis_nanos(moment().0, moment().1)?),
        DataType::TimestampLTz(_) => Datum::TimestampLtz(TimestampLtz::from_millis_nanos(moment().0, moment().1)?),
        DataType::Array(a) => Datum::Array(array(a.get_element_type(), value.as_array().unwrap())?),
        DataType::Map(m) => {
            let entries = value.as_array().unwrap();
            let mut writer = FlussMapWriter::new(entries.len(), m.key_type(), m.value_type());
            for entry in entries {
                writer.write_entry(datum(m.key_type(), &entry[0])?, datum(m.value_type(), &entry[1])?)?;
            }
            Datum::Map(writer.complete()?)
        }
        DataType::Row(r) => Datum::Row(Box::new(row_of(r.fields().iter().map(|f| f.data_type()), value)?)),
    })
}

fn array(of: &DataType, items: &[Value]) -> Answer<FlussArray> {
    let mut writer = FlussArrayWriter::new(items.len(), of);
    for (i, item) in items.iter().enumerate() {
        match datum(of, item)? {
            Datum::Null => writer.set_null_at(i),
            Datum::Int32(v) => writer.write_int(i, v),
            Datum::Int64(v) => writer.write_long(i, v),
            Datum::String(v) => writer.write_string(i, &v),
            Datum::Array(v) => writer.write_array(i, &v),
            other => return Err(format!("an array of {other:?}").into()),
        }
    }
    Ok(writer.complete()?)
}

fn row_of<'a>(types: impl Iterator<Item = &'a DataType>, values: &Value) -> Answer<GenericRow<'static>> {
    let values = types.enumerate().map(|(i, of)| datum(of, &values[i])).collect::<Answer<Vec<_>>>()?;
    Ok(GenericRow { values })
}

fn plain(of: &DataType, row: &dyn DataGetters, at: usize) -> Answer<Value> {
    if row.is_null_at(at)? {
        return Ok(Value::Null);
    }
    Ok(match of {
        DataType::Boolean(_) => json!(row.get_boolean(at)?),
        DataType::TinyInt(_) => json!(row.get_byte(at)?),
        DataType::SmallInt(_) => json!(row.get_short(at)?),
        DataType::Int(_) => json!(row.get_int(at)?),
        DataType::BigInt(_) => json!(row.get_long(at)?),
        DataType::Float(_) => json!(format!("{:08x}", row.get_float(at)?.to_bits())),
        DataType::Double(_) => json!(format!("{:016x}", row.get_double(at)?.to_bits())),
        DataType::Char(c) => json!(row.get_char(at, c.length() as usize)?),
        DataType::String(_) => json!(row.get_string(at)?),
        DataType::Binary(b) => json!(hex_text(row.get_binary(at, b.length())?)),
        DataType::Bytes(_) => json!(hex_text(row.get_bytes(at)?)),
        DataType::Decimal(d) => {
            let bytes = row.get_decimal(at, d.precision() as usize, d.scale() as usize)?.to_unscaled_bytes();
            let sign = if bytes[0] & 0x80 != 0 { -1i128 } else { 0 };
            json!(bytes.iter().fold(sign, |value, byte| value << 8 | *byte as i128).to_string())
        }
        DataType::Date(_) => json!(row.get_date(at)?.get_inner()),
        DataType::Time(_) => json!(row.get_time(at)?.get_inner()),
        DataType::Timestamp(t) => {
            let moment = row.get_timestamp_ntz(at, t.precision())?;
            json!([moment.get_millisecond(), moment.get_nano_of_millisecond()])
        }
        DataType::TimestampLTz(t) => {
            let moment = row.get_timestamp_ltz(at, t.precision())?;
            json!([moment.get_epoch_millisecond(), moment.get_nano_of_millisecond()])
        }
        DataType::Array(a) => plain_array(a.get_element_type(), &row.get_array(at)?.try_into_binary()?)?,
        DataType::Map(m) => {
            let map = row.get_map(at)?.try_into_binary()?;
            let keys = plain_array(m.key_type(), map.key_array())?;
            let values = plain_array(m.value_type(), map.value_array())?;
            Value::Array((0..map.size()).map(|i| json!([keys[i], values[i]])).collect())
        }
        DataType::Row(r) => plain_row(r, &row.get_row(at)?.try_into_generic(r)?)?,
    })
}

fn plain_array(of: &DataType, items: &FlussArray) -> Answer<Value> {
    Ok(Value::Array((0..items.size()).map(|i| plain(of, items, i)).collect::<Answer<Vec<_>>>()?))
}

fn plain_row(of: &RowType, row: &dyn DataGetters) -> Answer<Value> {
    Ok(Value::Array(of.fields().iter().enumerate().map(|(i, f)| plain(f.data_type(), row, i)).collect::<Answer<Vec<_>>>()?))
}

// ---- Tables ----

/// Connections and tables are kept for ever: the process ends with its input.
#[derive(Default)]
struct Driver {
    connections: HashMap<String, &'static FlussConnection>,
    tables: HashMap<String, &'static FlussTable<'static>>,
}

fn text<'a>(request: &'a Value, key: &str) -> &'a str {
    request[key].as_str().unwrap_or("")
}

fn names(value: &Value) -> Vec<&str> {
    value.as_array().map(|of| of.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

fn path(request: &Value) -> TablePath {
    TablePath::new(DATABASE, text(request, "table"))
}

fn offset(of: &Value, bucket: &str) -> i64 {
    of[bucket].as_i64().unwrap()
}

impl Driver {
    async fn connection(&mut self, request: &Value) -> Answer<&'static FlussConnection> {
        let at = text(request, "at").to_string();
        if !self.connections.contains_key(&at) {
            let config = Config { bootstrap_servers: at.clone(), writer_batch_timeout_ms: 10, ..Default::default() };
            self.connections.insert(at.clone(), Box::leak(Box::new(FlussConnection::new(config).await?)));
        }
        Ok(self.connections[&at])
    }

    async fn table(&mut self, request: &Value) -> Answer<&'static FlussTable<'static>> {
        let key = format!("{}/{}", text(request, "at"), text(request, "table"));
        if !self.tables.contains_key(&key) {
            let table = self.connection(request).await?.get_table(&path(request)).await?;
            self.tables.insert(key.clone(), Box::leak(Box::new(table)));
        }
        Ok(self.tables[&key])
    }

    async fn partition(&mut self, request: &Value) -> Answer<Option<i64>> {
        let Some(name) = request["partition"].as_str() else { return Ok(None) };
        for info in self.connection(request).await?.get_admin()?.list_partition_infos(&path(request)).await? {
            if info.get_partition_name() == name {
                return Ok(Some(info.get_partition_id()));
            }
        }
        Err(format!("no partition {name}").into())
    }

    async fn create(&mut self, request: &Value) -> Answer<Value> {
        let admin = self.connection(request).await?.get_admin()?;
        admin.create_database(DATABASE, None, true).await?;
        admin.create_table(&path(request), &TableDescriptor::deserialize_json(&request["descriptor"])?, false).await?;
        Ok(json!(true))
    }

    async fn make_partition(&mut self, request: &Value) -> Answer<Value> {
        let spec = request["spec"].as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_string())).collect::<HashMap<_, _>>();
        self.connection(request).await?.get_admin()?.create_partition(&path(request), &PartitionSpec::new(spec), true).await?;
        Ok(json!(true))
    }

    async fn append(&mut self, request: &Value) -> Answer<Value> {
        let table = self.table(request).await?;
        let writer = table.new_append()?.create_writer()?;
        let types = table.get_table_info().get_row_type();
        let mut written = Vec::new();
        for values in request["rows"].as_array().unwrap() {
            written.push(writer.append(&row_of(types.fields().iter().map(|f| f.data_type()), values)?)?);
        }
        writer.flush().await?;
        for one in written {
            one.await?;
        }
        Ok(json!(true))
    }

    async fn upsert(&mut self, request: &Value, deletes: bool) -> Answer<Value> {
        let table = self.table(request).await?;
        let columns = names(&request["columns"]);
        let upsert = table.new_upsert()?;
        let writer = if columns.is_empty() { upsert.create_writer()? } else { upsert.partial_update_with_column_names(&columns)?.create_writer()? };
        let types = table.get_table_info().get_row_type();
        let mut written = Vec::new();
        for values in request["rows"].as_array().unwrap() {
            let mut row = GenericRow { values: types.fields().iter().map(|_| Datum::Null).collect() };
            for (at, field) in types.fields().iter().enumerate() {
                let given = if columns.is_empty() { Some(at) } else { columns.iter().position(|name| *name == field.name()) };
                if let Some(given) = given {
                    row.values[at] = datum(field.data_type(), &values[given])?;
                }
            }
            written.push(if deletes { writer.delete(&row)? } else { writer.upsert(&row)? });
        }
        writer.flush().await?;
        for one in written {
            one.await?;
        }
        Ok(json!(true))
    }

    async fn scan(&mut self, request: &Value) -> Answer<Value> {
        let table = self.table(request).await?;
        let partition = self.partition(request).await?;
        let columns = names(&request["columns"]);
        let all = table.get_table_info().get_row_type();
        let types: Vec<&DataType> = if columns.is_empty() {
            all.fields().iter().map(|f| f.data_type()).collect()
        } else {
            columns.iter().map(|name| all.fields().iter().find(|f| f.name() == *name).unwrap().data_type()).collect()
        };
        let mut scan = table.new_scan();
        if !columns.is_empty() {
            scan = scan.project_by_name(&columns)?;
        }
        let scanner = scan.create_log_scanner()?;
        let mut ends = HashMap::new();
        for (name, end) in request["until"].as_object().unwrap() {
            let (bucket, from, end) = (name.parse::<i32>()?, offset(&request["from"], name), end.as_i64().unwrap());
            if end > from {
                ends.insert(bucket, end);
                match partition {
                    Some(id) => scanner.subscribe_partition(id, bucket, from).await?,
                    None => scanner.subscribe(bucket, from).await?,
                }
            }
        }
        let (mut rows, deadline) = (Vec::new(), Instant::now() + WAIT);
        while !ends.is_empty() && Instant::now() < deadline {
            for (bucket, records) in scanner.poll(Duration::from_millis(200)).await?.into_records_by_buckets() {
                let bucket = bucket.bucket_id();
                for record in records {
                    let end = *ends.get(&bucket).unwrap_or(&-1);
                    if record.offset() < end {
                        let values = types.iter().enumerate().map(|(i, of)| plain(of, record.row(), i)).collect::<Answer<Vec<_>>>()?;
                        rows.push(json!([bucket, record.offset(), record.change_type().short_string(), values]));
                    }
                    if record.offset() + 1 == end {
                        ends.remove(&bucket);
                    }
                }
            }
        }
        Ok(Value::Array(rows))
    }

    async fn lookup(&mut self, request: &Value) -> Answer<Value> {
        let table = self.table(request).await?;
        let info = table.get_table_info();
        let types = key_types(info.get_row_type(), info.get_primary_keys().iter().map(String::as_str));
        let mut lookuper = table.new_lookup()?.create_lookuper()?;
        let mut rows = Vec::new();
        for key in request["keys"].as_array().unwrap() {
            let found = lookuper.lookup(&row_of(types.iter().copied(), key)?).await?;
            rows.push(match found.get_single_row()? {
                Some(row) => plain_row(info.get_row_type(), &row)?,
                None => Value::Null,
            });
        }
        Ok(Value::Array(rows))
    }

    async fn prefix(&mut self, request: &Value) -> Answer<Value> {
        let table = self.table(request).await?;
        let info = table.get_table_info();
        let columns = names(&request["columns"]);
        let types = key_types(info.get_row_type(), columns.iter().copied());
        let mut lookuper = table.new_lookup()?.lookup_by(columns.iter().map(|c| c.to_string()).collect()).create_lookuper()?;
        let mut lists = Vec::new();
        for key in request["keys"].as_array().unwrap() {
            let found = lookuper.lookup(&row_of(types.iter().copied(), key)?).await?;
            lists.push(Value::Array(found.get_rows()?.iter().map(|row| plain_row(info.get_row_type(), row)).collect::<Answer<Vec<_>>>()?));
        }
        Ok(Value::Array(lists))
    }

    async fn limit(&mut self, request: &Value) -> Answer<Value> {
        let table = self.table(request).await?;
        let info = table.get_table_info();
        let bucket = request["bucket"].as_i64().unwrap() as i32;
        let bucket = match self.partition(request).await? {
            Some(id) => TableBucket::new_with_partition(info.table_id, Some(id), bucket),
            None => TableBucket::new(info.table_id, bucket),
        };
        let mut scanner = table.new_scan().limit(request["limit"].as_i64().unwrap() as i32)?.create_bucket_batch_scanner(bucket)?;
        let types = Arc::new(info.get_row_type().clone());
        let mut rows = Vec::new();
        while let Some(batch) = scanner.next_batch().await? {
            let batch = Arc::new(batch.into_batch());
            for i in 0..batch.num_rows() {
                rows.push(plain_row(&types, &ColumnarRow::new(Arc::clone(&batch), Arc::clone(&types), i, None)?)?);
            }
        }
        Ok(Value::Array(rows))
    }

    async fn offsets(&mut self, request: &Value) -> Answer<Value> {
        let admin = self.connection(request).await?.get_admin()?;
        let spec = match &request["spec"] {
            Value::Number(at) => OffsetSpec::Timestamp(at.as_i64().unwrap()),
            other if other == "earliest" => OffsetSpec::Earliest,
            _ => OffsetSpec::Latest,
        };
        let buckets: Vec<i32> = (0..request["buckets"].as_i64().unwrap() as i32).collect();
        let found = match request["partition"].as_str() {
            Some(name) => admin.list_partition_offsets(&path(request), name, &buckets, spec).await?,
            None => admin.list_offsets(&path(request), &buckets, spec).await?,
        };
        Ok(json!(found.into_iter().map(|(bucket, at)| (bucket.to_string(), at)).collect::<HashMap<_, _>>()))
    }

    async fn answer(&mut self, request: &Value) -> Answer<Value> {
        match text(request, "do") {
            "create" => self.create(request).await,
            "drop" => {
                self.connection(request).await?.get_admin()?.drop_table(&path(request), true).await?;
                Ok(json!(true))
            }
            "partition" => self.make_partition(request).await,
            "append" => self.append(request).await,
            "upsert" | "partial" => self.upsert(request, false).await,
            "delete" => self.upsert(request, true).await,
            "scan" => self.scan(request).await,
            "lookup" => self.lookup(request).await,
            "prefix" => self.prefix(request).await,
            "limit" => self.limit(request).await,
            "offsets" => self.offsets(request).await,
            other => Err(format!("no command {other}").into()),
        }
    }
}

fn key_types<'a, 'b>(of: &'a RowType, names: impl Iterator<Item = &'b str>) -> Vec<&'a DataType> {
    names.map(|name| of.fields().iter().find(|f| f.name() == name).unwrap().data_type()).collect()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut driver = Driver::default();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str::<Value>(&line.unwrap()) {
            Ok(request) => runtime.block_on(driver.answer(&request)),
            Err(bad) => Err(bad.into()),
        };
        let answer = match answer {
            Ok(value) => json!({ "ok": value }),
            Err(failure) => json!({ "error": failure.to_string() }),
        };
        println!("{answer}");
        std::io::stdout().flush().unwrap();
    }
    std::process::exit(0);
}
