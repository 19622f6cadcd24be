"""Figures: one module a figure, `compute(effort, seed) -> table` and `draw(table) -> Figure`."""
