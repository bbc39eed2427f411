"""What the worker does not import, or only when asked, is there when user code wants it, and changes no value."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from waze_data_tfx import testing
from waze_data_tfx.errors import UserCodeError

sys.path.insert(0, str(Path(__file__).parent))
from project_for_test import ROWS, write

MINE = """tf.stack(
        [
            tf.cast(tf.strings.length(tf.strings.as_string(km)), tf.float32),
            tf.linalg.LinearOperatorDiag([3.0]).matmul(km[:, None])[:, 0],
            tf.reduce_sum(tf.concat([tf.RaggedTensor.from_tensor(km[:, None])] * 2, axis=1), axis=1),
            tf.compat.v1.where_v2(km > 2, 1.0, 0.0),
            tf.experimental.numpy.square(km),
            tf.signal.hamming_window(3)[1] * km,
            tft.make_and_track_object(lambda: tf.keras.layers.Rescaling(2.0), name="twice")(km),
            km * pa.array(pd.Series([None, 4.0])).null_count,
            km * float(pa.array([3, 4]).to_pandas().max()),
            tf.raw_ops.Sign(x=km) + tf.cast(hasattr(tf.raw_ops, "NoSuchThing"), tf.float32),
            km + np.linalg.det(scipy.linalg.inv(np.eye(2, dtype=np.float32))),
        ],
        axis=1,
    )"""
WITHOUT = """\
import json, os, sys, pathlib
from waze_data_tfx.testing import jobs
request = {"job": "transform", "config": sys.argv[1], "rows": json.loads(sys.argv[2]), "fit_rows": None}
print(json.dumps(jobs.do(request, pathlib.Path(sys.argv[3]))), flush=True)
os._exit(0)
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    config = write(tmp_path, mine=MINE)
    code = tmp_path / "eta_features.py"
    code.write_text("import numpy as np\nimport pandas as pd\nimport pyarrow as pa\nimport scipy.linalg\n" + code.read_text())
    return config


def test_user_code_gets_what_it_asks_for(config: Path) -> None:
    """For km 3: "3.000000" has 8 characters; 3 * 3; 3 + 3; 3 > 2; 3 * 3; 3 times the middle of the window, 1; 3 * 2; 3 times one
    missing value; 3 * 4; the sign of 3; 3 + 1.
    """
    out = testing.transform_rows(config, ROWS)
    assert out[1]["mine"] == pytest.approx([8, 9, 6, 1, 9, 3, 6, 3, 12, 1, 4])
    assert out[0]["mine"] == pytest.approx([8, 3, 2, 0, 1, 1, 2, 1, 4, 1, 2])


def test_the_values_are_those_of_a_process_that_imports_everything(config: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT, str(config), json.dumps(ROWS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert testing.transform_rows(config, ROWS) == json.loads(done.stdout)


def test_a_keras_layer_of_the_whole_transform_is_refused(tmp_path: Path) -> None:
    config = write(tmp_path, mine="tft.TFTransformOutput('/nowhere') and tft.TransformFeaturesLayer(None)")
    with pytest.raises(UserCodeError, match=r"a feature test has no Keras layers of tf\.Transform"):
        testing.transform_rows(config, ROWS)
