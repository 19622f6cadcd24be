"""Lesson 5: the gap against the noise variance, read as a numerical analyst reads it: order, constant, next order.

Notation: x given z is N(f(z), eps I), eps = 1/gamma^2; g the preimage of x, J the Jacobian of f at g, c its IMA
contrast; gap = log p_eps(x) - ELBO*(x) = c + a1 eps + a2 eps^2 + ..., a1 = L1 - E1 with L1 and E1 the slopes in eps of
log p_eps(x) and ELBO*(x). The decoder is the shear f(z) = M (z1 + b p(z2), z2), p(t) = t^2/2 + t^3/5.
Measured: quadrature and Newton, no asymptotics. Predicted: exact power series over the rationals.
Source: Reizinger et al. 2022, Theorem 1 (the limit); rate, constant, higher orders: claims elbo-limit, higher-orders.
"""

import marimo

app = marimo.App(app_title="The limit: the gap against gamma", width="medium")

with app.setup:
    from functools import partial

    import jax
    import jax.numpy as jnp
    import marimo as mo
    import numpy as np
    import sympy as sp

    jax.config.update("jax_enable_x64", True)
    import elbogap
    from elbogap.lessons.exercises import after, exercise, formula, number, prediction
    from elbogap.numerics.families.shear import Shear
    from elbogap.numerics.gap import measure_gap
    from elbogap.report.style import PAGE, PALETTE, log_axis, noise_axis, style, subplots, svg
    from elbogap.theory.formulas.contrast import contrast_of_metric
    from elbogap.theory.proof.zero_test import is_zero
    from elbogap.theory.series.decoders import gap_coefficients, shear
    from elbogap.theory.series.ring import RATIONALS

    PRESETS = {"noise_var": (1.0, 1e-1, 1e-2, 1e-3), "bend": (0.0, 0.5, 1.0, 1.5), "terms": (1, 2, 4, 8)}
    LADDER = 10.0 ** -np.arange(0, 6.25, 0.5)
    MATRIX = [["1", "1/2"], ["-1/5", "6/5"]]
    POINT, OTHER_POINT, HIGHEST = sp.sympify("(1/2, 3/5)"), sp.sympify("(7/10, -2/5)"), 8

    @partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def measure(b):
        """Gap, its error bound and contrast on the ladder; compiled once, the bend is an argument of the program."""
        bent = jnp.array([0.5]) * b, jnp.array([0.2]) * b
        decoder, g = Shear(jnp.asarray(np.array(sp.Matrix(MATRIX), float)), *bent), jnp.asarray(np.array(POINT, float))
        model = elbogap.LatentModel(decoder, 2)
        gaps = jax.vmap(lambda eps: measure_gap(model.with_noise(eps), decoder(g), start=g))(jnp.asarray(LADDER))
        return gaps.gap, gaps.gap_error, elbogap.ima_contrast(decoder, g)


@app.function
def exact_series(bend, point, order):
    """The coefficients in eps of log p, ELBO* and the gap as fractions, for the shear with this bend at this point."""
    b = sp.Rational(str(bend))
    return gap_coefficients(shear(MATRIX, [lambda t: b * (t**2 / 2 + t**3 / 5)]), point, order, RATIONALS)


@app.function
def draw(gap, floor, contrast, a, index):
    """The gap less the contrast, and what is left after a1 eps, with their predicted lines."""
    with style():
        figure, ((axes,),) = subplots(1, 1, width=PAGE, height=3.0, margins=(0.09, 0.14, 0.99, 0.85))
        for order, color, marker, label in ((1, PALETTE[0], "o", "|gap − c|"), (2, PALETTE[1], "s", "|gap − c − a₁ε|")):
            left = np.abs(gap - contrast - (a[0] * LADDER if order == 2 else 0))
            axes.plot(LADDER, np.abs(a[order - 1]) * LADDER**order, color=color, linewidth=0.9)
            axes.plot(LADDER, left, marker, color=color, label=label)
            axes.plot(LADDER[index], left[index], marker, color=color, markersize=8, fillstyle="none")
        axes.plot(LADDER, floor, ":", color=PALETTE[2], label="error bound of the measurement")
        noise_axis(axes)
        log_axis(axes)
        axes.legend(loc="lower right", title="points: measured, lines: predicted")
    return figure


