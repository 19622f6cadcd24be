"""Euler, Heun and RK4 on random linear systems: orders 1, 2, 4 with their error constants. Hairer et al. 1993."""

from math import factorial

import numpy as np
from elbogap import theorem as th


@th.instances(4)
def systems(rng):
    """y' = A y with A the companion of damping a and frequency b, from (1, 0) to time 1."""
    return dict(a=rng.uniform(0.2, 1.0), b=rng.uniform(0.5, 1.5))


def exact(a, b, powers=0):
    """A^powers exp(A) (1, 0) by the eigenvalues of A."""
    values, vectors = np.linalg.eig(np.array([[0.0, 1.0], [-(b**2), -a]]))
    return (vectors @ (values**powers * np.exp(values) * np.linalg.solve(vectors, [1.0, 0.0]))).real[0]


def steps(n, a, b, p):
    """n steps of the method whose stability function is the Taylor polynomial of degree p."""
    A = np.array([[0.0, 1.0], [-(b**2), -a]]) / n
    one = sum(np.linalg.matrix_power(A, k) / factorial(k) for k in range(p + 1))
    return (np.linalg.matrix_power(one, int(n)) @ [1.0, 0.0])[0], 1e-15 * n


def law(name, p, top):
    """error = -A^(p+1) exp(A) y(0) / (p+1)! h^p + O(h^(p+1)) at time 1."""
    return th.Converges(
        lambda n, a, b: steps(n, a, b, p), along=th.doubling("n", 8, top), limit=exact, order=-p, name=name,
        constant=lambda a, b: -exact(a, b, p + 1) / factorial(p + 1), xlabel="steps", ylabel=f"error of {name}",
    )  # fmt: skip


methods = th.Claim(
    "runge-kutta", "Euler, Heun and RK4 have orders 1, 2 and 4, with the constants of Taylor's remainder.",
    latex=r"y_n - y(1) = -\tfrac{1}{(p+1)!}A^{p+1}e^A y_0\,h^p + O(h^{p+1})",
    source="Hairer, Norsett and Wanner 1993, chapter II", over=systems,
    law=[law("Euler", 1, 8192), law("Heun", 2, 8192), law("RK4", 4, 512)],
)  # fmt: skip
methods.control("Heun has order 1", of="Heun", order=-1)
methods.control("RK4 has order 5", of="RK4", order=-5)
methods.control("Euler's constant without 1/2", of="Euler", constant=lambda a, b: -exact(a, b, 2))
