"""Forty wrong edits, twenty in theory and twenty in numerics, and the claims whose quick check must notice each.

Each is a slip that a careful person could make: a factor, a sign, a transposed index, a forgotten term. `true` occurs
exactly once in `file`, so that an edit cannot go stale unseen.
"""

from typing import NamedTuple


class Edit(NamedTuple):
    """Replace `true` by `false` in `file`, then verify `claims`: one at least must not hold."""

    file: str
    true: str
    false: str
    claims: tuple[str, ...]


_GAUSS, _GENERAL, _NOISE = "theory/formulas/gaussian.py", "theory/formulas/general.py", "theory/formulas/other_noise.py"
_MODEL, _ENCODER, _EVIDENCE = "numerics/model.py", "numerics/encoder.py", "numerics/likelihood.py"

THEORY = (
    Edit(_GAUSS, 'formula("m_a", prior="B_ab l1_b"', 'formula("m_a", prior="-B_ab l1_b"', ("encoder-mean",)),
    Edit(
        _GAUSS,
        'curvature="-1/2 s_k B_ab J_ib H_ikk"',
        'curvature="-1 s_k B_ab J_ib H_ikk"',
        ("encoder-mean",),
    ),
    Edit(_GAUSS, 'mean_shift_own="-2 s_k', 'mean_shift_own="-1 s_k', ("encoder-variance",)),
    Edit(_GAUSS, 'trace="-1/2 s_k s_k s_l', 'trace="-1 s_k s_k s_l', ("encoder-variance",)),
    Edit(_GAUSS, 'prior="s_k s_k l2_kk"', 'prior="-s_k s_k l2_kk"', ("encoder-variance",)),
    Edit(_GAUSS, 'curvature_trace="-1/8 s_k s_l', 'curvature_trace="-1/4 s_k s_l', ("elbo-limit",)),
    Edit(
        _GAUSS,
        'curvature_mixed="-1/4 s_k s_l H_ikl H_ikl"',
        'curvature_mixed="-1/4 s_k s_l H_ikk H_ikl"',
        ("elbo-limit",),
    ),
    Edit(_GAUSS, 'skewness="1/12 V3_abc', 'skewness="1/6 V3_abc', ("likelihood-limit",)),
    Edit(
        _GAUSS,
        'third_derivatives="-1/2 B_ab B_cd J_ia T_ibcd"',
        'third_derivatives="1/2 B_ab B_cd J_ia T_ibcd"',
        ("likelihood-limit",),
    ),
    Edit(
        _GAUSS,
        '"volume": -half * sp.log(determinant(metric)),\n    }\n\n\ndef likelihood_limit',
        '"volume": -sp.log(determinant(metric)),\n    }\n\n\ndef likelihood_limit',
        ("contrast",),
    ),
    Edit(_GAUSS, "-half * (data_dim - metric.shape[0]) * sp.log", "-half * data_dim * sp.log", ("rectangular",)),
    Edit(
        _GAUSS,
        "1 / (np.diagonal(metric) / eps - np.diagonal(l2))",
        "1 / (np.diagonal(metric) / eps + np.diagonal(l2))",
        ("encoder-variance",),
    ),
    Edit(
        _GAUSS,
        '"posterior": -half * sp.log(determinant(scaled))',
        '"posterior": half * sp.log(determinant(scaled))',
        ("linear-vae",),
    ),
    Edit(_GENERAL, 'skewness="-1/2 V3_abc Q_bc"', 'skewness="-1 V3_abc Q_bc"', ("general-limit",)),
    Edit(
        _GENERAL,
        'formula("E1", prior_curvature="1/2 l2_ab S_ab", quartic="-1/8',
        'formula("E1", prior_curvature="1/2 l2_ab S_ab", quartic="-1/4',
        ("block-encoder",),
    ),
    Edit(
        _NOISE,
        'formula("M_ab", metric="J_ia J_ib", residual="-nu_i H_iab")',
        'formula("M_ab", metric="J_ia J_ib", residual="nu_i H_iab")',
        ("rectangular",),
    ),
    Edit(_NOISE, 'fisher="psi2_i J_ia J_ib"', 'fisher="J_ia J_ib"', ("exponential-family",)),
    Edit(
        "theory/formulas/closed_forms.py",
        "HALF * data_dim * beta * sp.log(2 * sp.pi * beta * eps)",
        "HALF * data_dim * sp.log(2 * sp.pi * beta * eps)",
        ("beta-vae",),
    ),
    Edit(
        "theory/formulas/closed_forms.py",
        "- sp.digamma((data_dim - k + 1) / sp.Integer(2))",
        "- sp.digamma((data_dim - k) / sp.Integer(2))",
        ("random-directions",),
    ),
    Edit(
        "theory/formulas/closed_forms.py",
        "sp.Rational((-1) ** (order + 1), 2 * order)",
        "sp.Rational((-1) ** order, 2 * order)",
        ("linear-vae",),
    ),
)

