"""Lesson 10: what a VAE does to its latents: collapse, variance, rotation.

Notation: data with covariance eigenvalues lam_k; linear decoder x = W z + sqrt(eps) xi, z ~ N(0, I), eps = 1/gamma^2;
encoder N(mu(x), diag sigma^2); M = I + W'W/eps. At the optimum W'W = diag(max(lam_k - eps, 0)), sigma_k^2 = eps/lam_k
and Var mu_k = 1 - eps/lam_k where lam_k > eps, and 1 and 0 where not.
Source: Tipping and Bishop 1999; Lucas et al. 2019; claims ppca, linear-vae and spurious-solutions.
"""

import marimo

app = marimo.App(app_title="What a VAE does to its latents", width="medium")

with app.setup:
    import jax
    import marimo as mo
    import numpy as np
    import sympy as sp

    jax.config.update("jax_enable_x64", True)
    import elbogap
    import jax.numpy as jnp
    from elbogap.lessons.exercises import after, exercise, formula, number, prediction
    from elbogap.report.style import PAGE, PALETTE, style, subplots, svg
    from elbogap.theory.formulas.gaussian import linear_gap_terms
    from elbogap.theory.proof.zero_test import is_zero

    PRESETS = {"noise_var": (2.0, 0.5, 0.2, 0.05, 0.01), "turn": (0, 15, 30, 45, 60, 90)}
    EIGENVALUES = np.array([3.0, 1.0, 0.3, 0.1])
    STEPS = [2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01]
    PAIR, TURNED_AT = np.array([3.0, 0.3]), 0.05


@app.function
def objective(squared, eigenvalue, eps):
    """What the ELBO gains from one column of squared length w^2, with its best encoder, on data of this variance."""
    return -(np.log(squared + eps) + eigenvalue / (squared + eps)) / 2


@app.function
def trained(eigenvalues, eps):
    """(variance of the encoder, variance of its means over the data, mean KL) of each latent, at the best decoder."""
    grid = np.append(0.0, np.geomspace(1e-4, 10, 4000))
    best = grid[np.argmax(objective(grid, eigenvalues[:, None], eps), axis=1)]
    variance = eps / (best + eps)
    of_means = best * eigenvalues / (best + eps) ** 2
    return variance, of_means, (variance + of_means - 1 - np.log(variance)) / 2


@app.function
def turned_loss(turn):
    """How much of the ELBO a turn of the latents costs, by degrees; the likelihood does not change."""
    t = np.radians(turn)
    rotation = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    precision = rotation.T @ np.diag(PAIR / TURNED_AT) @ rotation
    return (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1]) / 2


@app.cell
def _():
    guess = prediction()
    _text = r"""
    # What a VAE does to its latents: collapse, variance, rotation

    *About 30 minutes. Before it: lesson 2, the linear VAE. Useful before lesson 7, where VAEs are trained.*

    You have trained a VAE with four latents, and look at them. One never moves. One has a variance of means of 0.8, not
    1, though the prior's is 1. And a colleague's VAE, with the same likelihood, has other axes. Are these bugs? All
    three are what the ELBO asks for, and in the linear VAE each is a formula.

    ## 1. Collapse

    The data have four independent directions with variances $\lambda = 3, 1, 0.3, 0.1$. The best decoder lays one
    column along each, and its squared length is

    $$|w_k|^2 = \max(\lambda_k - \varepsilon,\, 0) .$$

    *Why:* the model gives that direction the variance $|w_k|^2 + \varepsilon$, and matches the data's, $\lambda_k$. If
    the noise alone is larger, it would need a negative square, and zero is the best it can do.

    With it the best encoder has the variance $\sigma_k^2 = \varepsilon / (|w_k|^2 + \varepsilon)$. *Why:* precisions
    add, $1$ from the prior and $|w_k|^2/\varepsilon$ from the data.

    **What do you expect?** The noise variance goes from 0.01 up to 2. What happens to the smallest latent: does it fade
    for ever, does it end at some noise, or does it jump? And what does its encoder say of every $x$ then?
    """
    mo.vstack([mo.md(_text), guess])
    return (guess,)


