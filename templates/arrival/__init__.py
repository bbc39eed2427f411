"""Remaining travel time from the last speeds of a trip, in their order."""