NUMERICS = (
    Edit(_MODEL, "        return 0.5 * jnp.sum(r * r)\n", "        return jnp.sum(r * r)\n", ("linear-vae",)),
    Edit(
        _MODEL,
        "-0.5 * x.shape[0] * jnp.log(2 * jnp.pi * self.eps)",
        "-0.5 * x.shape[0] * jnp.log(jnp.pi * self.eps)",
        ("rectangular",),
    ),
    Edit(
        _MODEL,
        "return -self.potential(z, x) / self.eps + self.log_prior(z)",
        "return -self.potential(z, x) / self.eps - self.log_prior(z)",
        ("linear-vae",),
    ),
    Edit(
        "numerics/modes.py",
        "-jnp.sum(jnp.log(jnp.diagonal(factor)))",
        "jnp.sum(jnp.log(jnp.diagonal(factor)))",
        ("linear-vae",),
    ),
    Edit(
        "numerics/modes.py",
        "model.eps * minimum.hessian, -minimum.value",
        "minimum.hessian, -minimum.value",
        ("linear-vae",),
    ),
    Edit(
        _ENCODER,
        "0.5 * factor.shape[0] * (1 + np.log(2 * np.pi))",
        "0.5 * factor.shape[0] * np.log(2 * np.pi)",
        ("linear-vae",),
    ),
    Edit(
        _ENCODER,
        "gradient = gradient.at[diagonal].add(-1 / p[diagonal])\n        hessian = jnp.einsum",
        "gradient = gradient.at[diagonal].add(-2 / p[diagonal])\n        hessian = jnp.einsum",
        ("linear-vae",),
    ),
    Edit(
        _ENCODER,
        "mean, factor = mode.point + scale @ shift[:, 0], scale @ root",
        "mean, factor = mode.point - scale @ shift[:, 0], scale @ root",
        ("priors",),
    ),
    Edit(
        _ENCODER,
        "return centre + weights @ (values - centre), weights @ rounding",
        "return weights @ (values - centre), weights @ rounding",
        ("priors",),
    ),
    Edit(
        "numerics/quadrature.py",
        "np.polynomial.hermite_e.hermegauss(n)",
        "np.polynomial.hermite.hermgauss(n)",
        ("linear-vae",),
    ),
    Edit(
        "numerics/quadrature.py",
        "return Lattice(nodes, step**d, parity, outer.astype(float), inner.astype(float))",
        "return Lattice(nodes, step, parity, outer.astype(float), inner.astype(float))",
        ("linear-vae",),
    ),
    Edit(
        _EVIDENCE,
        "logs = logs + (log_dets + d * jnp.log(h))[:, None]",
        "logs = logs + (log_dets + jnp.log(h))[:, None]",
        ("linear-vae",),
    ),
    Edit(_EVIDENCE, "shares[index] - logsumexp(shares), -jnp.inf)", "0.0 * shares[index], -jnp.inf)", ("folds",)),
    Edit(
        "numerics/gap.py",
        "difference, error = likelihood.value - optimum.value,",
        "difference, error = optimum.value - likelihood.value,",
        ("linear-vae",),
    ),
    Edit(
        "numerics/derivatives.py",
        "return jax.jacfwd(model.log_prior)(z), jax.jacfwd(jax.jacfwd(model.log_prior))(z)",
        "return jax.jacfwd(model.log_prior)(z), -jax.jacfwd(jax.jacfwd(model.log_prior))(z)",
        ("linear-vae",),
    ),
    Edit(
        "numerics/stationarity.py",
        "precision = -jnp.diagonal(hessian)",
        "precision = -2 * jnp.diagonal(hessian)",
        ("encoder-variance",),
    ),
    Edit(
        "numerics/observations.py",
        "self.log_partition(eta) - x / self.n * eta)",
        "self.log_partition(eta) - x * eta)",
        ("exponential-family",),
    ),
    Edit(
        "numerics/observations.py",
        "        return 1 / self.n\n",
        "        return 2 / self.n\n",
        ("exponential-family",),
    ),
    Edit(
        "numerics/orthogonalise.py",
        "from_correlation = -0.5 * jnp.log1p",
        "from_correlation = -jnp.log1p",
        ("contrast",),
    ),
    Edit(
        "numerics/families/moebius.py",
        "return u * jnp.where(outside, 1.0 / far, 2.0 / jnp.sqrt(near) - 1.0)\n\n\ndef _reverse",
        "return u * jnp.where(outside, far**-0.75, 2.0 / jnp.sqrt(near) - 1.0)\n\n\ndef _reverse",
        ("contrast",),
    ),
)