@app.function
def draw_sums(errors, floor, terms):
    """The distance of the partial sums of the series from the measured gap."""
    with style():
        figure, ((axes,),) = subplots(1, 1, width=PAGE, height=2.1, margins=(0.09, 0.19, 0.99, 0.88))
        axes.plot(np.arange(len(errors)), np.maximum(errors, 1e-17), "o-", color=PALETTE[0])
        axes.plot(terms, max(errors[terms], 1e-17), "o", color=PALETTE[1], markersize=9, fillstyle="none")
        axes.axhline(floor, linestyle=":", color=PALETTE[2])
        log_axis(axes)
        axes.set(xlabel="terms N in c + a₁ε + a₂ε² + …", title="distance of the partial sum from the measured gap")
    return figure


@app.cell
def _():
    contrast_field = mo.ui.text(placeholder="such as log(1 + s)", label="$c$ =")
    _text = r"""
    # The limit: the gap against $\gamma$

    *About 30 minutes. Before it: the gap (lesson 1), the contrast (lesson 3), self-consistency (lesson 4).*

    The theorem of this course is a limit. As the noise variance $\varepsilon = 1/\gamma^2$ of the decoder goes to zero,

    $$\log p_\varepsilon(x) - \mathrm{ELBO}^*(x) \;\longrightarrow\;
    c = \sum_k \log |J_k| - \tfrac12 \log\det(J^\top J) .$$

    Lesson 4 has the reason. But nobody trains at $\varepsilon = 0$. The useful questions are finer: **how fast** does
    the gap get there, **from which side**, and **how small** must $\varepsilon$ be before $c$ describes it well? A
    numerical analyst asks for the *order* of convergence, then the *constant*, then the *next order*. So do we, with
    measured numbers on one side and exact rational numbers on the other.

    ## 1. A decoder that bends
    Our decoder is a polynomial shear of the plane, followed by a fixed matrix:

    $$f(z) = M \begin{pmatrix} z_1 + b\,p(z_2) \\ z_2 \end{pmatrix}, \qquad p(t) = \tfrac12 t^2 + \tfrac15 t^3 ,
    \qquad M = \begin{pmatrix} 1 & 1/2 \\ -1/5 & 6/5 \end{pmatrix} .$$

    The prior is $N(0, I)$ and the observation is $x = f(g)$ with $g = (1/2, 3/5)$. The number $b$ says how much the
    decoder bends. At $b = 0$ it is linear, and lesson 2 has the gap in closed form; for other $b$ we have none.

    **Exercise 1.** Leave $M$ out for a moment. At $g$ the Jacobian of $(z_1 + b\,p(z_2),\, z_2)$ is
    $\begin{pmatrix} 1 & s \\ 0 & 1 \end{pmatrix}$ with $s = b\,p'(g_2)$. What is its contrast, as a formula in $s$?
    """
    mo.vstack([mo.md(_text), contrast_field])
    return (contrast_field,)


@app.cell
def _(contrast_field):
    contrast_answer = contrast_field.value
    return (contrast_answer,)


@app.cell
def _(contrast_answer):
    def _check(answer):
        s = sp.Symbol("s", real=True)
        jacobian = np.array([[1, s], [0, 1]], dtype=object)
        decision = is_zero(contrast_of_metric(jacobian.T @ jacobian) - formula(answer, {"s": s}))
        return decision.status == "proved", f"The exact zero test of the difference says: {decision.detail}."

    _solution = r"""The columns are $(1, 0)$ and $(s, 1)$, their norms $1$ and $\sqrt{1 + s^2}$; the determinant is 1.
    So $c = \tfrac12 \log(1 + s^2)$, typed `log(1 + s^2)/2`. It is zero exactly where the shear does not bend, and even
    in $s$: the direction of the bend does not matter."""
    contrast_right, _view = exercise(contrast_answer, _check, _solution)
    _view
    return (contrast_right,)


