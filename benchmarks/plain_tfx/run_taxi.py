"""The taxi pipeline written out by hand for plain TFX: LocalDagRunner, module_file, TFX's cache on.

python run_taxi.py DATA_FOLDER SCHEMA_FILE MODULE_FILE ROOT N_STEPS
"""

import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # as tensorflow_transform sets it; the model itself is Keras 3

import tensorflow_model_analysis as tfma
from tfx import v1 as tfx


def eval_config() -> tfma.EvalConfig:
    threshold = tfma.MetricThreshold(  # wide: TFMA holds it against every slice, also one of three rows
        value_threshold=tfma.GenericValueThreshold(upper_bound={"value": 2000}),
        change_threshold=tfma.GenericChangeThreshold(direction=tfma.MetricDirection.LOWER_IS_BETTER, absolute={"value": 500}),
    )
    metrics = [
        tfma.MetricConfig(class_name="ExampleCount"),
        tfma.MetricConfig(class_name="MeanSquaredError"),
        tfma.MetricConfig(class_name="MeanAbsoluteError", threshold=threshold),
    ]
    return tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(signature_name="serving_default", label_key="trip_seconds")],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["payment_type"])],
        metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
    )


def main(data: str, schema: str, module: str, root: str, n_steps: int) -> None:
    hash_buckets = [tfx.proto.SplitConfig.Split(name=n, hash_buckets=b) for n, b in (("train", 2), ("eval", 1))]
    output = tfx.proto.Output(split_config=tfx.proto.SplitConfig(splits=hash_buckets))
    example_gen = tfx.components.CsvExampleGen(input_base=data, output_config=output)
    statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = tfx.components.ImportSchemaGen(schema_file=schema)
    validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    transform = tfx.components.Transform(
        examples=example_gen.outputs["examples"], schema=schema_gen.outputs["schema"], module_file=module
    )
    trainer = tfx.components.Trainer(
        module_file=module,
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema_gen.outputs["schema"],
        train_args=tfx.proto.TrainArgs(num_steps=n_steps),
        eval_args=tfx.proto.EvalArgs(num_steps=10),
    )
    resolver = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("latest_blessed_model_resolver")
    evaluator = tfx.components.Evaluator(
        examples=example_gen.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=resolver.outputs["model"],
        eval_config=eval_config(),
    )
    destination = tfx.proto.PushDestination(filesystem=tfx.proto.PushDestination.Filesystem(base_directory=f"{root}/serving"))
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"], model_blessing=evaluator.outputs["blessing"], push_destination=destination
    )
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="plain_taxi",
        pipeline_root=root,
        components=[example_gen, statistics_gen, schema_gen, validator, transform, trainer, resolver, evaluator, pusher],
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(f"{root}/metadata.sqlite"),
        beam_pipeline_args=["--runner=FnApiRunner"],  # its default would first try to download a binary
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)
    if not any(os.scandir(f"{root}/serving")):
        raise SystemExit("nothing was pushed")


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]))
