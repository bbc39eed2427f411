"""Wine cultivar: multi-class classification."""
