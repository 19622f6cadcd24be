"""The Laplace approximation in d = 2: relative error a1 eps, by JAX. Source: Tierney and Kadane 1986."""

import jax
import jax.numpy as jnp
import numpy as np
from elbogap import theorem as th

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
U = np.stack(np.meshgrid(NODES, NODES, indexing="ij"), -1).reshape(-1, 2)
W = np.outer(WEIGHTS, WEIGHTS).ravel() / (2 * np.pi)


@th.instances(5)
def quartics(rng):
    """V = (x^2 + y^2)/2 + a x^3/6 + b x y^2/2 + c (x^2 + y^2)^2/24."""
    a, b = rng.uniform(-0.4, 0.4, 2)
    return dict(a=float(a), b=float(b), c=float(rng.uniform(0.5, 1.5)))


@jax.jit
def ratio(eps, a, b, c):
    """Z / Laplace = E exp(-(V - quadratic)(sqrt(eps) u) / eps), u ~ N(0, I), by Gauss-Hermite quadrature."""
    x, y = jnp.sqrt(eps) * U.T
    rest = a * x**3 / 6 + b * x * y**2 / 2 + c * (x**2 + y**2) ** 2 / 24
    return W @ jnp.exp(-rest / eps)


laplace = th.Claim(
    "laplace-2d",
    "The Laplace approximation has relative error a1 eps, a1 from the third and fourth derivatives.",
    latex=r"Z/Z_L = 1 + a_1\varepsilon + O(\varepsilon^2)",
    source="Tierney and Kadane 1986",
    over=quartics,
    law=th.Converges(ratio, along=th.ladder("eps", 0.03, 1e-5), limit=1, order=1, floor=1e-13,
                     constant="(a**2*5/3 + a*b*2 + b**2*3)/8 - c/3", xlabel="temperature", ylabel="|Z / Laplace - 1|"),
)  # fmt: skip
laplace.control("no cubic terms", constant="-c/3")
laplace.control("the rate sqrt eps", order=0.5)
laplace.control("each axis by itself", constant="5*a**2/24 - c/4")
laplace.mutants(most=6)
