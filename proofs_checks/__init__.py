"""Where theory and numerics meet: claims, controls, verdicts."""
