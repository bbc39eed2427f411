"""The models of the templates arrival and matching, as they come, against what their generating processes allow.

arrival: the mean absolute error of seeds 1 to 3, of the process itself (the least that any model can have), and of a DNN that
sees the same trips without their order: the average speed, or average, deviation and last speed. matching: the AUC of seeds 1
to 3, of the process itself, and of gradient boosting, which sees both sides at once and is told the distance.

    python benchmarks/generated_quality.py [arrival matching]
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from taxi_quality import read_rows, run_pipeline, served

N_TRIPS, N_RIDERS, DATA_SEED = 6000, 1800, 1  # of the shipped files
SEEDS = (1, 2, 3)
GATES = {"arrival": "{name: mae, upper_bound: 1000000}", "matching": "{name: auc, lower_bound: 0}"}
KEYS = {
    "arrival": ["segments", "speeds", "hour", "rain", "remaining_km"],
    "matching": ["rider_lat", "rider_lon", "driver_lat", "driver_lon", "vehicle"],
}
AGGREGATES = {"average speed": "[mean]", "average, deviation and last speed": "[mean, deviation, last]"}
WITHOUT_ORDER = """
import tensorflow as tf

from waze_data_tfx import features


def preprocessing_fn(inputs, config):
    texts = tf.strings.split(features.dense(inputs["speeds"], ""), "|")
    speeds = texts.with_flat_values(tf.strings.to_number(texts.flat_values))
    mean = tf.reduce_mean(speeds, axis=1)
    deviation = tf.sqrt(tf.maximum(tf.reduce_mean(speeds * speeds, axis=1) - mean * mean, 0))
    last = speeds[:, -1:].to_tensor(shape=[None, 1])[:, 0]
    outputs = features.features_transform(inputs, config)
    outputs["n_measured"] = features.z_score(features.sequence_length(inputs["speeds"]))
    return {**outputs, "speed": features.z_scores(AGGREGATES)}
"""


def one_run(folder: Path, template: str, *, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run the fork in `folder`, made if it is not there; return the rows of both splits, those of eval with `prediction`."""
    run = run_pipeline(folder, seed, template=template, gate=GATES[template])
    _, train = read_rows(run, "train")
    serialized, evaluation = read_rows(run, "eval")
    model = Path(run["root"]) / "serving" / str(run["pushed_version"])
    return pd.DataFrame(train), pd.DataFrame(evaluation).assign(prediction=served(model, serialized))


def arrival(folder: Path) -> None:
    from waze_data_tfx.templates.arrival import make_arrival_data

    def say(name: str, label: pd.Series, prediction: pd.Series) -> None:
        print(f"arrival: {name}: mean absolute error {(prediction - label).abs().mean():.1f} s", flush=True)

    for seed in SEEDS:
        train, evaluation = one_run(folder / "arrival", "arrival", seed=seed)
        say(f"the model, seed {seed}", evaluation.remaining_s, evaluation.prediction)
    columns, median = make_arrival_data.make(N_TRIPS, DATA_SEED)
    say("the process itself", evaluation.remaining_s, of_the_process(evaluation, KEYS["arrival"], columns, median))
    say("the label's median for all", evaluation.remaining_s, evaluation.remaining_s * 0 + train.remaining_s.median())
    for i, (name, columns_said) in enumerate(AGGREGATES.items()):
        fork = folder / f"aggregates_{i}"
        without_order(fork, columns_said)
        _, evaluation = one_run(fork, "arrival")
        say(f"a DNN on {name}", evaluation.remaining_s, evaluation.prediction)


def matching(folder: Path) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    from waze_data_tfx.templates.matching import make_matching_data

    def say(name: str, prediction: pd.Series) -> None:
        print(f"matching: {name}: AUC {roc_auc_score(evaluation.accepted, prediction):.3f}", flush=True)

    for seed in SEEDS:
        train, evaluation = one_run(folder / "matching", "matching", seed=seed)
        say(f"the model, seed {seed}", evaluation.prediction)
    columns, p_accept = make_matching_data.make(N_RIDERS, DATA_SEED)
    say("the process itself", of_the_process(evaluation, KEYS["matching"], columns, p_accept))
    for name, told in (("the columns alone", False), ("and the distance", True)):
        frames = [both_sides(frame, make_matching_data.KM_PER_DEGREE) for frame in (train, evaluation)]
        seen = [c for c in frames[0] if told or c != "kilometres"]
        peer = HistGradientBoostingClassifier(random_state=0, learning_rate=0.05).fit(frames[0][seen], train.accepted)
        say(f"gradient boosting, {name}", pd.Series(peer.predict_proba(frames[1][seen])[:, 1]))


def of_the_process(rows: pd.DataFrame, keys: list[str], columns: dict[str, np.ndarray], best: np.ndarray) -> pd.Series:
    """Return the best prediction of each row, found again by its keys; examples hold numbers in single precision."""
    table = pd.DataFrame({key: columns[key] for key in keys}).assign(best=best)
    numbers = [key for key in keys if columns[key].dtype.kind != "U"]
    found = rows[keys].assign(**{key: rows[key].str.decode("utf-8") for key in set(keys) - set(numbers)})
    table, found = (f.assign(**{key: f[key].astype(float).round(4) for key in numbers}) for f in (table, found))
    found = found.merge(table.drop_duplicates(keys), how="left", on=keys)
    assert found.best.notna().all()
    return found.best


def without_order(fork: Path, columns: str) -> None:
    """Fork arrival, with aggregates of the speeds in place of the sequences, and the ready-made DNN."""
    command = [sys.executable, "-m", "waze_data_tfx", "new", str(fork), "--template", "arrival"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    config = fork / "config.yaml"
    text = re.sub(r"(?m)^  sequence:.*\n(    .*\n)+", "  custom: {speeds: string}\n", config.read_text())
    text = re.sub(r"(?m)^  (cell|rnn_units|embedding_dim):.*\n", "", text).replace("type: rnn", "type: dnn")
    config.write_text(text)
    (fork / f"{fork.name}_features.py").write_text(WITHOUT_ORDER.replace("AGGREGATES", columns))


def both_sides(rows: pd.DataFrame, km_per_degree: tuple[float, float]) -> pd.DataFrame:
    """Return the columns as numbers, and how far apart rider and driver are."""
    north, east = (rows.rider_lat - rows.driver_lat), (rows.rider_lon - rows.driver_lon)
    numbers = rows.drop(columns=["accepted", "vehicle", "prediction"], errors="ignore").astype(float)
    return numbers.assign(
        vehicle=rows.vehicle.astype("category").cat.codes,
        kilometres=np.hypot(north * km_per_degree[0], east * km_per_degree[1]),
    )


def main() -> None:
    known = {"arrival": arrival, "matching": matching}
    with tempfile.TemporaryDirectory() as temporary:
        for name in sys.argv[1:] or known:
            known[name](Path(temporary))


if __name__ == "__main__":
    main()