@app.cell
def _():
    noise_slider = mo.ui.slider(steps=STEPS, value=0.2, label=r"noise variance $\varepsilon$", show_value=True)
    noise_slider
    return (noise_slider,)


@app.cell
def _(noise_slider):
    noise_var = noise_slider.value
    return (noise_var,)


@app.cell
def _(guess, noise_var):
    variance, of_means, divergence = trained(EIGENVALUES, noise_var)
    active = int(np.sum(divergence > 1e-3))
    _names = [f"λ = {value:g}" for value in EIGENVALUES]
    _alt = (
        f"At noise variance {noise_var:g}: of each latent the encoder's variance and that of its means, which add up "
        f"to one, and its mean KL, {', '.join(f'{value:.2f}' for value in divergence)} nats; {active} of 4 are in use."
    )
    with style():
        _figure, ((_left, _right),) = subplots(1, 2, width=PAGE, height=2.3, margins=(0.06, 0.12, 0.99, 0.87))
        _left.bar(_names, of_means, color=PALETTE[0], width=0.6, label="of the means")
        _left.bar(_names, variance, bottom=of_means, color=PALETTE[1], width=0.6, label="of the encoder")
        _left.set(title="variance", ylim=(0, 1.45))
        _left.legend(loc="upper left", ncols=2)
        _right.bar(_names, divergence, color=PALETTE[2], width=0.6)
        _right.set(title="mean KL to the prior, in nats", ylim=(0, max(3.0, 1.1 * divergence.max())))
    _words = (
        f"At $\\varepsilon$ = {noise_var:g} **{active} of 4** latents are in use. One that is not has variance 1, mean "
        "0 for every $x$, and KL 0: its posterior has *collapsed* to the prior. It ends where $\\varepsilon$ reaches "
        "its $\\lambda$, without a jump: before, its KL is $\\tfrac12\\log(\\lambda_k/\\varepsilon)$, which falls to 0 "
        "with a kink."
    )
    after(guess, mo.Html(svg(_figure, alt=_alt)), mo.md(_words))
    return active, divergence, of_means, variance


@app.cell
def _():
    collapse_field = mo.ui.text(placeholder="a number, or as 1/4", label=r"$\gamma^2$ =")
    _text = r"""
    **Exercise 1.** Below which $\gamma^2 = 1/\varepsilon$ is the latent with $\lambda = 0.3$ not used?
    """
    mo.vstack([mo.md(_text), collapse_field])
    return (collapse_field,)


@app.cell
def _(collapse_field):
    collapse_answer = collapse_field.value
    return (collapse_answer,)


@app.cell
def _(collapse_answer):
    def _check(answer):
        eps = 1 / number(answer, 1e-3, 1e6)
        above, below = (trained(np.array([0.3]), factor * eps)[2][0] for factor in (1.02, 0.98))
        found = (
            f"Its KL is {below:.2g} nats at a $\\gamma^2$ two per cent larger, {above:.2g} at one two per cent smaller."
        )
        return bool(below > 1e-6 >= above), found

    collapse_right, _view = exercise(
        collapse_answer,
        _check,
        r"""$\varepsilon = \lambda$, so $\gamma^2 = 1/0.3 = 3.33$. A latent that your VAE does not use may be no bug:
        with a noise variance that is *fixed* too large, the ELBO is better without it. Let $\gamma$ be learnt, or lower
        it, before you blame the optimiser.""",
    )
    _view
    return (collapse_right,)


@app.cell
def _():
    variance_field = mo.ui.text(placeholder="a number, or as 1 - 1/7", label="variance of the means =")
    _text = r"""
    ## 2. Variance

    In the figure both parts of a column add up to 1, whatever the noise:

    $$\operatorname{Var}_x \mu_k(x) + \sigma_k^2 = 1 .$$

    *Why:* averaged over the data, the encoder's distributions make up the prior, if decoder and encoder are at their
    best; and the variance of a mixture is the mean of the variances plus the variance of the means. So the *means* of a
    latent have a variance below 1. How far below says how sure the encoder is: it is no sign of bad training.

    **Exercise 2.** A latent has $\lambda = 0.3$, and $\varepsilon = 0.05$. Which variance do its means have?
    """
    mo.vstack([mo.md(_text), variance_field])
    return (variance_field,)


