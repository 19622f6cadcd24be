"""Lesson 3: the IMA contrast: what it measures, what leaves it alone, and what is random about it.

Notation: J (D, d) the decoder's Jacobian at z, J_k its columns, A = J'J; c = sum_k log |J_k| - 1/2 log det A. The
spiral decoder is f(z) = z1 (cos t, sin t) with t = z2 + s z1: polar coordinates, with the twist s. Source: Gresele et
al. 2021, section 4; Reizinger et al. 2022; claims contrast and random-directions.
"""

import marimo

app = marimo.App(app_title="Jacobians, orthogonal columns and the contrast", width="medium")

with app.setup:
    import marimo as mo
    import numpy as np

    import jax  # isort: skip

    jax.config.update("jax_enable_x64", True)
    import elbogap
    import jax.numpy as jnp
    import sympy as sp
    from elbogap.lessons.exercises import after, exercise, formula, number, prediction
    from elbogap.numerics.contrast import contrast_of_jacobian, metric_contrast
    from elbogap.report.style import PAGE, PALETTE, log_axis, style, subplots, svg
    from elbogap.theory.formulas.closed_forms import mean_contrast
    from elbogap.theory.formulas.contrast import contrast_of_metric
    from elbogap.theory.proof.zero_test import is_zero

    PRESETS = {"twist": (0.0, 0.5, 1.0, 2.0), "radius": (0.5, 1.0, 1.75), "data_dim": (10, 20, 100, 1000)}
    LATENTS, SAMPLES, ANGLE = 10, 200, 0.4
    RADII = np.linspace(0.25, 2.0, 36)
    DIMENSIONS = (10, 14, 20, 30, 50, 70, 100, 200, 300, 500, 1000)


@app.function
def spiral(z, twist):
    """Polar coordinates whose angle grows with the radius."""
    angle = z[1] + twist * z[0]
    return z[0] * jnp.stack([jnp.cos(angle), jnp.sin(angle)])


@app.cell
def _():
    # Compiled once: the twist and the point are arguments of the programs.
    @jax.jit
    def local(z, twist):
        """Jacobian at z, and the contrast along a ray of radii."""
        ray = jnp.stack([jnp.asarray(RADII), jnp.full(len(RADII), z[1])], axis=1)
        contrasts = elbogap.ima_contrast(lambda point: spiral(point, twist), jnp.concatenate([z[None], ray]))
        return jax.jacfwd(spiral)(z, twist), contrasts[0], contrasts[1:]

    @jax.jit
    @jax.vmap
    def image(z, twist):
        return spiral(z, twist)

    return image, local


@app.cell
def _():
    guess = prediction()
    _text = r"""
    # Jacobians, orthogonal columns and the contrast

    *About 35 minutes. Before it: lesson 2. Needed: derivatives of maps, determinants.*

    In lesson 2 the gap of a linear decoder tended to a number that depends on the columns of its matrix. This lesson is
    about that number for decoders that bend. There is no noise and no encoder in it: it is geometry.

    ## 1. A decoder seen from near
    A smooth decoder $f$ from $d$ latents to $D$ data values is linear when seen from near enough:

    $$f(z + h) = f(z) + J h + O(|h|^2), \qquad J = (J_1 \; \cdots \; J_d), \quad J_k = \partial f / \partial z_k .$$

    Column $J_k$ is the velocity of the data when latent $k$ alone moves. Our example is a spiral: polar coordinates
    whose angle also grows with the radius, at a rate $s$, the *twist*,

    $$f(z) = z_1 \left(\cos t,\ \sin t\right), \qquad t = z_2 + s\, z_1 .$$

    **What do you expect?** At which twist are the two columns orthogonal? With a twist, does the angle between them
    depend on the radius $z_1$, on the angle $z_2$, or on both?
    """
    mo.vstack([mo.md(_text), guess])
    return (guess,)


