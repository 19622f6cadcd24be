"""Lesson 6: why rotations matter. Equal likelihood, different ELBO: rotated priors, swirls, and Darmois' construction.

Notation: z ~ N(0, I) in the plane, x given z is N(f(z), eps I); a map a of the latents preserves the prior if a(z) is
N(0, I) again. R(t) turns by the angle t; a swirl turns by an angle that depends on the length of z. c is the IMA
contrast. The decoder is f(z) = 2 exp(p z1) (cos(r p z2), sin(r p z2)), p = .35: columns orthogonal, lengths as 1 : r.
Source: claim spurious-solutions; Hyvarinen and Pajunen 1999; Gresele et al. 2021; Reizinger et al. 2022.
"""

import marimo

app = marimo.App(app_title="Why rotations matter", width="medium")

with app.setup:
    from functools import partial

    import jax
    import jax.numpy as jnp
    import marimo as mo
    import numpy as np
    import sympy as sp

    jax.config.update("jax_enable_x64", True)
    import elbogap
    from elbogap.lessons.exercises import Unreadable, after, exercise, formula, number, prediction
    from elbogap.numerics.contrast import contrast_of_jacobian
    from elbogap.numerics.families.plane import Polar
    from elbogap.numerics.gap import measure_gap
    from elbogap.numerics.special.darmois_contrast import darmois_contrast, rotated_density
    from elbogap.report.style import PAGE, PALETTE, style, subplots, svg
    from elbogap.theory.formulas.contrast import contrast_of_metric
    from elbogap.theory.proof.zero_test import is_zero

    PRESETS = {"angle": (0, 30, 45, 90), "twist": (0.0, 0.3, 0.6), "mixing": (0, 15, 45)}
    SCALE, RATE, RATIO = 2.0, 0.35, 2.0
    POINTS = np.array([[0.6, -0.3], [-0.8, 0.5], [0.2, 0.9], [-0.4, -0.7]])
    NOISES, ANGLES = 10.0 ** -np.array([3.0, 4.0, 5.0]), np.arange(91)
    LINES, ALONG = np.linspace(-1.5, 1.5, 7), np.linspace(-1.5, 1.5, 41)

    def decoder(z, ratio=RATIO):
        """f(z), polar coordinates of the plane."""
        return Polar(jnp.array(SCALE), jnp.array(RATE), jnp.array(RATE) * ratio)(z)

    def turned(angle, z):
        """R(angle) z."""
        c, s = jnp.cos(angle), jnp.sin(angle)
        return jnp.stack([c * z[0] - s * z[1], s * z[0] + c * z[1]])

    def remixed(angle, twist):
        """f o a with a(y) = R(angle + twist |y|^2 / 2) y."""
        return lambda y: decoder(turned(angle + twist * (y @ y) / 2, y))

    def preimage(angle, twist, z):
        """a^-1(z): a keeps lengths, so the angle is known."""
        return turned(-angle - twist * (z @ z) / 2, z)

    @partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def measure(angle, twist):
        """log p, its error bound, and the gap of f o a at the observations f(z); points by noises."""

        def at(z, eps):
            model = elbogap.LatentModel(remixed(angle, twist), 2, noise_var=eps)
            found = measure_gap(model, decoder(z), start=preimage(angle, twist, z))
            return found.log_likelihood, found.log_likelihood_error, found.gap

        grid = jnp.repeat(POINTS, len(NOISES), axis=0), jnp.tile(NOISES, len(POINTS))
        return [part.reshape(len(POINTS), len(NOISES)) for part in jax.vmap(at)(*grid)]

    @jax.jit
    def contrasts(angles, twist):
        """The contrast of f o a at the preimages of the observations; angles by points."""

        def at(angle, z):
            return elbogap.ima_contrast(remixed(angle, twist), preimage(angle, twist, z))

        return jax.vmap(lambda angle: jax.vmap(lambda z: at(angle, z))(POINTS))(angles)

    @jax.jit
    def grid_lines(angle, twist):
        """The images of the coordinate lines of the latents under f o a; lines by points by two coordinates."""
        first = jnp.stack(jnp.meshgrid(LINES, ALONG, indexing="ij"), axis=-1)
        return [jax.vmap(jax.vmap(remixed(angle, twist)))(lines) for lines in (first, first[..., ::-1])]


