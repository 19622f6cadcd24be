"""Lesson 2: the linear VAE, where posterior, best encoder and gap are known exactly at every noise variance.

Notation: z ~ N(0, I) in two dimensions, x given z is N(W z, eps I), eps = 1/gamma^2; A = W'W; posterior precision
Lambda = I + A/eps; c = sum_k log |w_k| - 1/2 log det A, the contrast of the columns w_k; W(turn) = W R(turn).
Source: Lucas et al. 2019 (the linear VAE); claims linear-vae and ppca.
"""

import marimo

app = marimo.App(app_title="The linear VAE, exactly", width="medium")

with app.setup:
    import marimo as mo
    import numpy as np

    import jax  # isort: skip

    jax.config.update("jax_enable_x64", True)
    import elbogap
    import jax.numpy as jnp
    import sympy as sp
    from elbogap.lessons.exercises import after, exercise, formula, number, prediction
    from elbogap.numerics.gap import measure_gap
    from elbogap.report.style import PAGE, PALETTE, noise_axis, style, subplots, svg
    from elbogap.theory.formulas.gaussian import linear_gap_terms
    from elbogap.theory.proof.zero_test import is_zero

    PRESETS = {"noise_var": (10.0, 1.0, 0.1, 0.001), "angle": (20, 40, 65, 90), "turn": (0, 15, 31, 60)}
    LADDER = 10.0 ** np.arange(1.5, -4.5, -0.5)
    CURVE = 10.0 ** np.linspace(2, -4.2, 120)
    TURNS, DATA = np.arange(0, 91, 7.5), np.array([1.0, -0.5])
    STEPS = [10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.001, 0.0001]


@app.function
def columns(angle, turn=0.0):
    """W R(turn): columns of lengths 1.2 and 0.8 with this angle between them, after a turn of the latents (degrees)."""
    t, r = np.radians(angle), np.radians(turn)
    matrix = np.array([[1.2, 0.8 * np.cos(t)], [0.0, 0.8 * np.sin(t)]])
    return matrix @ np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]])


@app.function
def exact_gap(matrix, eps):
    """1/2 sum_k log(1 + A_kk/eps) - 1/2 log det(I + A/eps), for an array of noise variances."""
    metric = matrix.T @ matrix
    scaled = np.eye(2) + metric / np.asarray(eps)[..., None, None]
    return (np.log(np.einsum("...kk->...k", scaled)).sum(axis=-1) - np.linalg.slogdet(scaled)[1]) / 2


@app.cell
def _():
    # Compiled once, for a batch of matrices and noise variances: quadrature and Newton, no formula for linear decoders.
    @jax.jit
    @jax.vmap
    def measure(matrix, eps):
        model = elbogap.LatentModel(lambda z: matrix @ z, 2, noise_var=eps)
        return measure_gap(model, jnp.asarray(DATA), start=jnp.linalg.solve(matrix, DATA))

    return (measure,)


@app.cell
def _():
    width_guess = prediction()
    _text = r"""
    # The linear VAE, exactly
    *About 30 minutes. Before it: lesson 1. Needed: matrices, Gaussians in two dimensions.*

    In lesson 1 the gap vanished with the noise. Now there are two latents, and the simplest decoder there is:

    $$z \sim N(0, I), \qquad x = W z + \sqrt\varepsilon\,\xi, \qquad \xi \sim N(0, I) .$$

    Everything is Gaussian, so everything can be computed by hand: no posterior is bent here, and the reason for the gap
    of lesson 1 is gone. What is left is the other reason.

    ## 1. Posterior and encoder
    Completing the square in $\log p(x \mid z) + \log p_0(z)$ gives the posterior: a Gaussian with precision

    $$\Lambda = I + \tfrac1\varepsilon A, \qquad A = W^\top W .$$

    $A_{kk} = |w_k|^2$ is the squared length of column $k$ of $W$, and $A_{12} = w_1 \cdot w_2$. If the columns are not
    orthogonal, $\Lambda$ is not diagonal, and the posterior is *tilted*: had $z_1$ been larger, $z_2$ would have been
    smaller. The two latents explain the same data, so they compete ("explaining away").

    The encoder of a VAE is *mean field*: it has a mean and a variance for each latent, and no correlation. Insert a
    Gaussian with variances $v_k$ into the ELBO. What depends on $v$ is $\tfrac12 \sum_k (\log v_k - \Lambda_{kk} v_k)$:
    the entropy of $q$, and the average of a quadratic form. It is largest where $1/v_k = \Lambda_{kk}$. So the best
    encoder has the posterior's mean, and the variances $v_k = 1/\Lambda_{kk}$.

    **What do you expect?** Is the best encoder, in each coordinate, as wide as the posterior is? Recall from lesson 1
    which mistake is worse. Then look at the figure, and make the angle between the columns small.
    """
    mo.vstack([mo.md(_text), width_guess])
    return (width_guess,)