@app.cell
def _():
    noise_slider = mo.ui.slider(
        steps=[float(f"{eps:.3g}") for eps in LADDER], value=0.1, label=r"noise variance $\varepsilon$", show_value=True
    )
    bend_slider = mo.ui.slider(start=0.0, stop=1.5, step=0.25, value=1.0, label="bend $b$", show_value=True)
    _text = r"""
    ## 2. Measure
    From now on everything *measured* comes from quadrature and Newton's method at a finite $\varepsilon$:
    $\log p_\varepsilon(x)$ by a trapezoidal rule around the mode, $\mathrm{ELBO}^*(x)$ by maximising over the encoder's
    mean and standard deviations, with Gauss-Hermite expectations. No formula for small $\varepsilon$ enters, and each
    number comes with an estimated error bound.

    **Predict.** Divide $\varepsilon$ by 10. Is the distance gap $-\,c$ divided by $\sqrt{10}$, by 10, or by 100? Then
    move the sliders, and look at the last column of the table.
    """
    guess = prediction()
    mo.vstack([mo.md(_text), guess, noise_slider, bend_slider])
    return bend_slider, guess, noise_slider


@app.cell
def _(noise_slider):
    noise_var = noise_slider.value
    return (noise_var,)


@app.cell
def _(bend_slider):
    bend = bend_slider.value
    return (bend,)


@app.cell
def _(bend):
    gap, floor, contrast = map(np.asarray, measure(float(bend)))
    series = exact_series(bend, POINT, HIGHEST)
    a = [float(coefficient) for coefficient in series.gap]
    return a, contrast, floor, gap, series


@app.cell
def _(contrast, gap, guess, noise_var):
    index = int(np.argmin(np.abs(np.log(LADDER) - np.log(noise_var))))
    _shown = range(max(0, index - 2), min(len(LADDER), index + 3))
    _names = {i: f"**{LADDER[i]:.2g}**" if i == index else f"{LADDER[i]:.2g}" for i in _shown}
    _rows = [(_names[i], gap[i], gap[i] - contrast, (gap[i] - contrast) / LADDER[i]) for i in _shown]
    _head = r"| $\varepsilon$ | measured gap | gap $-\,c$ | (gap $-\,c)/\varepsilon$ |" + "\n|---|---|---|---|\n"
    _table = _head + "\n".join("| {} | {:.8f} | {:+.3e} | {:+.6f} |".format(*row) for row in _rows)
    _words = f"The contrast is $c$ = {contrast:.8f}, from the Jacobian alone. Around your $\\varepsilon$:"
    after(guess, mo.md(f"{_words}\n\n{_table}"))
    return (index,)


@app.cell
def _():
    mo.md(r"""
    ## 3. The order
    The last column settles: gap $-\,c$ is proportional to $\varepsilon = \gamma^{-2}$. The *local order* between
    neighbouring noise variances makes a number of it, which for $y = C \varepsilon^p$ is exactly $p$:

    $$\frac{\log y_i - \log y_{i+1}}{\log \varepsilon_i - \log \varepsilon_{i+1}}, \qquad y = |\mathrm{gap} - c| .$$

    A straight line on log-log paper is weak evidence: over one decade, order 1 and order 1.2 look alike. The local
    orders must *converge*, and they must do so where the measurement stands well above its own error bound.
    """)
    return


@app.cell
def _(a, bend, contrast, floor, gap, index):
    orders = np.diff(np.log(np.abs(gap - contrast))) / np.diff(np.log(LADDER))
    _alt = f"""The gap less the contrast against the noise variance, bend {bend:g}. Measured points lie on the predicted
    line of slope one, {a[0]:.4f} eps; what is left lies on the line of slope two, {a[1]:.4f} eps squared, down to the
    error bound. Local orders go from {orders[0]:.3f} to {orders[-1]:.5f}."""
    _shown = ", ".join(f"{order:.4f}" for order in orders[::2])
    _text = rf"""From large $\varepsilon$ to small, the local orders are {_shown}. They tend to 1: to make gap $-\,c$ a
    hundred times smaller, $\gamma$ must grow tenfold. The paper's theorem states the limit; that the rate is
    $\gamma^{{-2}}$, neither $\gamma^{{-1}}$ nor $\gamma^{{-4}}$, is among what `elbogap verify elbo-limit` tests."""
    mo.vstack([mo.Html(svg(draw(gap, floor, contrast, a, index), alt=_alt)), mo.md(_text)])
    return (orders,)


