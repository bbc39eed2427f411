"""Execute one node of a compiled pipeline on TFX's portable launcher: the code that every runner comes down to.

Called in a process of its own, by the forked children of `zygote` and by `waze-tfx node`. Reads MLMD's state after the
launcher returns, because TFX 1.21 only logs some failures; clears half-written outputs that a kill left behind; turns an
exception into one message that names the user's file and line. Imports TFX.
"""

import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from filelock import FileLock

from .. import pipelines
from ..config import Config
from ..errors import BY_NAME, RunFailed, UserCodeError, UserError, WazeTfxError, did_you_mean, disk_is_full, unknown_name
from ..history import metadata as light
from ..history.record import Run, load_run, write_json
from ..usercode import said, user_frame
from .cache import changed_parts, parts_read

COMPILE = "compile"
_BEAM_SUFFIX = " [while running '"


def prepare_process() -> None:
    """Set what TFX and TensorFlow read at import; call before either is imported."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    sys.argv[1:] = []  # TFX's executors parse sys.argv with absl flags


def compile_pipeline(run: Run, config: Config, data_fingerprint: str) -> None:
    """Write the run's TFX IR, with the run id filled in, to pipeline.pb.

    Raises:
        UserError: Beam does not know an option of env.beam_args, or not its value.
    """
    from tfx.dsl.compiler.compiler import Compiler
    from tfx.orchestration.portable import runtime_parameter_utils

    check_beam_args(config.env.beam_args)
    pipeline = pipelines.build(config, data_fingerprint)
    ir = Compiler().compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(ir, {"pipeline-run-id": run.id})
    path = run.folder / "pipeline.pb"
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(ir.SerializeToString(deterministic=True))
    os.replace(temporary, path)


def check_beam_args(flags: Sequence[str]) -> None:
    """Check that Beam knows every option; left to itself it discards those that it does not know.

    Raises:
        UserError: naming the option.
    """
    import argparse

    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners import create_runner

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise UserError(f"env.beam_args: {message}; received {' '.join(flags)}")

    parser = Parser(add_help=False, allow_abbrev=False)
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    known, unknown = parser.parse_known_args(list(flags))
    if unknown:
        guess = did_you_mean(unknown[0].partition("=")[0], parser._option_string_actions)
        raise UserError(f"env.beam_args: Beam knows no such option; received {unknown[0]}{guess}")
    if known.runner:
        try:
            create_runner(known.runner)
        except (ValueError, ImportError) as error:
            raise UserError(f"env.beam_args: --runner={known.runner}: {error}") from error


def execute(run_folder: Path, node_id: str) -> int:
    """Run one node, write nodes/NODE.json, and return the exit code (see errors)."""
    run = load_run(run_folder)
    return _noted(run, node_id, lambda: _launch(run, node_id))


def execute_compile(run_folder: Path, data_fingerprint: str) -> int:
    """Compile the run's pipeline, write nodes/compile.json, and return the exit code."""
    run = load_run(run_folder)
    return _noted(run, COMPILE, lambda: compile_pipeline(run, run.config(), data_fingerprint))


def _noted(run: Run, node_id: str, work: Callable[[], int | None]) -> int:
    started = time.time()
    result: dict[str, Any] = {"state": "complete", "execution_id": None, "error": None}
    exit_code = 0
    try:
        result["execution_id"] = work()
    except BaseException as error:  # noqa: BLE001  every end of a node is reported, also SystemExit in user code
        traceback.print_exc()
        failure = explain(error, node_id, run)
        exit_code = failure.exit_code
        result.update(state="failed", error={"type": type(failure).__name__, "message": failure.message, "hint": failure.hint})
    result["seconds"] = round(time.time() - started, 3)
    write_json(run.result_path(node_id), result)
    return exit_code


def _launch(run: Run, node_id: str) -> int:
    from tfx.orchestration.local import runner_utils
    from tfx.orchestration.portable.launcher import Launcher
    from tfx.proto.orchestration import pipeline_pb2

    config = run.config()
    ir = pipeline_pb2.Pipeline.FromString((run.folder / "pipeline.pb").read_bytes())
    pipelines.nodes(config)  # imports a graph of the user's, whose components the launcher looks for by dotted name
    nodes = {n.pipeline_node.node_info.id: n.pipeline_node for n in ir.nodes}
    if node_id not in nodes:
        raise WazeTfxError(unknown_name("node", node_id, nodes))
    deployment = runner_utils.extract_local_deployment_config(ir)
    connection = getattr(
        deployment.metadata_connection_config, deployment.metadata_connection_config.WhichOneof("connection_config")
    )
    store = _locked_metadata(connection, light.lock_path(config))
    info = Launcher(
        pipeline_node=nodes[node_id],
        mlmd_connection=store,
        pipeline_info=ir.pipeline_info,
        pipeline_runtime_spec=ir.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(deployment, node_id),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node_id),
        custom_executor_operators=_operators(),
    ).launch()
    record = run.nodes.get(node_id)
    with light.open_store(config) as opened:
        execution = light.History(opened, config.name, run.id).of_run(run.id).get(node_id)
        if execution is None or execution.state not in light.SUCCESSFUL:
            state = execution.state if execution else "not registered"
            raise RunFailed(f"{node_id}: TFX left the execution {state} without an exception", hint=f"read {run.log(node_id)}")
        if record and record.key and (parts := _parts_still_true(run, config, node_id)):
            light.set_cache_key(opened, execution.id, record.key, parts)
    return info.execution_id if info and info.execution_id else execution.id