@app.cell
def _():
    noise_slider = mo.ui.slider(steps=STEPS, value=0.1, label=r"noise variance $\varepsilon$", show_value=True)
    noise_slider
    return (noise_slider,)


@app.cell
def _(noise_slider):
    noise_var = noise_slider.value
    return (noise_var,)


@app.cell
def _():
    angle_slider = mo.ui.slider(start=10, stop=90, step=5, value=40, label="angle of the columns", show_value=True)
    angle_slider
    return (angle_slider,)


@app.cell
def _(angle_slider):
    angle = angle_slider.value
    return (angle,)


@app.function
def ellipse(covariance):
    """Points one standard deviation from 0."""
    t = np.linspace(0, 2 * np.pi, 181)
    return np.linalg.cholesky(covariance) @ np.stack([np.cos(t), np.sin(t)])


@app.cell
def _(angle, noise_var, width_guess):
    _precision = np.eye(2) + columns(angle).T @ columns(angle) / noise_var
    _covariance = np.linalg.inv(_precision)
    _encoder, _posterior = 1 / np.sqrt(np.diag(_precision)), np.sqrt(np.diag(_covariance))
    with style():
        _figure, ((_left, _right),) = subplots(1, 2, width=PAGE, height=2.9, margins=(0.07, 0.16, 0.99, 0.9))
        _left.plot([0, columns(angle)[0, 0]], [0, 0], color=PALETTE[3], linewidth=2)
        _left.plot(*np.stack([[0, 0], columns(angle)[:, 1]], axis=1), color=PALETTE[2], linewidth=2)
        _left.text(1.2, 0.05, "w₁", color=PALETTE[3])
        _left.text(*(columns(angle)[:, 1] + 0.03), "w₂", color=PALETTE[2])
        _left.set(xlim=(-0.2, 1.6), ylim=(-0.3, 1.1), aspect="equal", title="columns of W, in the data")
        for _cov, _line, _label, _color in (
            (_covariance, "-", "posterior", PALETTE[0]),
            (np.diag(_encoder**2), "--", "best encoder", PALETTE[1]),
        ):
            _right.plot(*ellipse(_cov) / np.sqrt(noise_var), _line, color=_color, label=_label)
        _right.set(aspect="equal", title="latents less their mean, in units of √ε", xlabel="z₁", ylabel="z₂")
        _right.set_aspect("equal", adjustable="datalim")
        _right.legend(loc="upper right")
    _words = (
        f"posterior {_posterior[0]:.4f} and {_posterior[1]:.4f}, best encoder {_encoder[0]:.4f} and {_encoder[1]:.4f}"
    )
    _alt = f"Two columns of W at {angle} degrees, and ellipses of the latents. Standard deviations: {_words}."
    after(width_guess, mo.Html(svg(_figure, alt=_alt)), mo.md(f"Standard deviations of $z_1$ and $z_2$: {_words}."))
    return