@app.cell
def _(variance_field):
    variance_answer = variance_field.value
    return (variance_answer,)


@app.cell
def _():
    # The best encoder by Newton's method on the ELBO: no formula for linear decoders enters.
    _length = np.sqrt(0.3 - 0.05)
    _model = elbogap.LatentModel(lambda z: _length * z, 1, noise_var=0.05)
    _found = elbogap.optimal_encoder(_model, jnp.array([np.sqrt(0.3)]), start=jnp.zeros(1))
    measured_variance = float(_found.mean[0] ** 2)  # the mean is linear in x, and x has the variance 0.3
    return (measured_variance,)


@app.cell
def _(measured_variance, variance_answer):
    def _check(answer):
        value = number(answer)
        hint = "That is the encoder's own variance." if abs(value - 1 / 6) < 1e-3 else "What do both add up to?"
        right = abs(value - measured_variance) < 2e-3
        return right, f"The library's search for the encoder finds {measured_variance:.6f}." if right else hint

    variance_right, _view = exercise(
        variance_answer,
        _check,
        r"""$\sigma^2 = \varepsilon/\lambda = 1/6$, so the means have $1 - 1/6 = 0.833$.""",
    )
    _view
    return (variance_right,)


@app.cell
def _():
    turn_guess = prediction()
    _text = r"""
    ## 3. Rotation

    Two latents are left, $\lambda = 3$ and $0.3$, at $\varepsilon = 0.05$. Turn them: $W$ becomes $W R$, with a
    rotation $R$. The prior is round, so the data's distribution stays the same, and with it the likelihood. Let the
    encoder be the best for the turned decoder; it must keep its coordinates independent.

    **What do you expect** of the ELBO: unchanged as well, or smaller? At which angle is it worst?
    """
    mo.vstack([mo.md(_text), turn_guess])
    return (turn_guess,)


@app.cell
def _():
    turn_slider = mo.ui.slider(start=0, stop=90, step=5, value=30, label="turn (degrees)", show_value=True)
    turn_slider
    return (turn_slider,)


@app.cell
def _(turn_slider):
    turn = turn_slider.value
    return (turn,)


@app.cell
def _(turn, turn_guess):
    loss = turned_loss(turn)
    _angles = np.arange(0, 91)
    _curve = [turned_loss(one) for one in _angles]
    _t, _around = np.radians(turn), np.linspace(0, 2 * np.pi, 121)
    _back = np.array([[np.cos(_t), np.sin(_t)], [-np.sin(_t), np.cos(_t)]])
    _deviations = np.sqrt(TURNED_AT / PAIR)
    _posterior = _back @ (_deviations[:, None] * np.array([np.cos(_around), np.sin(_around)]))
    _own = 1 / np.sqrt(np.diag(_back @ np.diag(PAIR / TURNED_AT) @ _back.T))
    _alt = (
        f"At a turn of {turn} degrees: the posterior, an ellipse, and the encoder's, whose axes stay upright; and the "
        f"ELBO lost over the turn, {loss:.3f} nats here and {max(_curve):.3f} at 45 degrees."
    )
    with style():
        _figure, ((_left, _right),) = subplots(1, 2, width=PAGE, height=2.6, margins=(0.07, 0.17, 0.99, 0.88))
        _left.plot(*_posterior, color=PALETTE[0], label="posterior")
        _left.plot(_own[0] * np.cos(_around), _own[1] * np.sin(_around), "--", color=PALETTE[1], label="best encoder")
        _left.set(xlim=(-0.75, 0.75), ylim=(-0.5, 0.75), aspect="equal", title="one standard deviation")
        _left.legend(loc="upper center", ncols=2)
        _right.plot(_angles, _curve, color=PALETTE[0])
        _right.plot(turn, loss, "o", color=PALETTE[1])
        _right.set(xlabel="turn (degrees)", title="ELBO lost, in nats", xticks=[0, 15, 30, 45, 60, 75, 90])
    _words = (
        f"At {turn}° the best ELBO is {loss:.4f} nats below the log-likelihood. An upright ellipse that may not leave "
        "a tilted one gets too small: the encoder *pays* for every correlation of the posterior."
    )
    after(turn_guess, mo.Html(svg(_figure, alt=_alt)), mo.md(_words))
    return (loss,)


