"""The bandit lab: agents played against environments over several seeds, with curves and plots; no pipeline, no log."""
