"""`python -m waze_data_tfx` is `waze-tfx`."""

from .cli import main

if __name__ == "__main__":
    main()
