"""What users fork: one folder per case, copied by `waze-tfx new`."""
