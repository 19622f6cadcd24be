"""Images of sprites: renderer, data sets, networks, and what is measured on trained models."""
