"""How many examples a property draws: a share of what the Hypothesis profile gives, so that `thorough` reaches all."""

from hypothesis import settings


def budget(share: float) -> settings:
    """The settings of a property whose examples are dear: this share of the profile's examples, and five at least."""
    return settings(max_examples=max(5, round(share * settings.default.max_examples)))