@app.function
def draw(lines, curve, angle, measured):
    """Left: latent coordinate lines in the data. Right: the mean contrast over angles, and what the ELBO loses."""
    with style():
        figure, ((left, right),) = subplots(1, 2, width=PAGE, height=2.7, margins=(0.03, 0.16, 0.98, 0.9))
        for family, color in zip(lines, PALETTE[:2], strict=True):
            for line in np.asarray(family):
                left.plot(line[:, 0], line[:, 1], color=color, linewidth=0.8)
        left.set(aspect="equal", xticks=[], yticks=[], title="x-space: y₁ constant (blue), y₂ constant (orange)")
        left.grid(False)
        right.plot(ANGLES, curve, color=PALETTE[0], label="mean contrast of f∘a")
        right.plot(angle, measured, "s", color=PALETTE[1], markersize=6, label="measured loss of ELBO, ε = 10⁻⁵")
        right.set(xlabel="angle (degrees)", ylim=(-0.02, max(0.5, 1.35 * float(np.max(curve)))))
        right.legend(loc="upper right")
    return figure


@app.function
def draw_darmois(values):
    """The contrast of the Darmois decoder at many points, sorted."""
    with style():
        figure, ((axes,),) = subplots(1, 1, width=PAGE, height=2.0, margins=(0.09, 0.2, 0.99, 0.9))
        axes.plot(np.linspace(0, 100, len(values)), np.sort(values), color=PALETTE[0], label="Darmois")
        axes.axhline(0.0, color=PALETTE[1], linewidth=0.9, label="truth")
        axes.set(xlabel="per cent of the points", title="contrast at 200 points, sorted", ylim=(-0.02, 0.6))
        axes.legend(loc="upper left")
    return figure


@app.cell
def _():
    map_field = mo.ui.text(placeholder="such as z1 + z2; z2", label="$a_1; a_2$ =", full_width=True)
    _text = r"""
    # Why rotations matter
    *About 30 minutes. Before it: the contrast (lesson 3), the limit (lesson 5).*

    A generative model is fitted by its likelihood, but we often want more than a density: we want the *sources*, the
    coordinates in which the data came about. Can the likelihood find them? This lesson shows that it cannot, by
    construction of its rivals; and that the ELBO, which is only a *bound* of the likelihood, can tell them apart.

    ## 1. What the likelihood cannot see
    Let $a$ be a map of the latent space onto itself that *preserves the prior*: if $z \sim N(0, I)$, then
    $a(z) \sim N(0, I)$. Then $f$ and $f \circ a$ turn the same noise into the same data distribution, for every
    $\varepsilon$. No amount of data separates them. Rotations preserve $N(0, I)$; that is the reason why factor
    analysis has a rotation problem. In nonlinear models there are many more such maps.

    **Exercise 1.** Give a *nonlinear* map of the plane that preserves $N(0, I)$: its two coordinates as formulas in
    `z1` and `z2`, with a semicolon between. It is enough to keep $|z|^2$ and the volume; the checker tests both
    exactly. (Hint: a rotation keeps both. What if its angle is not the same everywhere?)
    """
    mo.vstack([mo.md(_text), map_field])
    return (map_field,)


@app.cell
def _(map_field):
    map_answer = map_field.value
    return (map_answer,)


@app.cell
def _(map_answer):
    def _check(answer):
        z = sp.symbols("z1 z2", real=True)
        parts = answer.split(";")
        if len(parts) != 2:
            raise Unreadable("Two formulas are expected, with a semicolon between.")
        image = sp.Matrix([formula(part, {"z1": z[0], "z2": z[1]}) for part in parts])
        length = is_zero(image.dot(image) - z[0] ** 2 - z[1] ** 2)
        volume = is_zero(image.jacobian(z).det() ** 2 - 1)
        if length.status != "proved" or volume.status != "proved":
            lost, why = ("|z|^2", length) if length.status != "proved" else ("the volume", volume)
            return False, f"Your map does not keep {lost}: {why.detail}.".replace("|z|^2", "$|z|^2$")
        if all(is_zero(sp.diff(part, s, t)).status == "proved" for part in image for s in z for t in z):
            return False, "It preserves the prior, but it is linear."
        return True, f"It keeps $|z|^2$ and the volume ({volume.detail}), and it is not linear."

    _solution = r"""Turn by an angle that depends on the length only, a *swirl*. With the angle $|z|^2$:
    `z1*cos(z1^2+z2^2) - z2*sin(z1^2+z2^2); z1*sin(z1^2+z2^2) + z2*cos(z1^2+z2^2)`. Every circle about the origin turns
    as a whole, so lengths and areas stay. A map such as `2*z1; z2/2` keeps the volume only, and changes the density."""
    map_right, _view = exercise(map_answer, _check, _solution)
    _view
    return (map_right,)


