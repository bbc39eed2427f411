"""The taxi template's model, as it comes, against scikit-learn's HistGradientBoostingRegressor.

The pipeline runs in a fresh folder; gradient boosting (absolute error loss, 300 iterations) learns from the very rows
of its train split and both are measured on its eval split, the model through the pushed `serving_default`. Gradient boosting gets
the raw columns (missing values and categories as such), and in a second line also the template's derived features.

    python benchmarks/taxi_quality.py [--seeds 3]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

TARGET = 1.05
LABEL = "trip_seconds"
DERIVED = ("geometry", "clock", "flags")


def run_pipeline(folder: Path, seed: int, *, template: str = "taxi", gate: str = "{name: mae, upper_bound: 1000000}") -> dict:
    """Fork the template on the first call, run it with this seed, and return what `run --json` prints."""
    tool = [sys.executable, "-m", "waze_data_tfx"]
    if not folder.exists():
        subprocess.run([*tool, "new", str(folder), "--template", template], check=True, stdout=subprocess.DEVNULL)
    pushed_anyhow = f"evaluation.metrics=[{gate}]"  # every seed is to be pushed and measured
    sets = ["--set", f"training.seed={seed}", "--set", pushed_anyhow, "--set", "evaluation.slices=[]"]
    done = subprocess.run(
        [*tool, "run", str(folder / "config.yaml"), *sets, "--json"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    run = json.loads(done.stdout)
    return {**run, "folder": str(Path(run["root"]) / "runs" / run["id"])}


def read_rows(run: dict, split: str) -> tuple[list[bytes], dict[str, list]]:
    """Return the split's serialized examples and their columns, None where missing."""
    import tensorflow as tf

    serialized = _records(run, "ExampleGen", "examples", split)
    columns: dict[str, list] = {}
    for i, text in enumerate(serialized):
        for name, feature in tf.train.Example.FromString(text).features.feature.items():
            values = getattr(feature, feature.WhichOneof("kind")).value if feature.WhichOneof("kind") else []
            columns.setdefault(name, [None] * len(serialized))[i] = values[0] if values else None
    return serialized, columns


def read_derived(run: dict, split: str) -> "list[list[float]]":
    import tensorflow as tf

    rows = []
    for text in _records(run, "Transform", "transformed_examples", split):
        features = tf.train.Example.FromString(text).features.feature
        rows.append([v for name in DERIVED for v in features[name].float_list.value])
    return rows


def _records(run: dict, node: str, key: str, split: str) -> list[bytes]:
    import tensorflow as tf

    shown = subprocess.run(
        [sys.executable, "-m", "waze_data_tfx", "show", run["folder"], "--json"], capture_output=True, text=True, check=True
    )
    uri = json.loads(shown.stdout)["artifacts"][node][key][0]
    files = sorted(map(str, Path(uri, f"Split-{split}").glob("*.gz")))
    return [t.numpy() for t in tf.data.TFRecordDataset(files, compression_type="GZIP")]


def boosting_mae(train: dict[str, list], evaluation: dict[str, list], extra: "tuple[list, list] | None") -> float:
    """Fit gradient boosting on raw columns, text as categories, and return its mean absolute error in seconds."""
    import numpy as np
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingRegressor

    names = sorted(set(train) - {LABEL})
    frames = []
    for columns in (train, evaluation):
        frame = pd.DataFrame({name: columns[name] for name in names})
        frames.append(frame)
    categories = [name for name in names if not pd.api.types.is_float_dtype(pd.Series([v for v in train[name] if v is not None]))]
    for name in categories:
        codes = {value: i for i, value in enumerate(frames[0][name].value_counts().index[:250])}
        for frame in frames:
            frame[name] = frame[name].map(codes)
    matrices = [frame.astype(float).to_numpy() for frame in frames]
    mask = [name in categories for name in names]
    if extra is not None:
        matrices = [np.hstack([m, np.array(e)]) for m, e in zip(matrices, extra, strict=True)]
        mask += [False] * (matrices[0].shape[1] - len(mask))
    model = HistGradientBoostingRegressor(loss="absolute_error", max_iter=300, categorical_features=mask, random_state=0)
    model.fit(matrices[0], np.array(train[LABEL]))
    return float(np.abs(model.predict(matrices[1]) - np.array(evaluation[LABEL])).mean())


def served_mae(model_folder: Path, serialized: list[bytes], label: list[float]) -> float:
    """Return the pushed model's mean absolute error through the signature that serves."""
    import numpy as np

    return float(np.abs(served(model_folder, serialized) - np.array(label)).mean())


def served(model_folder: Path, serialized: list[bytes]) -> "np.ndarray":
    """Return the pushed model's predictions through the signature that serves."""
    import tensorflow as tf

    serve = tf.saved_model.load(str(model_folder)).signatures["serving_default"]
    return serve(examples=tf.constant(serialized))["prediction"].numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(1, parser.parse_args().seeds + 1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "quality"
        maes = []
        for seed in seeds:
            run = run_pipeline(folder, seed)
            serialized, evaluation = read_rows(run, "eval")
            maes.append(served_mae(Path(run["root"]) / "serving" / str(run["pushed_version"]), serialized, evaluation[LABEL]))
            print(f"seed {seed}: model {maes[-1]:.1f} s on {len(serialized)} rows", flush=True)
        _, train = read_rows(run, "train")
        raw = boosting_mae(train, evaluation, None)
        derived = boosting_mae(train, evaluation, (read_derived(run, "train"), read_derived(run, "eval")))
    mean = sum(maes) / len(maes)
    print(f"\nmean absolute error, seconds: model as it comes (seed 1) {maes[0]:.1f}; mean of {len(maes)} seeds {mean:.1f}")
    for name, boosting in (("raw columns", raw), ("raw and derived columns", derived)):
        ratio = maes[0] / boosting
        print(
            f"gradient boosting, {name}: {boosting:.1f}; ratio {ratio:.3f}, worst seed {max(maes) / boosting:.3f} "
            f"(target {TARGET}: {'met' if ratio <= TARGET else 'MISSED'})"
        )


if __name__ == "__main__":
    main()
