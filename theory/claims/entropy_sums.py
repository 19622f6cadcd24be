r"""Claim entropy-sums: stationary in the noise and in the latents' scales, the average ELBO is a sum of entropies.

R = mean E_q|x - f(z)|^2 and M_k = mean(mu_k^2 + sigma_k^2), prior N(0, I), noise variance eps, means over the data:

    d/d eps = 0  =>  R = D eps,     z_k -> c z_k, f unchanged as a class  =>  M_k = 1,
    ELBO = -D/2 log(2 pi e eps) + 1/2 sum_k mean log sigma_k^2,

at maxima and saddles. Source: Damm et al. 2023 (arXiv 2010.14860, abstract and code); Warnken et al. 2025 (arXiv
2501.09022, abstract).
"""

import sympy as sp

from ..proof.derivation import Derivation, Shown, Step, argued

EPS, RES, MOM, SIGMA2, DIM, C = sp.symbols("eps res mom sigma2 D c", positive=True)


def _likelihood() -> sp.Expr:
    return -DIM / 2 * sp.log(2 * sp.pi * EPS) - RES / (2 * EPS)


def _linear() -> tuple[sp.Expr, sp.Expr]:
    """The sum of entropies and pPCA's largest log-likelihood, D = 4, d = 2, sigma_k^2 = eps/lam_k."""
    lam = sp.symbols("lam_:2", positive=True)
    entropies = -2 * sp.log(2 * sp.pi * sp.E * EPS) + sum(sp.log(EPS / one) for one in lam) / 2
    return entropies, -(4 * sp.log(2 * sp.pi) + sum(map(sp.log, lam)) + 2 * sp.log(EPS) + 4) / 2


def entropy_sums() -> Derivation:
    """The derivation of claim entropy-sums."""
    scaled = -(C**2 * MOM - 1 - sp.log(C**2 * SIGMA2)) / 2
    linear = _linear()
    steps = (
        Step(
            Shown(
                sp.Derivative(_likelihood(), EPS),
                r"\partial_\varepsilon\bigl[-\tfrac D2\log 2\pi\varepsilon - \mathcal R/(2\varepsilon)\bigr]",
            ),
            Shown((RES - DIM * EPS) / (2 * EPS**2), r"(\mathcal R - D\varepsilon)/(2\varepsilon^2)"),
            "the KL does not contain eps: stationary iff the squared error is D eps",
        ),
        Step(
            Shown(_likelihood().subs(RES, DIM * EPS), r"E_q\log p(x|z)\ \text{at}\ \mathcal R = D\varepsilon"),
            Shown(-DIM / 2 * sp.log(2 * sp.pi * sp.E * EPS), r"-\tfrac D2\log(2\pi e\varepsilon)"),
            "the reconstruction term is minus the entropy of the noise",
        ),
        argued(
            "scaling a latent",
            "With f also f(z_k / c) is in the class: scaling mu_k, sigma_k by c and the decoder's input by 1/c leaves "
            "the reconstruction term as it is, so that along this direction the KL must be stationary by itself.",
            "the class of decoders is closed under z_k -> c z_k; the encoder's too",
        ),
        Step(
            Shown(
                C * sp.Derivative(scaled, C),
                r"\partial_{\log c}\bigl[-\tfrac12(c^2 \mathcal M_k - 1 - \log c^2\sigma_k^2)\bigr]",
            ),
            Shown(1 - C**2 * MOM, r"1 - c^2 \mathcal M_k"),
            "the averaged KL of latent k: at c = 1 it is stationary iff the second moment of the latent is that of the "
            "prior",
        ),
        Step(
            Shown(scaled.subs({C: 1, MOM: 1}), r"-KL_k\ \text{at}\ \mathcal M_k = 1"),
            Shown(sp.log(SIGMA2) / 2, r"\tfrac12\log\sigma_k^2"),
            "what is left of the KL",
        ),
        Step(
            Shown(
                sp.log(2 * sp.pi * sp.E * SIGMA2) / 2 - sp.log(2 * sp.pi * sp.E) / 2,
                r"\mathcal H[N(\mu_k,\sigma_k^2)] - \mathcal H[N(0,1)]",
            ),
            Shown(sp.log(SIGMA2) / 2, r"\tfrac12\log\sigma_k^2"),
            "the same as entropies of encoder and prior: no further -d/2 log(2 pi e)",
        ),
        Step(
            Shown(
                linear[0],
                r"-\tfrac D2\log(2\pi e\varepsilon) + \tfrac12\sum_k\log(\varepsilon/\lambda_k),\; D = 4,\ d = 2",
            ),
            Shown(
                linear[1],
                r"-\tfrac12\bigl[D\log2\pi + \sum_k\log\lambda_k + (D-d)\log\varepsilon + D\bigr]",
            ),
            "check: at the optimum of the linear VAE (claim ppca) the sum is the largest log-likelihood of pPCA",
        ),
    )
    return Derivation("entropy-sums", "at stationary points the ELBO is a sum of entropies", steps)