@app.cell
def _():
    twist_slider = mo.ui.slider(start=0.0, stop=2.0, step=0.25, value=0.5, label="twist $s$", show_value=True)
    twist_slider
    return (twist_slider,)


@app.cell
def _(twist_slider):
    twist = twist_slider.value
    return (twist,)


@app.cell
def _():
    radius_slider = mo.ui.slider(start=0.25, stop=2.0, step=0.25, value=1.0, label="radius $z_1$", show_value=True)
    radius_slider
    return (radius_slider,)


@app.cell
def _(radius_slider):
    radius = radius_slider.value
    return (radius,)


@app.cell
def _(guess, image, local, radius, twist):
    jacobian, contrast, _along = map(np.asarray, local(jnp.array([radius, ANGLE]), float(twist)))
    _lines = [np.stack([np.full(41, r), np.linspace(-1.2, 2.0, 41)], axis=1) for r in np.arange(0.25, 2.1, 0.25)]
    _lines += [np.stack([np.linspace(0.25, 2.0, 41), np.full(41, a)], axis=1) for a in np.linspace(-1.2, 2.0, 9)]
    _drawn = np.asarray(image(jnp.asarray(np.concatenate(_lines)), jnp.full(41 * len(_lines), float(twist))))
    _x = np.asarray(image(jnp.array([[radius, ANGLE]]), jnp.array([float(twist)])))[0]
    with style():
        _figure, ((_left, _right),) = subplots(1, 2, width=PAGE, height=2.8, margins=(0.06, 0.16, 0.99, 0.9))
        for _line in _drawn.reshape(len(_lines), 41, 2):
            _left.plot(*_line.T, color="0.65", linewidth=0.5)
        for _k, _name in enumerate(("J₁", "J₂")):
            _tip = _x + 0.6 * jacobian[:, _k]
            _left.plot(*np.stack([_x, _tip], axis=1), color=PALETTE[3 - _k], linewidth=2)
            _left.text(*_tip, f" {_name}", color=PALETTE[3 - _k], fontweight="bold")
        _left.set_aspect("equal", adjustable="datalim")
        _left.set_title("coordinate lines in the data; columns × 0.6", loc="left")
        _right.plot(RADII, np.log1p((twist * RADII) ** 2) / 2, color=PALETTE[1], linewidth=0.9, label="exercise 1")
        _right.plot(RADII[::3], _along[::3], "o", color=PALETTE[0], label="elbogap.ima_contrast")
        _right.plot(radius, contrast, "o", color=PALETTE[0], markersize=9, fillstyle="none", label="your point")
        _right.set(ylim=(-0.05, 1.6), xlabel="radius z₁")
        _right.set_title("contrast", loc="left")
        _right.legend(loc="upper left")
    _lengths = np.linalg.norm(jacobian, axis=0)
    _degrees = np.degrees(np.arccos(np.clip(jacobian[:, 0] @ jacobian[:, 1] / _lengths.prod(), -1, 1)))
    _words = (
        f"lengths {_lengths[0]:.4f} and {_lengths[1]:.4f}, angle {_degrees:.2f} degrees; box {_lengths.prod():.4f}, "
        f"parallelogram {abs(np.linalg.det(jacobian)):.4f}; contrast {contrast:.6f}"
    )
    _alt = f"Coordinate lines of the spiral decoder with its Jacobian's columns, and contrast over radius. {_words}."
    after(guess, mo.Html(svg(_figure, alt=_alt)), mo.md(f"At your point the columns have {_words}."))
    return contrast, jacobian