@app.cell
def _():
    narrow_field = mo.ui.text(placeholder="a number, or as 3/7", label="$v_1$ =")
    _text = r"""
    The encoder is *narrower*: the ellipses meet on the axes, and the posterior's sticks out along its tilt.
    $1/\Lambda_{kk}$ is the variance of $z_k$ *given the other latent*; the posterior's own, $(\Lambda^{-1})_{kk}$, is
    never smaller.

    **Exercise 1.** Let $\varepsilon = 1$ and $A = \begin{pmatrix} 4 & 3 \\ 3 & 4 \end{pmatrix}$. Which variance $v_1$
    has the best encoder?
    """
    mo.vstack([mo.md(_text), narrow_field])
    return (narrow_field,)


@app.cell
def _(narrow_field):
    narrow_answer = narrow_field.value
    return (narrow_answer,)


@app.cell
def _(measure, narrow_answer):
    def _check(answer):
        matrix, size = np.linalg.cholesky(np.array([[4.0, 3.0], [3.0, 4.0]])).T, len(LADDER) + len(TURNS)
        variance = float(measure(jnp.broadcast_to(matrix, (size, 2, 2)), jnp.ones(size)).std[0, 0] ** 2)
        value = number(answer)
        hint = "That is the posterior's." if abs(value - 5 / 16) < 1e-3 else r"What is $\Lambda_{11}$?"
        return (True, f"The library's search finds {variance:.6f}.") if abs(value - variance) < 1e-3 else (False, hint)

    narrow_right, _view = exercise(
        narrow_answer,
        _check,
        r"""$\Lambda = I + A$ has $\Lambda_{11} = 5$, so $v_1 = 1/5$. The posterior's variance is
        $(\Lambda^{-1})_{11} = 5/16$: half as much again.""",
    )
    _view
    return (narrow_right,)


@app.cell
def _():
    guess = prediction()
    _text = r"""
    ## 2. The gap
    The divergence of two Gaussians with equal means is half of (trace $- \,2 + \log$ of the determinants' ratio), and
    the trace $\sum_k \Lambda_{kk} v_k$ is 2. What is left is

    $$\mathrm{gap} = \tfrac12 \sum_k \log \Lambda_{kk} - \tfrac12 \log\det\Lambda
      = \tfrac12 \sum_k \log\left(1 + \tfrac{A_{kk}}{\varepsilon}\right) -
      \tfrac12 \log\det\left(I + \tfrac1\varepsilon A\right).$$

    Look at what is *not* in it: the data $x$. A linear VAE has the same gap at every point.

    **What do you expect?** When the noise is large, both latents are unknown, whatever the decoder is. When it
    vanishes, both are known exactly. At which end is the gap large?
    """
    mo.vstack([mo.md(_text), guess])
    return (guess,)


@app.cell
def _(angle, measure, noise_var):
    _matrices = [columns(angle)] * len(LADDER) + [columns(angle, t) for t in TURNS]
    _noise = np.concatenate([LADDER, np.full(len(TURNS), noise_var)])
    measured = jax.tree.map(np.asarray, measure(jnp.asarray(np.stack(_matrices)), jnp.asarray(_noise)))
    contrast = -np.log(np.sin(np.radians(angle)))
    return contrast, measured


@app.cell
def _(angle, contrast, guess, measured, noise_var):
    _here = float(exact_gap(columns(angle), noise_var))
    with style():
        _figure, ((_axes,),) = subplots(width=PAGE, height=2.5, margins=(0.09, 0.18, 0.99, 0.83))
        _axes.plot(CURVE, exact_gap(columns(angle), CURVE), color=PALETTE[1], linewidth=0.9, label="formula")
        _axes.plot(LADDER, measured.gap[: len(LADDER)], "o", color=PALETTE[0], label="measured by the library")
        _axes.axhline(contrast, color=PALETTE[2], linestyle=":", label="contrast c of the columns")
        _axes.plot(noise_var, _here, "o", color=PALETTE[0], markersize=9, fillstyle="none", label="your ε")
        noise_axis(_axes)
        _axes.set_ylim(0, max(1.2 * contrast, 0.05))
        _axes.legend(loc="lower right")
    _words = f"At {angle} degrees and noise variance {noise_var:g} the gap is {_here:.6f}; its limit is {contrast:.6f}."
    after(guess, mo.Html(svg(_figure, alt=f"The gap against the noise variance. {_words}")), mo.md(_words))
    return


