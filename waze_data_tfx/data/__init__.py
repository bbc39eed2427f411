"""From files to tf.Examples: sources, fingerprints, rows, rules and the hash split."""
