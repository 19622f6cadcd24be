"""Lessons: marimo notebooks that teach the theorem, each 20 to 40 minutes, with exercises checked by the library.

`elbogap lessons` lists them and opens one; `elbogap lessons --export DIR` writes them as static pages.
"""