@app.cell
def _():
    formula_field = mo.ui.text(placeholder="a formula in r and eps", label="gap =", full_width=True)
    _text = r"""
    The gap does not vanish with the noise: a small tilted ellipse is as tilted as a large one. For small $\varepsilon$
    we have $\Lambda \approx A/\varepsilon$, and the $\varepsilon$ of both terms cancel. The limit is

    $$c = \tfrac12 \sum_k \log A_{kk} - \tfrac12\log\det A = \sum_k \log |w_k| - \log |\det W| ,$$

    the logarithm of a box over a parallelogram: the box has the *lengths* of the columns for its edges, the
    parallelogram the columns themselves. For two columns at an angle $\theta$ the lengths cancel:
    $c = -\log\sin\theta$, which is $\log 2$ at 30 degrees. Lesson 3 is about this number.

    **Exercise 2.** Two columns of length 1 have the inner product $r$. Simplify the gap, at any $\varepsilon$, to *one*
    logarithm. (Write `eps` for $\varepsilon$. The checker decides by an exact zero test against the theory.)
    """
    mo.vstack([mo.md(_text), formula_field])
    return (formula_field,)


@app.cell
def _(formula_field):
    formula_answer = formula_field.value
    return (formula_answer,)


@app.cell
def _(formula_answer):
    def _check(answer):
        r, eps = sp.Symbol("r", real=True), sp.Symbol("eps", positive=True)
        metric = np.array([[sp.Integer(1), r], [r, sp.Integer(1)]], dtype=object)
        decision = is_zero(sum(linear_gap_terms(metric, eps).values()) - formula(answer, {"r": r, "eps": eps}))
        return decision.status == "proved", f"Exact test: {decision.detail}."

    formula_right, _view = exercise(
        formula_answer,
        _check,
        r"""$\Lambda_{kk} = 1 + 1/\varepsilon$ and $\det\Lambda = \Lambda_{11}^2 - r^2/\varepsilon^2$, so the gap is
        $-\tfrac12\log\left(1 - \frac{r^2}{(1 + \varepsilon)^2}\right)$, typed `-log(1 - r^2/(1 + eps)^2)/2`.""",
    )
    _view
    return (formula_right,)


@app.cell
def _():
    turn_guess = prediction()
    turn_slider = mo.ui.slider(start=0, stop=90, step=1, value=0, label="turn of the latents", show_value=True)
    _text = r"""
    ## 3. What the likelihood cannot see
    Turn the latents: replace $W$ by $WR$ with a rotation $R$. The data have covariance $WW^\top + \varepsilon I$, and
    $WR(WR)^\top = WW^\top$. So **all turned decoders have the same likelihood**, for every $x$ and every amount of
    data. Maximum likelihood cannot choose among them. Their columns, though, are different.

    **What do you expect** of the ELBO as a function of the turn?
    """
    mo.vstack([mo.md(_text), turn_guess, turn_slider])
    return turn_guess, turn_slider


@app.cell
def _(turn_slider):
    turn = turn_slider.value
    return (turn,)