@app.cell
def _():
    mo.md(r"""
    ## 4. The constant, and the side

    A wrong factor in a formula does not change the slope on log-log paper. The *constant* shows it. Where does $a_1$ in
    gap $= c + a_1 \varepsilon + \ldots$ come from? Both sides of the gap move with the noise:

    $$\log p_\varepsilon(x) = \ldots + L_1 \varepsilon, \qquad \mathrm{ELBO}^*(x) = \ldots + E_1 \varepsilon,
    \qquad a_1 = L_1 - E_1 .$$

    - $L_1$: noise smears the density $p$ of $f(z)$ as heat spreads: $\partial_\varepsilon\, p = \tfrac12\Delta p$,
      so $L_1 = \tfrac12 \Delta p / p$ at $x$, negative where the density is curved downwards.
    - $E_1$: the encoder's Gaussian meets the curvature of decoder and prior, and shifts its mean in answer (lesson 4).

    Polynomials with rational coefficients make both rational numbers here, found by exact power series.
    """)
    return


@app.cell
def _(bend, series):
    _l, _e, _a = (float(part[0]) for part in (series.log_likelihood, series.elbo, series.gap))
    mo.md(
        f"At $b$ = {bend:g}: $L_1$ = {_l:.6f}, $E_1$ = {_e:.6f}, and $a_1$ = {_a:.6f}. The line of slope one in the "
        "figure was drawn with this number; nothing was fitted."
    )
    return


@app.cell
def _():
    side_field = mo.ui.text(placeholder="a number from 0 to 2", label="$b$ =")
    _text = r"""
    **Exercise 2.** For a linear decoder $a_1 \le 0$ always (`elbogap explain linear-vae`): the gap comes from *below*.
    Take $x$ at another point, $g = (7/10, -2/5)$, and find a bend $b$ between 0 and 2 for which it comes from *above*.
    The checker computes $a_1$ exactly.
    """
    mo.vstack([mo.md(_text), side_field])
    return (side_field,)


@app.cell
def _(side_field):
    side_answer = side_field.value
    return (side_answer,)


@app.cell
def _(side_answer):
    def _check(answer):
        slope = float(exact_series(number(answer, 0, 2), OTHER_POINT, 1).gap[0])
        return slope > 0, f"There $a_1$ is {slope:+.5f}: the gap comes from {'above' if slope > 0 else 'below'}."

    _tried = ", ".join(f"{float(exact_series(b, OTHER_POINT, 1).gap[0]):+.4f} at {b}" for b in (0, 0.5, 1, 1.5))
    _solution = rf"""Try a few: $a_1$ is {_tried}. The theorem does not determine the sign of $a_1$. That the gap
    *increases* to the contrast is true for linear decoders and false in general."""
    side_right, _view = exercise(side_answer, _check, _solution)
    _view
    return (side_right,)


@app.cell
def _():
    limit_field = mo.ui.text(placeholder="a number, or an expression of numbers", label="$c$ =", full_width=True)
    _text = r"""
    ## 5. The limit, without knowing it

    Suppose that you can measure gaps but not the contrast: the decoder is a black box. If gap $= c + a_1 \varepsilon +
    O(\varepsilon^2)$, two measurements determine $c$ up to $O(\varepsilon^2)$. This is Richardson's *deferred approach
    to the limit*.

    **Exercise 3.** Estimate $c$ from the two gaps below, at least ten times better than the second one does by itself.
    """
    mo.vstack([mo.md(_text), limit_field])
    return (limit_field,)


@app.cell
def _(limit_field):
    limit_answer = limit_field.value
    return (limit_answer,)


@app.cell
def _(contrast, gap, limit_answer):
    richardson = (10 * gap[6] - gap[4]) / 9  # gaps at 1e-3 and 1e-2

    def _check(answer):
        error, plain, best = (abs(value - contrast) for value in (number(answer), gap[6], richardson))
        words = f"Your error is {error:.1e}; the gap at $10^{{-3}}$ is off by {plain:.1e}, Richardson by {best:.1e}."
        return bool(error < plain / 10), words

    _solution = r"""Eliminate $a_1$: ten times the second number less the first is $9c + O(\varepsilon^2)$. So type
    `(10*second - first)/9`, with the two numbers. The verifier does this with whole tables, and carries the error
    bounds of the measurements along (`elbogap.proofs_checks.order`)."""
    limit_right, _view = exercise(limit_answer, _check, _solution)
    _given = mo.md(f"$\\varepsilon = 10^{{-2}}$: gap {gap[4]:.9f}. $\\quad\\varepsilon = 10^{{-3}}$: gap {gap[6]:.9f}.")
    mo.vstack([_given, _view])
    return limit_right, richardson