def _parts_still_true(run: Run, config: Config, node_id: str) -> str:
    """Return the parts of the node's key as JSON, or nothing if a file that it read was changed while it ran."""
    planned = (run.folder / "nodes" / f"{node_id}.parts.json").read_text(encoding="utf-8")
    changed = changed_parts(planned, {**json.loads(planned), **parts_read(config, pipelines.nodes(config)[node_id])})
    if not changed:
        return planned
    print(f"{node_id}: {'; '.join(changed)} while it ran, so no later run will reuse what it made")
    return ""


def _locked_metadata(connection: Any, lock: Path) -> Any:
    """Return TFX's Metadata whose connection is held under a file lock: SQLite aborts a writer that waits for two seconds."""
    from tfx.orchestration import metadata

    class LockedMetadata(metadata.Metadata):
        _lock = FileLock(lock)

        def __enter__(self) -> "LockedMetadata":
            self._lock.acquire()
            try:
                return super().__enter__()
            except BaseException:
                self._lock.release()
                raise

        def __exit__(self, *details: Any) -> None:
            try:
                super().__exit__(*details)
            finally:
                self._lock.release()

    return LockedMetadata(connection)


def _clear_outputs(execution_info: Any) -> None:
    """Empty the output folders: after a kill they hold what the killed process had written."""
    for artifacts in execution_info.output_dict.values():
        for artifact in artifacts:
            folder = Path(artifact.uri)
            if folder.is_dir() and any(folder.iterdir()):
                shutil.rmtree(folder)
                folder.mkdir()


def _operators() -> dict[type, type]:
    """Return TFX's executor operators, each with its output folders emptied before it runs."""
    from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
    from tfx.orchestration.portable.python_executor_operator import PythonExecutorOperator
    from tfx.proto.orchestration import executable_spec_pb2

    class CleanPythonOperator(PythonExecutorOperator):
        def run_executor(self, execution_info: Any) -> Any:
            _clear_outputs(execution_info)
            return super().run_executor(execution_info)

    class CleanBeamOperator(BeamExecutorOperator):
        def run_executor(self, execution_info: Any, make_beam_pipeline_fn: Callable[[], Any] | None = None) -> Any:
            _clear_outputs(execution_info)
            return super().run_executor(execution_info, make_beam_pipeline_fn)

    return {
        executable_spec_pb2.PythonClassExecutableSpec: CleanPythonOperator,
        executable_spec_pb2.BeamExecutableSpec: CleanBeamOperator,
    }


def explain(error: BaseException, node_id: str, run: Run) -> WazeTfxError:
    """Turn any exception of a node into one message: the project's own errors as they are, the user's frames first."""
    chain, log = _chain(error), run.log(node_id)
    resume = f"`{run.resume_command()}`"
    full = next((e for e in reversed(chain) if disk_is_full(e)), None)
    if full is not None:
        return RunFailed(
            f"{node_id}: the disk is full while writing {_place(full) or f'below {run.root}: {said(full)}'}",
            hint=f"free some space, then {resume}",
        )
    ours = [e for e in chain if isinstance(e, WazeTfxError)]
    if ours:  # Beam raises a copy with its stage's name at the end and without the hint; the original comes after it
        found = next((e for e in ours if _BEAM_SUFFIX not in e.message), ours[0])
        if isinstance(found, UserCodeError) and not found.hint:
            found.hint = f"mend it and run again; the whole traceback is in {log}"
        return found
    config = run.config()
    frame = user_frame(error, [path.parent for _, path in config.code if path])
    if frame:
        file, line, function = frame
        return UserCodeError(f"{file}:{line}: in {function}: {said(chain[-1])}", hint=f"mend it; the whole log is {log}")
    return RunFailed(f"{node_id}: {said(chain[-1])}", hint=f"read {log}, then {resume}")


def _place(error: BaseException) -> str:
    """Return the file that could not be written, where the error names one."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return str(error.args[0][0][1])
    named = (error.filename2 or error.filename) if isinstance(error, OSError) else None
    return str(named or "")


def _chain(error: BaseException) -> list[BaseException]:
    """Return the exception and what it came from, the root last; not the text of another process's traceback."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    seen: list[BaseException] = []
    while current is not None and current not in seen:
        seen.append(current)
        if type(current).__name__ != "_RemoteTraceback":
            chain.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return chain


def result_error(run_folder: Path, node_id: str) -> WazeTfxError:
    """Return the error that `execute` noted for a node."""
    error = json.loads(load_run(run_folder).result_path(node_id).read_text(encoding="utf-8"))["error"]
    return BY_NAME.get(error["type"], RunFailed)(error["message"], hint=error["hint"])
