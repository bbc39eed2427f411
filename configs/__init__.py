"""Complete, runnable configs, one per case; env/ holds where they run."""
