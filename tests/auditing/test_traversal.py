"""Which outputs are images, and how they are shown."""

import numpy as np
import pytest
from elbogap.auditing.pages.plots import traversal_images
from elbogap.auditing.traversal import image_shape


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        ((5, 6), (5, 6, 1)),
        ((28, 4, 3), (28, 4, 3)),
        ((28, 4, 1), (28, 4, 1)),
        ((1, 28, 4), (28, 4, 1)),
        ((3, 4, 28), (4, 28, 3)),
        ((3, 5), None),
        ((3, 3, 28), None),
        ((3, 28, 2), None),
        ((28, 3, 3), None),
        ((2, 28, 28), None),
        ((12,), None),
        ((3, 1, 8, 8), None),
    ],
)
def test_images_have_two_long_axes_and_one_or_three_channels(shape: tuple[int, ...], image: tuple | None) -> None:
    """Both long axes have four pixels or more; channels come first or last."""
    assert image_shape(shape) == image


def test_images_are_rescaled_only_where_they_leave_the_unit_interval() -> None:
    """One strip a latent; values in [0, 1] are shown as they are, whatever lies outside by more than 0.05 is not."""
    images = np.random.default_rng(0).uniform(0.2, 0.7, (3, 5, 8, 8, 1))
    strips, rescaled = traversal_images(images)
    assert len(strips) == 3 and not rescaled
    assert traversal_images(images - 0.3)[1] and traversal_images(2 * images)[1]
    assert traversal_images(images)[0] != traversal_images(0.9 * images)[0]
    assert traversal_images(4 * images - 1)[0] == traversal_images(40 * images - 10)[0]
