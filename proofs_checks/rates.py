"""How rare an event is that was counted in independent trials."""

CONFIDENCE = 0.95


def upper_bound(events: int, trials: int) -> float:
    """The Clopper-Pearson upper bound of a rate, one-sided, at `CONFIDENCE`."""
    from scipy.stats import beta

    return 1.0 if events == trials else float(beta.ppf(CONFIDENCE, events + 1, trials - events))
