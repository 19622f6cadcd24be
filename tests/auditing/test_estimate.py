"""What an account says of its time before it begins."""

import jax.numpy as jnp
import numpy as np
import pytest
from elbogap import audit
from elbogap.auditing import estimate
from elbogap.auditing.entries import Setting, Task
from elbogap.numerics.model import LatentModel


def setting_and_task() -> tuple[Setting, Task]:
    """A curve in the plane, and one point of it."""
    model = LatentModel(lambda z: jnp.stack([z[0], jnp.sin(z[0])]), 1, noise_var=1e-2)
    return Setting(model, np.ones(1), 128), Task(0, np.zeros(2), np.zeros(1), None)


def test_more_points_take_longer() -> None:
    """The estimate is positive, finite, and grows with the number of points by the same for each."""
    setting, task = setting_and_task()
    estimate.seconds_of_account(setting, [task])  # compiled: what is left is the points
    one, many = (estimate.seconds_of_account(setting, [task] * count) for count in (1, 100_000))
    assert 0 < one < many < np.inf


@pytest.mark.parametrize(("seconds", "said"), [(5.0, ""), (240.0, ", about 4 min in all")])
def test_only_a_long_account_says_how_long(monkeypatch, seconds: float, said: str) -> None:
    """Four minutes are said in words, five seconds are not worth one."""
    monkeypatch.setattr(estimate, "seconds_of_account", lambda setting, tasks: seconds)
    setting, task = setting_and_task()
    assert estimate.expectation(setting, [task]) == said


def test_the_estimate_comes_before_the_first_point(monkeypatch) -> None:
    """An audit that is watched says what the account will take before any point is done, and ends at its end."""
    monkeypatch.setattr(estimate, "seconds_of_account", lambda setting, tasks: 240.0)
    said = []
    audit(
        lambda z: jnp.stack([z[0], jnp.sin(z[0])]),
        latent_dim=1,
        noise_var=1e-2,
        points=2,
        account_points=2,
        progress=lambda *step: said.append(step),
    )
    account = [step for step in said if "account" in step[2]]
    assert account[0] == (0, 2, "account of the ELBO gap, about 4 min in all")
    assert [step[:2] for step in account[1:]] == [(1, 2), (2, 2)]
    regime = [step for step in said if "regime" in step[2]]
    assert regime and regime[-1][0] == regime[-1][1]