@app.cell
def _(angle, measured, noise_var, turn, turn_guess):
    _evidence, _elbo = measured.log_likelihood[len(LADDER) :], measured.elbo[len(LADDER) :]
    _turns = np.arange(0, 91)
    _exact = _evidence[0] - np.array([float(exact_gap(columns(angle, t), noise_var)) for t in _turns])
    with style():
        _figure, ((_axes,),) = subplots(width=PAGE, height=2.4, margins=(0.09, 0.18, 0.99, 0.97))
        _axes.plot(TURNS, _evidence, "s-", color=PALETTE[2], label="log-likelihood")
        _axes.plot(TURNS, _elbo, "o", color=PALETTE[0], label="largest ELBO, measured")
        _axes.plot(_turns, _exact, color=PALETTE[1], linewidth=0.9, label="and by the formula")
        _axes.plot(turn, _exact[turn], "o", color=PALETTE[0], markersize=9, fillstyle="none", label="your turn")
        _axes.set(xlabel="turn of the latents, degrees", ylim=(_exact.min() - 0.15, _evidence[0] + 0.1))
        _axes.legend(loc="lower right", ncols=2)
    _a = columns(angle, turn).T @ columns(angle, turn)
    _words = (
        f"Turned by {turn} degrees, the columns have inner product {_a[0, 1]:+.4f} and the gap is "
        f"{_evidence[0] - _exact[turn]:.6f}. The log-likelihood is {_evidence[0]:.6f} at every turn; measured values "
        f"differ by {np.ptp(_evidence):.0e}."
    )
    _alt = f"Log-likelihood and ELBO against the turn. {_words}"
    after(turn_guess, mo.Html(svg(_figure, alt=_alt)), mo.md(_words))
    return


@app.cell
def _():
    turn_field = mo.ui.text(placeholder="degrees", label="turn =")
    _text = r"""
    The ELBO has a maximum, and there the gap is zero: the columns of $WR$ are orthogonal. Every matrix can be turned
    so; that is the singular value decomposition $W = U S V^\top$, with $R = V$. The columns of $WV$ are the principal
    axes of the data, so a linear VAE finds what *probabilistic PCA* leaves open: the axes themselves. (If two
    singular values are equal, every turn of their plane is as good.)

    **Exercise 3.** With an angle of 40 degrees between the columns, which turn makes the gap zero? To a degree.
    """
    mo.vstack([mo.md(_text), turn_field])
    return (turn_field,)


@app.cell
def _(turn_field):
    turn_answer = turn_field.value
    return (turn_answer,)


@app.cell
def _(turn_answer):
    def _check(answer):
        matrix = jnp.asarray(columns(40, number(answer, -360, 360)))
        c = float(elbogap.ima_contrast(lambda z: matrix @ z, jnp.zeros(2)))
        return c < 1e-3, f"At that turn the limit of the gap is {c:.6f}."

    turn_right, _view = exercise(
        turn_answer,
        _check,
        r"""The inner product of the turned columns vanishes where $\tan 2t = 2A_{12}/(A_{11} - A_{22})$, with
        $A_{11} = 1.44$, $A_{22} = 0.64$ and $A_{12} = 0.96 \cos 40°$: at $t = 30.7$ degrees, and a quarter turn on.""",
    )
    _view
    return (turn_right,)


@app.cell
def _():
    mo.md(r"""
    ## What we have learnt
    - The best mean-field encoder has variances $1/\Lambda_{kk}$: it is narrower than the posterior, if that is tilted.
    - The gap is the price of the tilt. It grows to $c = \sum_k \log|w_k| - \tfrac12\log\det A$ as the noise vanishes.
    - Turning the latents changes the gap and not the likelihood. The ELBO prefers orthogonal columns.

    A nonlinear decoder is linear seen from near enough, with its Jacobian for $W$; and the smaller the noise, the
    nearer we look. That is the idea of the theorem of this course.

    ## References
    - J. Lucas et al.: *Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse*, NeurIPS 2019.
    - M. E. Tipping, C. M. Bishop: *Probabilistic Principal Component Analysis*, J. R. Statist. Soc. B 61 (1999).
    - M. Rolinek, D. Zietlow, G. Martius: *Variational Autoencoders Pursue PCA Directions (by Accident)*, CVPR 2019.
    - C. M. Bishop: *Pattern Recognition and Machine Learning*, section 10.1.2: factorised Gaussians are too narrow.
    - `elbogap explain linear-vae` and `elbogap explain ppca`: every step decided by machine.
    """)
    return


if __name__ == "__main__":
    app.run()
