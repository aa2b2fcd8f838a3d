"""arrow_types.py: the Arrow types of Fluss's columns, from the JSON of a table descriptor."""
import pyarrow as pa


def unit(precision):
    return "s" if precision == 0 else "ms" if precision <= 3 else "us" if precision <= 6 else "ns"


def arrow_type(of):
    name = of["type"]
    if name == "DECIMAL":
        return pa.decimal128(of["precision"], of["scale"])
    if name == "BINARY":
        return pa.binary(of["length"])
    if name == "TIME_WITHOUT_TIME_ZONE":
        return pa.time32(unit(of["precision"])) if of["precision"] <= 3 else pa.time64(unit(of["precision"]))
    if name == "TIMESTAMP_WITHOUT_TIME_ZONE":
        return pa.timestamp(unit(of["precision"]))
    if name == "TIMESTAMP_WITH_LOCAL_TIME_ZONE":
        return pa.timestamp(unit(of["precision"]), "UTC")
    if name == "ARRAY":
        return pa.list_(pa.field("element", arrow_type(of["element_type"]), of["element_type"].get("nullable", True)))
    if name == "MAP":
        return pa.map_(arrow_type(of["key_type"]), arrow_type(of["value_type"]))
    if name == "ROW":
        return pa.struct([pa.field(f["name"], arrow_type(f["field_type"]), f["field_type"].get("nullable", True)) for f in of["fields"]])
    return {"BOOLEAN": pa.bool_(), "TINYINT": pa.int8(), "SMALLINT": pa.int16(), "INTEGER": pa.int32(), "BIGINT": pa.int64(), "FLOAT": pa.float32(),
            "DOUBLE": pa.float64(), "CHAR": pa.string(), "STRING": pa.string(), "BYTES": pa.binary(), "DATE": pa.date32()}[name]
