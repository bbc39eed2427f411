"""TensorFlow's start without what it says of the machine: that there is no graphics card, that oneDNN rounds in another order.

Its libraries write that to file descriptor 2 before any log level is read (2.21), into every notebook. Called by `bandit_lab`, once.
"""

import os
import sys
import tempfile


def start_tensorflow() -> None:
    """Import TensorFlow and let it look for devices; what it wrote meanwhile is shown only if that fails."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # TF-Agents needs it, and it is read when TensorFlow is imported
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_logical_devices()
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
