"""`python -m elbogap` is the command line."""

from elbogap.cli import main

main()
