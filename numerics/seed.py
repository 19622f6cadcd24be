"""The seed of what is fixed: quasi-random points, samples and probes that every run shares.

What a user may vary has a seed of its own (`--seed`, a `Generator`); what must not change between two calls, such as
the sample by which two candidates are compared, starts here.
"""

SEED = 20220602