@app.cell
def _():
    turned_field = mo.ui.text(placeholder="a formula in a and b", label="loss =", full_width=True)
    _text = r"""
    **Exercise 3.** Let the posterior's precisions be $a$ and $b$ before the turn. The loss is

    $$\tfrac12 \sum_k \log M_{kk} - \tfrac12 \log\det M ,$$

    *why:* the best independent Gaussian has the precisions $M_{kk}$, and the KL between two Gaussians of one mean is
    what is left of their determinants. Which formula is it at 45 degrees?
    """
    mo.vstack([mo.md(_text), turned_field])
    return (turned_field,)


@app.cell
def _(turned_field):
    turned_answer = turned_field.value
    return (turned_answer,)


@app.cell
def _(turned_answer):
    def _check(answer):
        a, b = sp.symbols("a b", positive=True)
        half = sp.Rational(1, 2)
        metric = np.array([[(a + b) * half - 1, (b - a) * half], [(b - a) * half, (a + b) * half - 1]], dtype=object)
        decision = is_zero(sum(linear_gap_terms(metric, sp.Integer(1)).values()) - formula(answer, {"a": a, "b": b}))
        return decision.status == "proved", f"Exact test: {decision.detail}."

    turned_right, _view = exercise(
        turned_answer,
        _check,
        r"""At 45 degrees $M_{11} = M_{22} = \tfrac12(a + b)$, and the determinant stays $ab$: the loss is
        $\log\frac{a + b}{2} - \tfrac12\log(ab)$, typed `log((a + b)/2) - log(ab)/2`. It is zero for $a = b$: latents of
        *equal* precision can be turned at no cost, and then nothing chooses their axes.""",
    )
    _view
    return (turned_right,)


@app.cell
def _():
    mo.md(r"""
    ## 4. In your own model

    | what you see | what it means | the number to look at |
    |---|---|---|
    | a latent with mean 0 and variance 1 for every $x$ | $\varepsilon$ is above what it could explain | its KL |
    | means with a variance below 1 | the encoder is unsure: $\sigma^2$ is the rest | the sum of both |
    | other axes in every run | precisions are equal, or the contrast is small | the contrast, the loss over turns |

    For a decoder that bends, the same happens at every point: $W'W$ is the metric $J^\top J$ there, and the loss tends
    to the IMA contrast as $\varepsilon \to 0$ (lesson 5). `elbogap audit FILE.py:NAME --latent-dim 4` reads it off your
    model: which latents are inactive, which are entangled, and below which noise variance the limit is reached.

    ## What we have learnt

    - A latent collapses when the noise variance exceeds what it explains. That is an optimum, not a failure.
    - The variance of the means and the encoder's variance share the prior's 1 between them.
    - Turning the latents leaves the likelihood alone and costs the ELBO, unless their precisions are equal. This is how
      a VAE chooses axes.

    ## References

    - M. Tipping, C. Bishop: *Probabilistic Principal Component Analysis*, J. R. Stat. Soc. B 61 (1999), 611.
    - J. Lucas et al.: *Don't Blame the ELBO!*, NeurIPS 2019, arXiv 1911.02469: collapse in linear VAEs.
    - M. Rolínek et al.: *Variational Autoencoders Pursue PCA Directions (by Accident)*, CVPR 2019, arXiv 1812.06775.
    - `elbogap explain ppca`, `elbogap explain linear-vae`, `elbogap explain spurious-solutions`.
    """)
    return


if __name__ == "__main__":
    app.run()