@app.cell
def _():
    angle_slider = mo.ui.slider(start=0, stop=90, step=5, value=30, label="angle (degrees)", show_value=True)
    twist_slider = mo.ui.slider(start=0.0, stop=0.6, step=0.1, value=0.0, label="twist of the swirl", show_value=True)
    _text = r"""
    ## 2. What the ELBO sees
    Our truth is a decoder with orthogonal columns, polar coordinates with a logarithmic radius:

    $$f(z) = 2\, e^{p z_1} \begin{pmatrix} \cos(2 p z_2) \\ \sin(2 p z_2) \end{pmatrix}, \qquad p = 0.35 .$$

    One latent moves a point outwards, the other around; $c(f) = 0$ everywhere. Its rival is $f \circ a$, where
    $a(y)$ turns $y$ by the angle below, plus twist times $|y|^2/2$. The observations are four points $x$, the same
    for both decoders.

    **Predict.** The angle goes from 0 to 90 degrees. Where does the ELBO of the rival fall short of the truth's most,
    and where does it agree? What does $\log p_\varepsilon(x)$ do meanwhile? Sketch both, then move the sliders.
    """
    guess = prediction()
    mo.vstack([mo.md(_text), guess, angle_slider, twist_slider])
    return angle_slider, guess, twist_slider


@app.cell
def _(angle_slider):
    angle = angle_slider.value
    return (angle,)


@app.cell
def _(twist_slider):
    twist = twist_slider.value
    return (twist,)


@app.cell
def _():
    truth = [np.asarray(part) for part in measure(0.0, 0.0)]
    return (truth,)


@app.cell
def _(angle, truth, twist):
    _rival = [np.asarray(part) for part in measure(float(np.radians(angle)), float(twist))]
    likelihood_change = np.abs(_rival[0] - truth[0]).max(axis=0)
    error_bound = (_rival[1] + truth[1]).max(axis=0)
    elbo_loss = (_rival[2] - truth[2]).mean(axis=0)  # the likelihoods agree, so the gaps' difference is the ELBOs'
    curve = np.asarray(contrasts(np.radians(ANGLES), float(twist))).mean(axis=1)
    return curve, elbo_loss, error_bound, likelihood_change


@app.cell
def _(angle, curve, elbo_loss, error_bound, guess, likelihood_change, twist):
    _lines = grid_lines(float(np.radians(angle)), float(twist))
    _alt = f"""Coordinate lines of the rival's latents in the data, and its mean contrast over angles; angle {angle}
    degrees, twist {twist:g}: contrast {curve[angle]:.4f}, measured loss of ELBO {elbo_loss[-1]:.4f}."""
    _head = r"| $\varepsilon$ | change of $\log p_\varepsilon$ | its error bound | loss of $\mathrm{ELBO}^*$ |"
    _rows = zip(NOISES, likelihood_change, error_bound, elbo_loss, strict=True)
    _table = "\n".join("| {:.0e} | {:.1e} | {:.0e} | {:.6f} |".format(*row) for row in _rows)
    _words = f"The mean contrast of the rival is {curve[angle]:.6f}; the truth's is 0."
    _figure = mo.Html(svg(draw(_lines, curve, angle, elbo_loss[-1]), alt=_alt))
    after(guess, _figure, mo.md(f"{_head}\n|---|---|---|---|\n{_table}\n\n{_words}"))
    return