@app.cell
def _():
    spiral_field = mo.ui.text(placeholder="a formula in s and r", label="c =", full_width=True)
    _text = r"""
    ## 2. The contrast
    The **IMA contrast** of $f$ at $z$ compares two volumes. The parallelepiped spanned by the columns has volume
    $\sqrt{\det A}$ with $A = J^\top J$. A box whose edges are as long as the columns has volume $\prod_k |J_k|$:

    $$c(f, z) = \log \frac{\prod_k |J_k|}{\sqrt{\det A}} = \sum_k \log |J_k| - \tfrac12 \log\det A .$$

    *Hadamard's inequality* (1893) says that the box is never smaller: $c \ge 0$, and $c = 0$ **if and only if the
    columns are orthogonal**. Gram and Schmidt show why: of $|J_k|^2$, only the part orthogonal to the columns before
    it counts in the determinant. IMA stands for *independent mechanism analysis*: if $c = 0$, each latent acts on the
    data in a direction of its own.

    **Exercise 1.** What is the contrast of the spiral at radius $z_1 = r$, as a formula in $s$ and $r$?
    """
    mo.vstack([mo.md(_text), spiral_field])
    return (spiral_field,)


@app.cell
def _(spiral_field):
    spiral_answer = spiral_field.value
    return (spiral_answer,)


@app.cell
def _(spiral_answer):
    def _check(answer):
        s, r = sp.Symbol("s", real=True), sp.Symbol("r", positive=True)
        jacobian = np.array([[1, 0], [s * r, r]], dtype=object)  # along the radius and across it
        decision = is_zero(contrast_of_metric(jacobian.T @ jacobian) - formula(answer, {"s": s, "r": r}))
        return decision.status == "proved", f"Exact test: {decision.detail}."

    spiral_right, _view = exercise(
        spiral_answer,
        _check,
        r"""Along the radius and across it, $J_1 = (1, s r)$ and $J_2 = (0, r)$, so $|J_1|^2 = 1 + s^2r^2$, $|J_2| = r$
        and $\det J = r$: $c = \tfrac12 \log(1 + s^2 r^2)$, typed `log(1 + s^2*r^2)/2`. It does not depend on $z_2$, and
        polar coordinates, $s = 0$, have $c = 0$ everywhere. An orthogonal Jacobian does not make a decoder linear.""",
    )
    _view
    return (spiral_right,)


@app.cell
def _():
    kept_guess = prediction("The changes that you expect to leave c as it was")
    _text = r"""
    ## 3. What leaves it alone
    Do something to the latents before $f$, or to the data after it. By the chain rule the Jacobian is multiplied by a
    matrix, from the right or from the left.

    **What do you expect?** Each latent gets a scale of its own; the latents are swapped, or turned; the data are
    turned, enlarged, stretched in one direction, or inverted at a circle. Which of these leave $c$ as it was?
    """
    mo.vstack([mo.md(_text), kept_guess])
    return (kept_guess,)


@app.cell
def _(contrast, jacobian, kept_guess):
    _c, _s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    _rotation, _across = np.array([[_c, -_s], [_s, _c]]), jacobian[:, 1]  # J₂ is at right angles to x, and as long
    _mirror = 2 * np.outer(_across, _across) / (_across @ _across) - np.eye(2)
    changes = {
        "scale each latent by a function of its own, $z_k = h_k(y_k)$": jacobian @ np.diag([0.3, 2.5]),
        "swap the latents": jacobian[:, ::-1],
        "rotate the latents by 30 degrees": jacobian @ _rotation,
        "rotate the data by 30 degrees": _rotation @ jacobian,
        "make the data three times larger": 3 * jacobian,
        "stretch the first data value by two": np.diag([2.0, 1.0]) @ jacobian,
        "invert the data at the unit circle": _mirror @ jacobian / (_across @ _across),
    }
    _values = np.asarray(contrast_of_jacobian(np.stack(list(changes.values()))))
    _rows = [f"| {name} | {value:.6f} |" for name, value in zip(changes, _values, strict=True)]
    _table = "| change | contrast |\n|:---|---:|\n" + f"| none | {contrast:.6f} |\n" + "\n".join(_rows)
    after(kept_guess, mo.md(_table))
    return (changes,)


