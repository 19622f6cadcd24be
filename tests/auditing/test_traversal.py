"""Which outputs are images."""

import pytest
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
