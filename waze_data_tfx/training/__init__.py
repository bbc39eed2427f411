"""Training and export: `run` is TFX's run_fn, `examples` reads what it trains on, `export` writes the model it serves."""