@app.cell
def _():
    three_field = mo.ui.text(placeholder="a number, or as log(3)/2", label="c =")
    _text = r"""
    - **The scale of each latent is free**, and so is their order: $c$ sees directions only. A VAE cannot know them
      either.
    - **Mixing the latents is seen**, a rotation too, unless the columns are orthogonal *and* of one length (twist 0,
      radius 1). This is what makes $c$ useful: the likelihood under a normal prior does not see rotations (lesson 2).
    - **Angles in the data matter**: maps that keep angles (rotations, scalings, inversions: *conformal* maps) keep
      $c$; a stretch does not, unless it happens to respect the columns, or restores them.

    With more than two latents, pairs do not tell everything.

    **Exercise 2.** Three columns of length 1, with 60 degrees between any two. What is their contrast?
    """
    mo.vstack([mo.md(_text), three_field])
    return (three_field,)


@app.cell
def _(three_field):
    three_answer = three_field.value
    return (three_answer,)


@app.cell
def _(three_answer):
    def _check(answer):
        columns = np.linalg.cholesky(np.full((3, 3), 0.5) + 0.5 * np.eye(3)).T
        value, c = number(answer), float(contrast_of_jacobian(columns))
        if abs(value + 3 * np.log(np.sin(np.pi / 3))) < 1e-3:
            return False, "That is the sum over the three pairs, which is more."
        return abs(value - c) < 1e-3, f"The library finds {c:.6f}." if abs(value - c) < 1e-3 else r"What is $\det A$?"

    three_right, _view = exercise(
        three_answer,
        _check,
        r"""$A$ has ones on the diagonal and $\tfrac12$ beside it: $\det A = (1 - \tfrac12)^2 (1 + 2\cdot\tfrac12)
        = \tfrac12$ and $c = \tfrac12\log 2 = 0.347$. The sum over pairs is $-3\log\sin 60° = 0.432$: what the second
        column shares with the first is not counted again.""",
    )
    _view
    return (three_right,)


@app.cell
def _():
    random_guess = prediction()
    dimension_slider = mo.ui.slider(steps=list(DIMENSIONS), value=20, label="data dimension $D$", show_value=True)
    _text = r"""
    ## 4. Orthogonal by chance
    Images have thousands of data values. Take a Jacobian whose entries are independent standard normal numbers: its
    columns point in random directions.

    **What do you expect?** For ten latents and more and more data values, does the contrast of such a Jacobian grow or
    shrink?
    """
    mo.vstack([mo.md(_text), random_guess, dimension_slider])
    return dimension_slider, random_guess


@app.cell
def _(dimension_slider):
    data_dim = dimension_slider.value
    return (data_dim,)


@app.cell
def _():
    _symbol = sp.Symbol("D", positive=True)
    expected = sp.lambdify(_symbol, mean_contrast(_symbol, LATENTS), "scipy")
    of_metrics = jax.jit(metric_contrast)
    return expected, of_metrics


@app.cell
def _(data_dim, expected, of_metrics, random_guess):
    _draws = np.random.default_rng(data_dim).standard_normal((SAMPLES, data_dim, LATENTS))
    sampled = np.asarray(of_metrics(jnp.asarray(_draws.mT @ _draws)))
    _grid = np.geomspace(DIMENSIONS[0], DIMENSIONS[-1], 60)
    with style():
        _figure, ((_left, _right),) = subplots(1, 2, width=PAGE, height=2.5, margins=(0.08, 0.17, 0.99, 0.9))
        _left.hist(sampled, bins=24, color=PALETTE[0])
        _left.axvline(expected(data_dim), color=PALETTE[1])
        _left.set(xlabel="contrast", title=f"{SAMPLES} random Jacobians, D = {data_dim}; line: predicted mean")
        _right.plot(_grid, expected(_grid), color=PALETTE[1], linewidth=0.9, label="predicted mean")
        _right.plot(_grid, LATENTS * (LATENTS - 1) / (4 * _grid), ":", color=PALETTE[2], label="d(d − 1)/(4D)")
        _right.plot(data_dim, sampled.mean(), "o", color=PALETTE[0], label="mean of your sample")
        log_axis(_right, "x")
        log_axis(_right)
        _right.set(xlabel="data dimension D")
        _right.legend(loc="lower left")
    _words = f"With D = {data_dim}, the sample's mean is {sampled.mean():.4f}; predicted, {expected(data_dim):.4f}."
    after(random_guess, mo.Html(svg(_figure, alt=f"Contrast of random Jacobians. {_words}")), mo.md(_words))
    return (sampled,)


