"""Lessons: numbered marimo notebooks that run, and the command that opens them."""
