"""The one table of symbols: the paper's symbol, ours, its name in code and what it means.

Source: Reizinger et al., arXiv 2206.02416 (column `paper`); an empty entry means that the paper has no
symbol for it. A symbol with indices (`J_01`, `V3_012`) is looked up by its base name. Letters that the literature
uses twice have one code name each: `t` is the variance correction, `T` the third derivatives of f, `C` the factor of
the joint density, `c` the contrast.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Symbol:
    """One row: `code` (name in expressions and formulas), `latex` (ours), `paper` (theirs), `meaning`."""

    code: str
    latex: str
    paper: str
    meaning: str


TABLE: tuple[Symbol, ...] = (
    Symbol("f", "f", r"f_\theta", "decoder R^d -> R^D; x given z is N(f(z), eps I)"),
    Symbol("x", "x", "x", "observation in R^D"),
    Symbol("z", "z", "z", "latent variable in R^d"),
    Symbol("d", "d", "d", "number of latent variables"),
    Symbol("D", "D", "d", "number of observed variables (the paper takes D = d)"),
    Symbol("eps", r"\varepsilon", r"\gamma^{-2}", "decoder variance, the small parameter"),
    Symbol("h", "h", r"\gamma^{-1}", "square root of eps, the parameter of the expansion"),
    Symbol("g", "g", r"g(x)", "the preimage of x; in general the minimiser of V"),
    Symbol("u", "u", "", "rescaled latent variable, z = g + h u"),
    Symbol("l0", r"\ell", r"\log p_0", "log-density of the prior at g"),
    Symbol("l1", r"\ell'", "", "gradient of the log-prior at g"),
    Symbol("l2", r"\ell''", r"\partial^2 \log p_0", "Hessian of the log-prior at g"),
    Symbol("J", "J", r"J_f", "Jacobian of f at g, J_ia = d f_i / d z_a; column a is J_a"),
    Symbol("K", "K", r"J_g", "inverse of the Jacobian (D = d), K_ai = d g_a / d x_i"),
    Symbol("H", "H", "", "second derivatives of f at g, H_iab"),
    Symbol("T", "T", "", "third derivatives of f at g, T_iabc"),
    Symbol("A", "A", r"J_f^\top J_f", "metric J'J of the decoder"),
    Symbol("B", "A^{-1}", "", "inverse of the metric"),
    Symbol("V", "V", "", "potential: log p(x, z) = log C - V(z)/eps + log-prior"),
    Symbol("V3", "V^{(3)}", "", "third derivatives of V at g"),
    Symbol("V4", "V^{(4)}", "", "fourth derivatives of V at g"),
    Symbol("M", "M", "", "Hessian of V at g; J'J on the manifold"),
    Symbol("N", "M^{-1}", "", "inverse of M: posterior covariance in units of eps"),
    Symbol("S", "S", "", "block diagonal of the inverses of M's blocks: encoder covariance in units of eps"),
    Symbol("Q", "Q", "", "a covariance in units of eps at which a formula is evaluated"),
    Symbol("P", "P", "", "1 where two coordinates share a block, 0 elsewhere"),
    Symbol("s", "s", r"\sigma^2\gamma^2", "mean-field encoder variance in units of eps, s_k = 1/M_kk"),
    Symbol("b", "b", "", "force on the encoder's mean"),
    Symbol("m", "m", "", "mean shift of the optimal encoder, mu* = g + eps m"),
    Symbol("t", "t", "", "variance correction, sigma_k^2 = eps s_k + eps^2 t_k"),
    Symbol("X", "X", "", "curvature correction V3.m + V4:S/2 - l''"),
    Symbol("L1", "L_1", "", "slope of log p_eps(x) in eps"),
    Symbol("E1", "E_1", "", "slope of ELBO* in eps"),
    Symbol("a1", "a_1", "", "slope of the gap in eps, a1 = L1 - E1"),
    Symbol("c", "c", r"c_{\mathrm{IMA}}", "IMA contrast: sum_k log |J_k| - (1/2) log det A"),
    Symbol("W", "W", "W", "matrix of a linear decoder"),
    Symbol("C", "C", "", "factor of the joint density that does not depend on z"),
    Symbol("q", "q", r"q_\phi", "encoder"),
    Symbol("mu", r"\mu", r"\mu_k^\phi", "mean of the encoder; a constant of quadratic growth"),
    Symbol("w", "w", "", "displacement from g, or coordinates J z"),
    Symbol("n", "n", "", "the optimal mean shift M^-1 b, before it is called m"),
    Symbol("P1", "P_1", "", "coefficient of h in the rescaled exponent"),
    Symbol("P2", "P_2", "", "coefficient of h^2 in the rescaled exponent"),
    Symbol("F0", "F_0", "", "order eps^0 of the expected exponent"),
    Symbol("F2", "F_2", "", "order eps^1 of the ELBO as a function of m and Q"),
    Symbol("V5", "V^{(5)}", "", "fifth derivatives of V at g"),
    Symbol("V6", "V^{(6)}", "", "sixth derivatives of V at g"),
    Symbol("l3", r"\ell^{(3)}", "", "third derivatives of the log-prior at g"),
    Symbol("l4", r"\ell^{(4)}", "", "fourth derivatives of the log-prior at g"),
    Symbol("phi1", r"\phi'", "", "gradient of phi along z"),
    Symbol("phi2", r"\phi''", "", "Hessian of phi along z"),
    Symbol("R", "R", "", "triangular factor, M = R'R; in a variation of S its direction"),
    Symbol("L", "L", "", "lower triangular factor of a covariance, Q = L L'; a Lipschitz constant"),
    Symbol("Y", "Y", "", "encoder covariance in the coordinates in which M is the identity"),
    Symbol("y", "y", "", "standardised variable"),
    Symbol("k", "k", "", "logarithm of a squared diagonal entry"),
    Symbol("lx", r"\log p_\varepsilon(x)", r"\log p_\theta(x)", "log-likelihood, the evidence"),
    Symbol("lz", r"\log p_\varepsilon(z|x)", r"\log p_\theta(z|x)", "log-density of the posterior"),
    Symbol("lq", r"\log q(z)", r"\log q_\phi(z|x)", "log-density of the encoder"),
    Symbol("sigma2", r"\sigma^2", r"\sigma_k^\phi(x)^2", "encoder variance"),
    Symbol("v", "v", r"\sigma_k^\phi(x)^2", "encoder variance of the factorised Gaussian"),
    Symbol("r", "r", "", "column that borders a triangular matrix; parameter of a rotation"),
    Symbol("r2", "|r|^2", "", "squared norm of that column"),
    Symbol("ld", r"\log\det\Lambda", "", "log-determinant of the posterior precision"),
    Symbol("nu", r"\nu", "", "residual x - f(g) off the manifold; t - Psi' for exponential families"),
    Symbol("U", "U", "", "fourth derivatives of f at g, U_iabcd"),
    Symbol("psi2", r"\Psi''", "", "second derivative of the log-partition function: variance of the observation"),
    Symbol("psi3", r"\Psi'''", "", "third derivative of the log-partition function"),
    Symbol("psi4", r"\Psi^{(4)}", "", "fourth derivative of the log-partition function"),
    Symbol("beta", r"\beta", r"\beta", "weight of the KL term in the beta-VAE"),
    Symbol("kl", r"KL(q\|p_0)", r"KL(q_\phi\|p_0)", "divergence of the encoder from the prior"),
    Symbol("V7", "V^{(7)}", "", "seventh derivatives of V at g"),
    Symbol("l5", r"\ell^{(5)}", "", "fifth derivatives of the log-prior at g"),
    Symbol("L2", "L_2", "", "coefficient of eps^2 in log p_eps(x)"),
    Symbol("E2", "E_2", "", "coefficient of eps^2 in ELBO*"),
    Symbol("F4", "F_4", "", "order eps^2 of the expected exponent as a function of m and Q"),
    Symbol("lam", r"\lambda", "", "eigenvalue of the sample covariance"),
    Symbol("rho", r"\rho", "", "correlation of two columns of J; an angle in an integral; a radius around g"),
    Symbol("alpha", r"\alpha", "", "first parameter of a Beta law"),
    Symbol("kappa", r"\kappa", "", "second parameter of a Beta law; an exponent; how steeply V rises around g"),
    Symbol("tau", r"\tau", "", "argument of a generating function; 1/D in the asymptotics"),
    Symbol("p", "p", r"p_\theta", "push-forward density; of a prior in priors, the shear's polynomial in enclosure"),
    Symbol("G", "G", "", "metric W'W of the shear's matrix; a distribution function or profile as G(.)"),
    Symbol("F", "F", "", "distribution function"),
    Symbol("res", r"\mathcal{R}", "", "squared error E_q|x - f(z)|^2, averaged over the data"),
    Symbol("mom", r"\mathcal{M}_k", "", "second moment of latent k under the encoder, averaged over the data"),
    Symbol("a", "a", r"\|J_k\|^2", "squared length of a column of J or W, A_kk"),
    Symbol("phi", r"\phi", "", "log-density of the push-forward of the prior, as a function of z"),
)

_BY_CODE = {row.code: row for row in TABLE}


def lookup(name: str) -> Symbol:
    """The row of a symbol, indices stripped (`J_01` -> `J`); KeyError in one line if it is missing."""
    base = name.split("_")[0]
    if base not in _BY_CODE:
        raise KeyError(f"symbol {base!r} is not in the notation table, expected one of {sorted(_BY_CODE)}")
    return _BY_CODE[base]


def latex_name(name: str) -> str:
    """Our LaTeX for a code name; KeyError if the notation table lacks it."""
    return lookup(name).latex
