"""Grids of small VAEs: what is asked for, how it is run, where it is kept."""