@app.cell
def _():
    formula_field = mo.ui.text(placeholder="a formula in r and t", label="$c$ =", full_width=True)
    _text = r"""
    The likelihood moves by no more than the error of its measurement. The ELBO loses the contrast of the rival: in the
    picture, blue and orange lines cross at right angles for the truth, and do not for the rival. By the theorem each
    $\mathrm{ELBO}^*$ is $\log p$ less a contrast in the limit, and $\log p$ is the same for both:

    $$\mathrm{ELBO}^*(f \circ a) - \mathrm{ELBO}^*(f) \;\longrightarrow\; c(f) - c(f \circ a) .$$

    At 90 degrees and without a twist the latents have only changed places, and nothing is lost.

    ## 3. The landscape, by hand

    Let the columns of $J$ be orthogonal, of lengths $1$ and $r$. Rotating the latents by $t$ gives the Jacobian
    $J R(t)$.

    **Exercise 2.** What is its contrast, as a formula in $r$ and $t$? (Norms of the two columns; the determinant does
    not change.) The checker uses an exact zero test.
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
        r, t = sp.Symbol("r", positive=True), sp.Symbol("t", real=True)
        jacobian = sp.diag(1, r) * sp.Matrix([[sp.cos(t), -sp.sin(t)], [sp.sin(t), sp.cos(t)]])
        metric = np.array((jacobian.T * jacobian).tolist(), dtype=object)
        decision = is_zero(contrast_of_metric(metric) - formula(answer, {"r": r, "t": t}))
        return decision.status == "proved", f"The exact zero test of the difference says: {decision.detail}."

    _at_45 = 0.5 * np.log(1 + (RATIO**2 - 1) ** 2 / (4 * RATIO**2))
    formula_right, _view = exercise(
        formula_answer,
        _check,
        rf"""The columns of $J R(t)$ have the squared lengths $\cos^2 t + r^2 \sin^2 t$ and $\sin^2 t + r^2 \cos^2 t$,
        the determinant is $r$. So
        $c = \tfrac12\log\bigl[(\cos^2 t + r^2\sin^2 t)(\sin^2 t + r^2\cos^2 t)/r^2\bigr]$, which is
        $\tfrac12 \log\bigl(1 + (r - 1/r)^2 \sin^2 t \cos^2 t\bigr)$, typed
        `log(1 + (r - 1/r)^2 * sin(t)^2 * cos(t)^2)/2`. For $r = {RATIO:g}$ its maximum,
        at 45 degrees, is {_at_45:.4f}.""",
    )
    _view
    return (formula_right,)


@app.cell
def _():
    ratio_field = mo.ui.text(placeholder="a positive number", label="$r$ =")
    _text = r"""
    ## 4. What even the ELBO cannot see

    **Exercise 3.** There is one ratio $r$ of the columns' lengths for which *every* rotated rival has the same limit
    of the ELBO as the truth. Which? The checker measures the contrast of $f \circ R(t)$ for our decoder with that
    ratio, at 91 angles.
    """
    mo.vstack([mo.md(_text), ratio_field])
    return (ratio_field,)


@app.cell
def _(ratio_field):
    ratio_answer = ratio_field.value
    return (ratio_answer,)


@app.cell
def _(ratio_answer):
    def _largest(ratio):
        jacobian = np.asarray(jax.jacfwd(lambda z: decoder(z, ratio))(jnp.asarray(POINTS[0])))
        turns = [np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) for t in np.radians(ANGLES)]
        return float(np.max(contrast_of_jacobian(jacobian @ np.stack(turns))))

    def _check(answer):
        worst = _largest(number(answer, 0.05, 20))
        return worst < 1e-9, f"The largest contrast over all angles is {worst:.2g}."

    _solution = r"""$r = 1$. Orthogonal columns of equal length make $f$ *conformal*, and a conformal map after a
    rotation is conformal again: $c = 0$ for all angles. Conformal maps are the known exception. The swirl is not
    conformal, so $f$ after a swirl has $c > 0$ even then."""
    ratio_right, _view = exercise(ratio_answer, _check, _solution)
    _view
    return (ratio_right,)


@app.cell
def _():
    darmois_guess = prediction()
    mixing_slider = mo.ui.slider(start=0, stop=45, step=5, value=15, label="mixing angle (degrees)", show_value=True)
    _text = r"""
    ## 5. A rival from the data alone

    Rotations and swirls start from the truth. Darmois' construction starts from nothing but the density of $x$: take
    $u_1 = F(x_1)$ and $u_2 = F(x_2 \mid x_1)$, the distribution functions one after the other. Both are uniform and
    independent, whatever the truth; a normal quantile makes them $N(0, 1)$. Turned round, this is a decoder with
    exactly the density of $x$: *independent coordinates always exist*, and independence alone identifies nothing.

    Its Jacobian is triangular, so its contrast is positive unless $x_2$ does not depend on $x_1$. The truth here is
    $x = R(\text{angle})\,(h(s_1), h(s_2))$ with $h(s) = \mathrm{sinh}(0.6\, s)/0.6$, and has $c = 0$.

    **Predict** the picture at a mixing angle of 0, and at 45 degrees.
    """
    mo.vstack([mo.md(_text), darmois_guess, mixing_slider])
    return darmois_guess, mixing_slider


@app.cell
def _(mixing_slider):
    mixing = mixing_slider.value
    return (mixing,)


@app.cell
def _(darmois_guess, mixing):
    _bend, _count = 0.6, 200
    _y = np.sinh(_bend * np.random.default_rng(0).standard_normal((_count, 2))) / _bend
    _c, _s = np.cos(np.radians(mixing)), np.sin(np.radians(mixing))
    _density = rotated_density(np.full(_count, np.radians(mixing)), np.full((_count, 2), _bend))
    darmois = darmois_contrast(_density, _y @ np.array([[_c, _s], [-_s, _c]]))
    _words = f"""At a mixing angle of {mixing} degrees the Darmois decoder's mean contrast is {darmois.mean():.4f}, its
    largest {darmois.max():.3f}; the truth's is 0. That is what the ELBO has against it, at small noise."""
    _figure = mo.Html(svg(draw_darmois(darmois), alt=f"Contrast of Darmois' decoder. {_words}"))
    after(darmois_guess, _figure, mo.md(_words))
    return (darmois,)


