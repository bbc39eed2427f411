"""Made-up worlds with a stated truth, so that the true value of a policy is known. They know nothing of configs and pipelines."""
