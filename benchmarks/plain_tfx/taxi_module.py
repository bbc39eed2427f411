"""The taxi pipeline's user module as one writes it for plain TFX: same features, model, steps as templates/taxi."""

import math

import tensorflow as tf
import tensorflow_transform as tft
from tfx_bsl.public import tfxio

LABEL = "trip_seconds"
LABEL_SCALE = 600.0
BATCH_SIZE = 512
VOCABULARIES = {"payment_type": 3, "company": 10}
CATEGORIES = {"trip_start_hour": 24, "trip_start_day": 8, "trip_start_month": 13}
AREAS = ("pickup_community_area", "dropoff_community_area")
N_AREAS = 78
N_PIECES = 32
CHICAGO = {"latitude": 41.88, "longitude": -87.63}


def _dense(x, default):
    if isinstance(x, tf.sparse.SparseTensor):
        x = tf.sparse.to_dense(tf.SparseTensor(x.indices, x.values, [x.dense_shape[0], 1]), default)
    return tf.squeeze(x, axis=1)


def _haversine(a, b, c, d):
    a, b, c, d = (x * (math.pi / 180) for x in (a, b, c, d))
    chord = tf.sin((c - a) / 2) ** 2 + tf.cos(a) * tf.cos(c) * tf.sin((d - b) / 2) ** 2
    return 2 * 3958.8 * tf.asin(tf.sqrt(tf.clip_by_value(chord, 0.0, 1.0)))


def preprocessing_fn(inputs):
    lat1, lat2 = (_dense(inputs[f"{e}_latitude"], CHICAGO["latitude"]) for e in ("pickup", "dropoff"))
    lon1, lon2 = (_dense(inputs[f"{e}_longitude"], CHICAGO["longitude"]) for e in ("pickup", "dropoff"))
    miles = tf.maximum(_dense(inputs["trip_miles"], 0.0), 0.0)
    north, east = lat2 - lat1, (lon2 - lon1) * math.cos(math.radians(CHICAGO["latitude"]))
    straight = _haversine(lat1, lon1, lat2, lon2)
    distance = tf.where(miles > 0, miles, straight)
    blocks = 69.1 * (tf.abs(north) + tf.abs(east))
    zero = tf.constant(0, tf.int64)
    angle = 2 * math.pi / 24 * tf.cast(_dense(inputs["trip_start_hour"], zero), tf.float32)
    logs = [tf.math.log1p(d) for d in (miles, straight, distance, blocks)]
    geometry = tf.stack([lat1, lon1, lat2, lon2, north, east, *logs], axis=1)
    outputs = {"geometry": tft.scale_to_z_score(geometry, elementwise=True)}
    x = tf.stack([miles, straight, distance], axis=1)
    quantiles = tf.ensure_shape(tft.quantiles(x, N_PIECES, epsilon=0.002, reduce_instance_dims=False), [3, N_PIECES - 1])
    low, high = quantiles[:, :-1], quantiles[:, 1:]
    pieces = tf.clip_by_value((x[:, :, tf.newaxis] - low) / tf.maximum(high - low, 1e-3), 0.0, 1.0)
    outputs["pieces"] = tf.reshape(pieces, [-1, 3 * (N_PIECES - 2)])
    same = _dense(inputs[AREAS[0]], zero) == _dense(inputs[AREAS[1]], zero)
    outputs["extras"] = tf.stack(
        [tf.sin(angle), tf.cos(angle), tf.cast(miles == 0, tf.float32), tf.cast(same, tf.float32)], axis=1
    )
    for name, top_k in VOCABULARIES.items():
        outputs[name] = tft.compute_and_apply_vocabulary(_dense(inputs[name], ""), top_k=top_k, num_oov_buckets=1)
    for name, size in CATEGORIES.items():
        outputs[name] = tf.one_hot(tf.clip_by_value(_dense(inputs[name], zero), 0, size), size + 1)
    for name in AREAS:
        outputs[name] = tf.clip_by_value(_dense(inputs[name], zero), 0, N_AREAS)
    outputs[LABEL] = tf.cast(_dense(inputs[LABEL], zero), tf.float32) / LABEL_SCALE
    return outputs


def _build_model(spec, n_steps):
    import keras

    tensors, parts = {}, []
    for name, feature in spec.items():
        if name == LABEL:
            continue
        if feature.dtype == tf.float32:
            tensors[name] = keras.Input(tuple(feature.shape), name=name)
            parts.append(tensors[name])
        else:
            tensors[name] = keras.Input((), name=name, dtype="int64")
            parts.append(keras.layers.Embedding(N_AREAS + 1, 8)(tensors[name]))
    x = keras.layers.Concatenate()(parts)
    for units in (128, 64):
        x = keras.layers.Dense(units, activation="swish", kernel_initializer="he_normal")(x)
        x = keras.layers.Dropout(0.1)(x)
    model = keras.Model(tensors, keras.layers.Dense(1, activation="softplus")(x))
    warmup = round(0.1 * n_steps)
    rate = keras.optimizers.schedules.CosineDecay(0.0, n_steps - warmup, warmup_target=0.01, warmup_steps=warmup)
    model.compile(loss="mae", optimizer=keras.optimizers.Adam(rate))
    return model


def run_fn(fn_args):
    graph = tft.TFTransformOutput(fn_args.transform_output)

    def dataset(files):
        options = tfxio.TensorFlowDatasetOptions(batch_size=BATCH_SIZE, label_key=LABEL)
        return fn_args.data_accessor.tf_dataset_factory(files, options, graph.transformed_metadata.schema).repeat()

    model = _build_model(graph.transformed_feature_spec(), fn_args.train_steps)
    epoch_steps = fn_args.train_steps // 20
    model.fit(
        dataset(fn_args.train_files),
        epochs=20,
        steps_per_epoch=epoch_steps,
        validation_data=dataset(fn_args.eval_files),
        validation_steps=fn_args.eval_steps,
        verbose=2,
    )
    module = tf.Module()
    module.variables_ = [v.value for v in model.variables]
    module.transform = graph.transform_features_layer()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples):
        spec = graph.raw_feature_spec()
        spec.pop(LABEL)
        features = module.transform(tf.io.parse_example(examples, spec))
        return {"outputs": model({name: features[name] for name in model.input}) * LABEL_SCALE}

    tf.saved_model.save(module, fn_args.serving_model_dir, signatures={"serving_default": serve})
