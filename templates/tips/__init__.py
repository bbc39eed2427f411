"""Big tipper: binary classification."""
