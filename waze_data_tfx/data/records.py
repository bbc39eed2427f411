"""Gzipped TFRecords of tf.train.Examples, read without TensorFlow.

Called by `evaluation.measure` (a tf.data iterator costs most of a second) and by `report`, which must not import TensorFlow.
Knows the two formats and no schema. Never writes.
"""

import gzip
import struct
from collections.abc import Iterator
from functools import cache
from typing import IO, Any

from ..errors import RunFailed

VALUE_LISTS = {"bytes_list": 1, "float_list": 2, "int64_list": 3}


def records(opened: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield the records of a gzipped TFRecord: length [8], its checksum [4], the record, its checksum [4].

    Gzip's own checksum covers them all.

    Raises:
        RunFailed: the file ends within a record.
    """
    with gzip.GzipFile(fileobj=opened) as unpacked:
        while header := unpacked.read(12):
            (length,) = struct.unpack("<Q", header[:8])
            record = unpacked.read(length + 4)
            if len(record) != length + 4:
                raise RunFailed(f"{name}: ends within a record", hint="run the node that wrote it again")
            yield record[:length]


def parse(serialized: bytes) -> dict[str, list[Any]]:
    """Return the values of a serialized tf.train.Example by feature: floats, ints or bytes; a missing one is absent or empty."""
    features = _example().FromString(serialized).features.feature
    values = {}
    for name, feature in features.items():
        kind = feature.WhichOneof("kind")
        values[name] = list(getattr(feature, kind).value) if kind else []
    return values


@cache
def _example() -> Any:
    """Return the message class of tensorflow/core/example/example.proto, under a package of ours.

    TensorFlow's own class comes only with TensorFlow; two definitions of one name in one process would clash.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    package = "waze_data_tfx.records"
    file = descriptor_pb2.FileDescriptorProto(name="waze_data_tfx/records.proto", package=package, syntax="proto3")

    def add(message: Any, name: str, number: int, kind: int, *, of: str = "", repeated: bool = False) -> Any:
        made = message.field.add(name=name, number=number, type=kind)
        made.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
        if of:
            made.type_name = f".{package}.{of}"
        return made

    for name, kind in (("BytesList", field.TYPE_BYTES), ("FloatList", field.TYPE_FLOAT), ("Int64List", field.TYPE_INT64)):
        add(file.message_type.add(name=name), "value", 1, kind, repeated=True)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for (name, number), of in zip(VALUE_LISTS.items(), ("BytesList", "FloatList", "Int64List"), strict=True):
        add(feature, name, number, field.TYPE_MESSAGE, of=of).oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    add(entry, "key", 1, field.TYPE_STRING)
    add(entry, "value", 2, field.TYPE_MESSAGE, of="Feature")
    add(features, "feature", 1, field.TYPE_MESSAGE, of="Features.FeatureEntry", repeated=True)
    add(file.message_type.add(name="Example"), "features", 1, field.TYPE_MESSAGE, of="Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Example"))
