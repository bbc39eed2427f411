"""Our Transform against TFX's own on the same examples."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tfx  # noqa: F401 - before tensorflow_data_validation
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.transform.component import Transform as TfxTransform
from tfx.components.util import examples_utils
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import Metadata, sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.types import artifact_utils, standard_artifacts

from waze_data_tfx.components.transform import Transform

ROWS = {
    "train": [(1.0, "old town"), (2.0, "port"), (None, "port"), (4.0, None), (8.0, "hill"), (3.0, "old town")],
    "eval": [(100.0, "unseen zone"), (None, None), (1.5, "port")],
}
SCHEMA = 'feature { name: "km" type: FLOAT } feature { name: "zone" type: BYTES }'
BEAM = ["--runner=FnApiRunner", "--sdk_container_image=in-process"]


def _example(km, zone):
    example = tf.train.Example()
    if km is not None:
        example.features.feature["km"].float_list.value.append(km)
    if zone is not None:
        example.features.feature["zone"].bytes_list.value.append(zone.encode())
    return example.SerializeToString()


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    """Run both components in one pipeline; return their outputs by component and type."""
    folder = tmp_path_factory.mktemp("transform")
    for split, rows in ROWS.items():
        (folder / "examples" / f"Split-{split}").mkdir(parents=True)
        with tf.io.TFRecordWriter(str(folder / "examples" / f"Split-{split}" / "data-00000-of-00001.gz"), "GZIP") as writer:
            for row in rows:
                writer.write(_example(*row))
    (folder / "schema").mkdir()
    (folder / "schema" / "schema.pbtxt").write_text(SCHEMA)
    sys.path.insert(0, str(Path(__file__).parent))
    examples = Importer(str(folder / "examples"), standard_artifacts.Examples, properties={"split_names": '["train","eval"]'})
    schema = Importer(str(folder / "schema"), standard_artifacts.Schema).with_id("Schema")
    inputs = {
        "examples": examples.outputs["result"],
        "schema": schema.outputs["result"],
        "preprocessing_fn": "transform_fn_for_test.preprocessing_fn",
        "custom_config": {"factor": 2.0},
    }
    nodes = {
        "ours": Transform(**inputs).with_id("ours"),
        "tfx": TfxTransform(**inputs, disable_statistics=True, disable_analyzer_cache=True).with_id("theirs"),
    }
    store = sqlite_metadata_connection_config(str(folder / "metadata.sqlite"))
    components = [examples, schema, *nodes.values()]
    common = {"metadata_connection_config": store, "beam_pipeline_args": BEAM}
    pipeline = Pipeline("t", str(folder / "root"), components=components, **common)
    LocalDagRunner().run(pipeline)
    sys.path.remove(str(Path(__file__).parent))
    with Metadata(store) as handle:
        found = {}
        for name in ("TransformGraph", "Examples"):
            kind = handle.store.get_artifact_type(name)
            for artifact in handle.store.get_artifacts_by_type(name):
                who = "ours" if "/ours/" in artifact.uri else "tfx" if "/theirs/" in artifact.uri else "raw"
                found[who, name] = artifact_utils.deserialize_artifact(kind, artifact)
    return found


def _read(artifact, split):
    files = [str(f) for f in sorted(Path(artifact_utils.get_split_uri([artifact], split)).iterdir())]
    out = []
    for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        out.append({k: [*v.float_list.value, *v.int64_list.value, *v.bytes_list.value] for k, v in features.items()})
    return out


@pytest.mark.parametrize("split", ["train", "eval"])
def test_transformed_values_equal_tfxs(artifacts, split):
    ours, theirs = (_read(artifacts[who, "Examples"], split) for who in ("ours", "tfx"))
    assert len(ours) == len(ROWS[split])
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.keys() == other.keys()
        for name, values in other.items():
            if name == "km_z":
                np.testing.assert_allclose(mine[name], values, rtol=1e-6)
            else:
                assert mine[name] == values


def test_transformed_values_by_hand(artifacts):
    """Km, missing as 0: 1 2 0 4 8 3, mean 3, variance (4 + 1 + 9 + 1 + 25 + 0) / 6 = 20 / 3."""
    first = _read(artifacts["ours", "Examples"], "train")[0]
    np.testing.assert_allclose(first["km_z"], [-2 / np.sqrt(20 / 3)], rtol=1e-6)
    assert first["pair"] == [1.0, 2.0]
    assert first["zone_sparse"] == [b"old town"]
    assert [v for k, v in first.items() if k.startswith("zone_words")] == [[b"old", b"town"]]
    unseen = _read(artifacts["ours", "Examples"], "eval")[0]
    assert unseen["zone_id"] == [4]  # port, old town, none, hill; then the bucket for the unseen


def test_layout_and_properties_equal_tfxs(artifacts):
    def layout(who, name):
        root = Path(artifacts[who, name].uri)
        return sorted(p.relative_to(root).as_posix() for p in root.rglob("*"))

    for name in ("TransformGraph", "Examples"):
        assert layout("ours", name) == layout("tfx", name)
    ours, theirs = (artifacts[who, "Examples"] for who in ("ours", "tfx"))
    assert sorted(artifact_utils.decode_split_names(ours.split_names)) == sorted(
        artifact_utils.decode_split_names(theirs.split_names)
    )
    assert examples_utils.get_file_format(ours) == examples_utils.get_file_format(theirs)
    assert examples_utils.get_payload_format(ours) == examples_utils.get_payload_format(theirs)


def test_metadata_equals_tfxs(artifacts):
    def schema(who, folder):
        text = Path(artifacts[who, "TransformGraph"].uri, folder, "schema.pbtxt").read_text()
        return text_format.Parse(text, schema_pb2.Schema())

    for folder in ("metadata", "transformed_metadata"):
        assert schema("ours", folder) == schema("tfx", folder)


def test_graphs_compute_the_same(artifacts):
    import tensorflow_transform as tft

    km = tf.sparse.from_dense([[5.0], [0.0]])
    zone = tf.SparseTensor([[0, 0]], ["hill"], [2, 1])
    outputs = [
        tft.TFTransformOutput(artifacts[who, "TransformGraph"].uri).transform_raw_features({"km": km, "zone": zone})
        for who in ("ours", "tfx")
    ]
    for name in ("km_z", "km_bucket", "zone_id", "pair"):
        np.testing.assert_allclose(outputs[0][name], outputs[1][name], rtol=1e-6)
