"""Taxi ETA: regression."""
