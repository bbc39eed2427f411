"""Turns plans, runs and verdicts into what a person reads."""