@app.cell
def _():
    _entangled = np.diag([1.4, 0.7]) @ np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
    _factor = np.linalg.cholesky(_entangled @ _entangled.T)
    entangled_contrasts = [float(contrast_of_jacobian(matrix)) for matrix in (_entangled, _factor)]
    mo.md(rf"""
    *Careful.* It is tempting to say: Darmois' decoder always has the larger contrast. That is false. Take the linear
    truth $x = \mathrm{{diag}}(1.4, 0.7)\, R(45^\circ)\, z$. Its contrast is {entangled_contrasts[0]:.3f}; the Darmois
    decoder of the same data has {entangled_contrasts[1]:.3f}. There the ELBO prefers Darmois. *The argument needs a
    truth with contrast zero*: that is the principle of **independent mechanism analysis**, that sources act on the data
    through orthogonal directions. It is an assumption about the world, not a theorem.

    ## What we have learnt

    - Likelihood cannot identify sources: maps that preserve the prior, and Darmois, give rivals of equal likelihood.
    - The optimal ELBO of a nearly deterministic VAE ranks them by contrast: $\mathrm{{ELBO}}^* \approx \log p - c$.
    - If the truth has orthogonal columns, no rival beats it; conformal maps after rotations tie with it.
    - If the truth has $c > 0$, some rival may beat it. Then the VAE is drawn *away* from the sources.

    ## References
    - A. Hyvärinen, P. Pajunen: *Nonlinear independent component analysis: existence and uniqueness results*, Neural
      Networks 12 (1999): Darmois' construction, and rotations.
    - L. Gresele et al.: *Independent mechanism analysis, a new concept?*, NeurIPS 2021, arXiv 2106.05200: the contrast.
    - P. Reizinger et al., NeurIPS 2022, arXiv 2206.02416: the ELBO does this by itself. Every statement above about
      rivals is tested by `elbogap verify spurious-solutions`.
    - F. Locatello et al.: *Challenging common assumptions in the unsupervised learning of disentangled
      representations*, ICML 2019, Theorem 1.
    - M. Rolinek, D. Zietlow, G. Martius: *Variational autoencoders pursue PCA directions (by accident)*, CVPR 2019.
    """)
    return (entangled_contrasts,)


if __name__ == "__main__":
    app.run()
