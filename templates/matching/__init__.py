"""Riders and drivers: will this driver accept, and who is the best driver for this rider."""
