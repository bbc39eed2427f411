"""Ad clicks: probability of a click, and rank within a list."""
