"""The models of the templates tips, wine and ads, as they come, against scikit-learn's on the very rows of the same split.

tips: HistGradientBoostingClassifier on the raw columns, as it comes and with settings tried by hand, over all rows and within
card payments. wine: the accuracy of seeds 1 to 5, and logistic regression's. ads: the generating process itself, the best that
any model can do, and logistic regression on one-hot columns with and without the crosses and the position.

    python benchmarks/classification_quality.py [tips wine ads]
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd
from taxi_quality import read_rows, run_pipeline, served

TUNED = {"learning_rate": 0.03, "max_leaf_nodes": 15, "max_iter": 200}
N_LISTS, SEED = 4000, 1  # of the shipped impressions


def one_run(folder: Path, template: str, *, seed: int = 1, metric: str = "auc") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run the untouched template; return the rows of both splits, the eval rows with what the pushed model says of them."""
    run = run_pipeline(folder / template, seed, template=template, gate=f"{{name: {metric}, lower_bound: 0}}")
    _, train = read_rows(run, "train")
    serialized, evaluation = read_rows(run, "eval")
    model = Path(run["root"]) / "serving" / str(run["pushed_version"])
    return pd.DataFrame(train), pd.DataFrame(evaluation).assign(prediction=served(model, serialized))


def tips(folder: Path) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    train, evaluation = one_run(folder, "tips")
    card = evaluation.payment_type == b"Credit Card"
    columns = [c for c in train if c != "big_tipper"]
    texts = [c for c in columns if isinstance(train[c].dropna().iloc[0], bytes)]
    numbers = [
        frame[columns].assign(**{c: codes(train[c], frame[c]) for c in texts}).astype(float) for frame in (train, evaluation)
    ]

    def say(name: str, prediction: "pd.Series") -> None:
        within = roc_auc_score(evaluation.big_tipper[card], prediction[card])
        print(f"tips: {name}: AUC {roc_auc_score(evaluation.big_tipper, prediction):.3f}, within card payments {within:.3f}")

    say("the model", evaluation.prediction)
    for name, settings in (("gradient boosting as it comes", {}), ("gradient boosting, tuned", TUNED)):
        boosting = HistGradientBoostingClassifier(categorical_features=texts, random_state=0, **settings)
        say(name, pd.Series(boosting.fit(numbers[0], train.big_tipper).predict_proba(numbers[1])[:, 1]))


def wine(folder: Path) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    for seed in range(1, 6):
        train, evaluation = one_run(folder, "wine", seed=seed, metric="accuracy")
        print(f"wine: the model, seed {seed}: accuracy {(evaluation.prediction == evaluation.cultivar).mean():.3f}")
    columns = [c for c in train if c != "cultivar"]
    peer = make_pipeline(StandardScaler(), LogisticRegression()).fit(train[columns], train.cultivar)
    print(
        f"wine: logistic regression: accuracy {peer.score(evaluation[columns], evaluation.cultivar):.3f}, {len(evaluation)} rows"
    )


def ads(folder: Path) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss, roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    from waze_data_tfx.templates.ads import make_ads_data

    train, evaluation = one_run(folder, "ads")

    def say(name: str, prediction: "pd.Series") -> None:
        auc, loss = roc_auc_score(evaluation.clicked, prediction), log_loss(evaluation.clicked, prediction)
        print(f"ads: {name}: AUC {auc:.3f}, log loss {loss:.3f}")

    say("the model", evaluation.prediction)
    columns, p_click = make_ads_data.make(N_LISTS, SEED)
    keys = ["user_id", "ad_id", "hour", "position"]  # what the process draws the click from
    truth = pd.DataFrame({k: columns[k] for k in keys}).assign(p=p_click).drop_duplicates(keys)
    texts = evaluation[keys].assign(user_id=evaluation.user_id.str.decode("utf-8"), ad_id=evaluation.ad_id.str.decode("utf-8"))
    say("the process itself", texts.astype({"hour": int}).merge(truth, on=keys, how="left").p)
    for left_out in ((), ("user_topic", "hour_topic"), ("position",)):
        frames = [crossed(frame).drop(columns=list(left_out)) for frame in (train, evaluation)]
        peer = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(C=0.3, max_iter=500))
        name = f"logistic regression, {'without ' + ' and '.join(left_out) if left_out else 'all columns and crosses'}"
        say(name, pd.Series(peer.fit(frames[0], train.clicked).predict_proba(frames[1])[:, 1]))


def codes(known: "pd.Series", values: "pd.Series") -> "pd.Series":
    """Return each text as its rank by frequency in `known`; NaN where missing or beyond the 250 that boosting takes."""
    return values.map({value: i for i, value in enumerate(known.value_counts().index[:250])})


def crossed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns as texts, with the template's crosses: user and topic, part of day and topic."""
    texts = rows[["user_id", "ad_id", "advertiser", "topic", "position", "hour", "device"]].astype(str)
    part_of_day = (rows.hour // 6).astype(str)
    return texts.assign(user_topic=texts.user_id + texts.topic, hour_topic=part_of_day + texts.topic)


def main() -> None:
    known = {"tips": tips, "wine": wine, "ads": ads}
    with tempfile.TemporaryDirectory() as temporary:
        for name in sys.argv[1:] or known:
            known[name](Path(temporary))


if __name__ == "__main__":
    main()
