"""The one tuner_fn that the Tuner node gets, by this dotted path: the same training as `run`'s, once per trial.

KerasTuner's oracles choose the values; a trial is the config with them in their places, built, fitted and scored by the
functions that the Trainer uses. A trial whose loss is no number fails and the search goes on; any other error ends it. Imports
TensorFlow and KerasTuner at the top.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import keras_tuner
from keras_tuner.engine import base_tuner

from waze_data_tfx.config.schema import Config
from waze_data_tfx.config.tuner import Tuner, applied, decoded, encoded, is_whole
from waze_data_tfx.errors import UserError
from waze_data_tfx.features.inputs import ModelInput

from .callbacks import NotFinite, unknown_measure
from .examples import Split, sample
from .run import fit, make_model, read

ALL = 10**9
"""KerasTuner ends a search after so many failed trials in a row; ours ends only when all have failed."""


@dataclass(frozen=True)
class Tried:
    """One trial.

    Attributes:
        values: dotted key -> value.
        score: the objective at the kept epoch; None if the trial failed.
        kept_epoch: which epoch that is, counted from 1.
        n_epochs: epochs that it trained.
        seconds: of building and fitting.
        error: why it failed, else empty.
    """

    values: dict[str, Any]
    score: float | None
    kept_epoch: int | None
    n_epochs: int
    seconds: float
    error: str = ""


class Result(NamedTuple):
    """What TFX's executor expects of a tuner_fn."""

    tuner: Any
    fit_kwargs: dict[str, Any]


def tuner_fn(fn_args: Any) -> Result:
    """Return the search that the config asks for, over the splits of fn_args.

    Raises:
        DataError: a split is empty or holds labels that cannot be learnt from.
    """
    config = Config.model_validate_json(fn_args.custom_config["config"])
    _, inputs, train, evaluation = read(fn_args, config)
    return Result(Search(inputs, train, evaluation, config, directory=fn_args.working_dir), {"verbose": 0})


class Search(base_tuner.BaseTuner):
    """KerasTuner's loop over trials of a config; `tried` holds them in order."""

    def __init__(
        self, inputs: dict[str, ModelInput], train: Split, evaluation: Split, config: Config, *, directory: str | None
    ) -> None:
        """Search on these rows; what KerasTuner notes for itself goes below `directory`."""
        assert config.tuner is not None
        self.tried: list[Tried] = []
        self._settings, self._config, self._inputs = config.tuner, config, inputs
        n_rows = config.tuner.max_rows
        self._train = sample(train, n_rows, config) if n_rows and n_rows < train.n_rows else train
        self._evaluation = evaluation
        super().__init__(_oracle(config), directory=directory, project_name="search", overwrite=True)

    def run_trial(self, trial: Any, **kwargs: Any) -> dict[str, float]:
        """Train with a trial's values and return its score.

        Raises:
            FailedTrialError: the loss became NaN or infinite.
            FatalError: from any other error, which ends the search.
        """
        values = decoded(self._settings, trial.hyperparameters.values)
        print(f"trial {len(self.tried) + 1}: {said_values(values)}", flush=True)
        started = time.monotonic()
        try:
            score, kept, n_epochs = self._trained(values, trial.hyperparameters.values.get("tuner/epochs"))
        except NotFinite as error:
            self.tried.append(Tried(values, None, None, 0, time.monotonic() - started, str(error)))
            print(f"trial {len(self.tried)} failed: {error}", flush=True)
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        except Exception as error:
            raise keras_tuner.errors.FatalError(str(error)) from error
        self.tried.append(Tried(values, score, kept, n_epochs, time.monotonic() - started))
        print(f"trial {len(self.tried)}: {self._settings.objective} {score:.6g}", flush=True)
        return {self._settings.objective: score}

    def on_search_end(self) -> None:
        """Check that there is a best trial.

        Raises:
            UserError: all failed.
        """
        if all(tried.score is None for tried in self.tried):
            last = self.tried[-1]
            raise UserError(
                f"tuner: all {len(self.tried)} trials failed; the last ({said_values(last.values)}): {last.error}",
                hint="search lower learning rates, or train once without the tuner to see what is wrong",
            )

    def record(self) -> dict[str, Any]:
        """Return what a person wants to know of the search, as plain values."""
        return {
            "search": self._settings.search,
            "objective": self._settings.objective,
            "direction": self._settings.better,
            "n_train_rows": self._train.n_rows,
            "trials": [asdict(tried) for tried in self.tried],
        }

    def _trained(self, values: dict[str, Any], n_epochs: int | None) -> tuple[float, int, int]:
        import keras

        keras.utils.clear_session()
        epochs = n_epochs or self._settings.epochs
        config = applied(self._config, {**values, **({"training.epochs": int(epochs)} if epochs else {})})
        model, arrange = make_model(self._inputs, self._train, config)
        fitted = fit(model, arrange, self._train, self._evaluation, config)
        measured = fitted.epochs[fitted.kept_epoch - 1]
        if self._settings.objective not in measured:
            raise UserError(f"tuner.objective: {unknown_measure(self._settings.objective, measured)}")
        return measured[self._settings.objective], fitted.kept_epoch, len(fitted.epochs)


def said_values(values: dict[str, Any]) -> str:
    """Return the values in a line."""
    return ", ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in values.items())


def _oracle(config: Config) -> Any:
    settings = config.tuner
    assert settings is not None
    shared = {
        "objective": keras_tuner.Objective(settings.objective, settings.better),
        "hyperparameters": _space(settings),
        "max_consecutive_failed_trials": ALL,
    }
    if settings.search == "grid":
        return keras_tuner.oracles.GridSearchOracle(max_trials=settings.n_trials, **shared)
    seed = config.training.seed + 1  # KerasTuner 1.4.8 takes a seed of 0 for none
    if settings.search == "hyperband":
        return keras_tuner.oracles.HyperbandOracle(max_epochs=settings.epochs or config.training.epochs, seed=seed, **shared)
    oracles = {"random": keras_tuner.oracles.RandomSearchOracle, "bayesian": keras_tuner.oracles.BayesianOptimizationOracle}
    return oracles[settings.search](max_trials=settings.n_trials, seed=seed, **shared)


def _space(settings: Tuner) -> Any:
    space = keras_tuner.HyperParameters()
    for key, parameter in settings.parameters.items():
        if parameter.choices is not None:
            space.Choice(key, encoded(parameter))
            continue
        kind, method = (int, space.Int) if is_whole(key, parameter) else (float, space.Float)
        assert parameter.min is not None
        assert parameter.max is not None
        step = {"step": kind(parameter.step)} if parameter.step is not None else {}
        method(key, kind(parameter.min), kind(parameter.max), sampling=parameter.scale, **step)
    return space