@app.cell
def _():
    random_field = mo.ui.text(placeholder="a whole number", label="$D$ =")
    _text = r"""
    Random directions in many dimensions are nearly orthogonal. The exact mean is
    $E\,c = \tfrac12 \sum_{k=1}^{d} \left[\psi\left(\tfrac D2\right) - \psi\left(\tfrac{D - k + 1}{2}\right)\right]$,
    with the digamma function $\psi$, and about $d(d-1)/(4D)$ for $D \gg d$. *Why:* of column $k$ the part orthogonal to
    the $k - 1$ before it has a $\chi^2$ square with $D - k + 1$ degrees of freedom, its whole square has $D$, and
    $E \log \chi^2_m = \psi(m/2) + \log 2$. So a small contrast in a high-dimensional data space need not be a merit of
    the model. It should be compared with this number.

    **Exercise 3.** Ten latents. From which $D$ on is the mean contrast of random directions below 0.1? (Ten per cent
    are close enough.)
    """
    mo.vstack([mo.md(_text), random_field])
    return (random_field,)


@app.cell
def _(random_field):
    random_answer = random_field.value
    return (random_answer,)


@app.cell
def _(expected, random_answer):
    def _check(answer):
        value = number(answer, LATENTS, 100_000)
        least = next(D for D in range(LATENTS, 1000) if expected(D) < 0.1)
        return abs(value / least - 1) < 0.1, f"At $D$ = {value:g} the exact mean is {expected(value):.4f}."

    random_right, _view = exercise(
        random_answer,
        _check,
        rf"""$10 \cdot 9/(4D) = 0.1$ gives $D = 225$. The exact mean falls below 0.1 at
        {next(D for D in range(LATENTS, 1000) if expected(D) < 0.1)}.""",
    )
    _view
    return (random_right,)


@app.cell
def _():
    mo.md(r"""
    ## What we have learnt
    - $c(f, z) = \sum_k \log|J_k| - \tfrac12\log\det J^\top J \ge 0$, zero exactly where the columns are orthogonal.
    - It does not see scales, order, or conformal maps of the data. It sees mixing of the latents.
    - With $d$ random columns in $D$ dimensions it is about $d(d-1)/(4D)$ by chance.

    **With a decoder of your own:** `elbogap.ima_contrast(f, z)` for one point or a batch, without storing Jacobians. Do
    not compute $\log\det A$ yourself where columns are nearly orthogonal or nearly dependent: forming $A$ squares the
    condition number (docs/numerics.md has the digits that are lost).

    Lesson 2 met $c$ as the limit of a gap: the divergence of $N(0, \mathrm{diag}(A)^{-1})$, the best encoder, from
    $N(0, A^{-1})$, the posterior. Lessons 4 and 5 show that for nonlinear decoders this remains true.

    ## References
    - L. Gresele, J. von Kügelgen, V. Stimper, B. Schölkopf, M. Besserve: *Independent Mechanism Analysis, a New
      Concept?*, NeurIPS 2021, arXiv 2106.05200, section 4.
    - J. Hadamard: *Résolution d'une question relative aux déterminants*, Bull. Sci. Math. 17 (1893).
    - R. A. Horn, C. R. Johnson: *Matrix Analysis*, Cambridge University Press, section 7.8.
    - `elbogap explain contrast` and `elbogap explain random-directions`: every step decided by machine.
    """)
    return


if __name__ == "__main__":
    app.run()
