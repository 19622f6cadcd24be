"""Which outputs are images, and how they are shown."""

import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.auditing.pages.plots import strips
from elbogap.auditing.traversal import image_shape, images_at


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
    names = ["first", "second", "third"]
    rows, rescaled = strips(images, names)
    assert [name in row for name, row in zip(names, rows, strict=True)] == [True] * 3 and not rescaled
    assert strips(images - 0.3, names)[1] and strips(2 * images, names)[1]
    assert strips(images, names)[0] != strips(0.9 * images, names)[0]
    assert strips(4 * images - 1, names)[0] == strips(40 * images - 10, names)[0]


@pytest.mark.parametrize("channels_last", [True, False])
def test_images_keep_their_channels(channels_last: bool) -> None:
    """The image at each point is the decoder's there, with its channels last whatever axis they come on."""
    base = np.arange(60.0).reshape(4, 5, 3)

    def mean(z):
        image = jnp.asarray(base) * z[0] + z[1]
        return image.reshape(-1) if channels_last else jnp.moveaxis(image, 2, 0).reshape(-1)

    points = np.array([[1.0, 0.5], [2.0, -1.0]])
    found = images_at(mean, (4, 5, 3) if channels_last else (3, 4, 5), points)
    assert found is not None
    np.testing.assert_allclose(found, [base + 0.5, 2 * base - 1.0], rtol=1e-15)
    assert images_at(mean, (60,), points) is None
