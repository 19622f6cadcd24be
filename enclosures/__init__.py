"""Ball-arithmetic enclosures: intervals that contain the true value (needs python-flint)."""
