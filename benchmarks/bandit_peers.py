"""Times MABWiser and contextualbandits: run by linear_bandits.py in their own environment, one line of JSON per line of stdin.

Each line names library and work; the answer holds the rows and the CPU seconds. It imports nothing of this project.
"""

import json
import sys
import time

import numpy as np


def mabwiser(n_actions: int):
    from mabwiser.mab import MAB, LearningPolicy

    return MAB(list(range(n_actions)), LearningPolicy.LinUCB(alpha=1.0, l2_lambda=1.0), n_jobs=1)


def contextualbandits(n_actions: int):
    from contextualbandits.online import LinUCB

    return LinUCB(n_actions, alpha=1.0, lambda_=1.0, fit_intercept=False, njobs=1)


def fit(library: str, data: dict, model: object) -> None:
    if library == "mabwiser":
        model.fit(data["action"], data["reward"], data["context"])
    else:
        model.fit(data["context"], data["action"], data["reward"])


def main() -> None:
    with np.load(sys.argv[1]) as stored:
        data = {name: stored[name] for name in stored.files}
    n_actions = int(data["action"].max()) + 1
    make = {"mabwiser": mabwiser, "contextualbandits": contextualbandits}
    fitted = {}
    for line in sys.stdin:
        library, work = line.split()
        if library not in fitted:
            fitted[library] = make[library](n_actions)
            fit(library, data, fitted[library])
        model = make[library](n_actions)
        started = time.process_time()
        if work == "fit":
            fit(library, data, model)
        else:
            for _ in range(5):
                fitted[library].predict(data["contexts_to_score"])
        seconds = time.process_time() - started
        rows = len(data["action"]) if work == "fit" else 5 * len(data["contexts_to_score"])
        print(json.dumps({"rows": rows, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