@app.cell
def _():
    terms_guess = prediction()
    terms_slider = mo.ui.slider(start=0, stop=8, step=1, value=2, label="terms $N$", show_value=True)
    _text = r"""
    ## 6. More terms, and when to stop

    The squares in the figure are what is left after $c + a_1\varepsilon$; the line under them is the *next order*,
    $|a_2|\,\varepsilon^2$, from the same exact series. Had $a_1$ been wrong by one per cent, they would bend to
    slope one.

    Does every further term help? **Predict**, for $b = 1$: is the sum of eight terms better than the sum of two at
    $\varepsilon = 0.1$? And at $\varepsilon = 1$? Then move this slider, and the one for $\varepsilon$ above.
    """
    mo.vstack([mo.md(_text), terms_guess, terms_slider])
    return terms_guess, terms_slider


@app.cell
def _(terms_slider):
    terms = terms_slider.value
    return (terms,)


@app.cell
def _(a, contrast, floor, gap, index, terms, terms_guess):
    _powers = np.array(a) * LADDER[index] ** np.arange(1, HIGHEST + 1)
    partial_errors = np.abs(gap[index] - contrast - np.append(0.0, np.cumsum(_powers)))
    _best = int(np.argmin(partial_errors))
    _words = (
        f"At noise variance {LADDER[index]:.2g}, {terms} terms leave {partial_errors[terms]:.1e} of the gap; of the "
        f"sums shown the best has {_best} terms and leaves {partial_errors[_best]:.1e}."
    )
    _coefficients = ", ".join(f"{value:.3g}" for value in a)
    _figure = mo.Html(svg(draw_sums(partial_errors, floor[index], terms), alt=f"Error of the partial sums. {_words}"))
    after(terms_guess, _figure, mo.md(f"{_words} The coefficients $a_1, a_2, \\ldots$ are {_coefficients}."))
    return (partial_errors,)


@app.cell
def _():
    mo.md(r"""
    The coefficients grow. The series of $\mathrm{ELBO}^*$ converges for a polynomial decoder, if $\varepsilon$ is small
    enough; that of $\log p_\varepsilon$ is in general only *asymptotic*. For a fixed number of terms its error has the
    order of the first term left out; for a fixed $\varepsilon$, adding terms for ever makes it worse. The rule is old:
    stop at the smallest term.

    At the other end of every curve is round-off: where the squares meet the dotted error bound, a smaller $\varepsilon$
    teaches nothing. The verifier looks for the window between, and says *inconclusive* if there is none.

    ## What we have learnt
    - gap $= c + a_1\varepsilon + O(\varepsilon^2)$: the rate is $\gamma^{-2}$, and $a_1 = L_1 - E_1$ has a closed form.
    - $a_1$ has either sign. The contrast describes the gap well where $|a_1|\,\varepsilon$ is small against $c$.
    - Order, constant and next order are three tests. A wrong rate fails the first, a wrong factor the second.
    - Finitely many measurements prove nothing about *all* $\varepsilon$. For shears such as this one ball arithmetic
      does: `elbogap verify enclosure` encloses (gap $-\,c)/\varepsilon$ for every $\varepsilon$ up to a bound.

    **With a decoder of your own**, `elbogap.expansion(model, z)` returns $c$, $a_1$, $L_1$, $E_1$ and the encoder's
    shift for any smooth JAX decoder, and `elbogap figures convergence --decoder FILE.py:NAME` draws the figure for it.

    ## References
    - P. Reizinger et al.: *Embrace the Gap: VAEs Perform Independent Mechanism Analysis*, NeurIPS 2022, arXiv
      2206.02416, Theorem 1. The derivations: `elbogap explain elbo-limit`, `elbogap explain higher-orders`.
    - L. F. Richardson: Phil. Trans. R. Soc. A 210 (1911), 307: extrapolation to the limit.
    - L. Tierney, J. B. Kadane: J. Amer. Statist. Assoc. 81 (1986), 82: Laplace's method with its error terms.
    - C. M. Bender, S. A. Orszag: *Advanced Mathematical Methods for Scientists and Engineers*, McGraw-Hill 1978:
      asymptotic series and where to stop.
    """)
    return


if __name__ == "__main__":
    app.run()
