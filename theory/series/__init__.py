"""Power series in the noise variance to any order, over any ring."""
