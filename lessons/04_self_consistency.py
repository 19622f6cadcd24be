"""Lesson 4: self-consistency: the best encoder inverts the decoder, how fast, and what follows for the ELBO.

Notation: f(z) = (a z1 + b/2 tanh z2, c z2 + 2b/5 sin z1) with parameters (a, c, b); z ~ N(0, prior_std^2 I), x = f(g)
with noise variance eps = 1/gamma^2; J the Jacobian at g, A = J'J, s_k = 1/A_kk; the best encoder has mean
mu* = g + eps m + O(eps^2) and variances sigma_k^2 = eps s_k + eps^2 t_k + O(eps^3).
Source: Reizinger et al. 2022, Proposition 1; m and t: claims encoder-mean and encoder-variance.
"""

import marimo

app = marimo.App(app_title="Self-consistency: the encoder inverts the decoder", width="medium")

with app.setup:
    import marimo as mo
    import numpy as np

    import jax  # isort: skip

    jax.config.update("jax_enable_x64", True)
    import elbogap
    import jax.numpy as jnp
    from elbogap.lessons.exercises import after, exercise, number, prediction
    from elbogap.report.style import PAGE, PALETTE, log_axis, noise_axis, style, subplots, svg

    PRESETS = {"noise_var": (1.0, 0.1, 0.01), "position": (-1.5, 0.0, 0.7, 1.5), "prior_std": (0.5, 1.0, 4.0)}
    BENT, LINEAR = (1.0, 1.3, 1.0), (2.0, 1.0, 0.0)
    LADDER = 10.0 ** -np.arange(0, 5.25, 0.75)
    GRID = np.stack(np.meshgrid(np.linspace(-1.8, 1.8, 7), np.linspace(-1.8, 1.8, 7)), axis=-1).reshape(-1, 2)
    STEPS, SECOND = [1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001], -0.4


@app.function
def decode(parameters, z):
    """f(z); one-to-one for the parameters of this lesson."""
    a, c, b = parameters
    return jnp.stack([a * z[0] + 0.5 * b * jnp.tanh(z[1]), c * z[1] + 0.4 * b * jnp.sin(z[0])])


@app.cell
def _():
    # Compiled once: decoder, prior, points and noise variances are arguments of the programs.
    def _model(parameters, prior_std, eps):
        prior = elbogap.Normal(scale=prior_std)
        return elbogap.LatentModel(lambda z: decode(parameters, z), 2, prior=prior, noise_var=eps)

    @jax.jit
    def _encode(parameters, prior_std, points, noise):
        def one(g, eps):
            found = elbogap.optimal_encoder(_model(parameters, prior_std, eps), decode(parameters, g), start=g)
            return found.mean, found.std

        return jax.vmap(one)(points, noise)

    def encode(parameters, prior_std, points, noise):
        """Mean and standard deviations of the best encoder of each f(point); always the same number of them."""
        spare = len(GRID) - len(points)
        points, noise = np.pad(points, ((0, spare), (0, 0))), np.pad(noise, (0, spare), constant_values=1.0)
        return map(np.asarray, _encode(parameters, float(prior_std), jnp.asarray(points), jnp.asarray(noise)))

    @jax.jit
    def predict(parameters, prior_std, g):
        terms = elbogap.expansion(_model(parameters, prior_std, 1.0), g)
        return terms.mean_shift, terms.variance, terms.variance_correction, terms.contrast

    return encode, predict


@app.cell
def _():
    arrows_guess = prediction()
    _text = r"""
    # Self-consistency: the encoder inverts the decoder

    *About 30 minutes. Before it: lessons 1 to 3.*

    Decoder and encoder are two networks. The decoder maps latents to data; the encoder guesses latents from data.
    Nothing in the ELBO says that one must be the inverse of the other. Yet in practice $\mu(f(z)) \approx z$, and work
    on VAEs has long assumed it. When is it true, and how nearly?

    Take a decoder that is one-to-one, and give the encoder all freedom: for every $x$ the *best* Gaussian with
    independent coordinates, as in lesson 2. **Self-consistency** is the statement that for small noise

    $$\mu^*(x) \to f^{-1}(x), \qquad \sigma_k^*(x)^2 \to 0 .$$

    Our decoder is $f(z) = \left(z_1 + \tfrac12 \tanh z_2,\ 1.3\, z_2 + 0.4 \sin z_1\right)$.

    ## 1. There and back

    The figure takes points $g$ of a grid (dots), decodes them to $x = f(g)$, and encodes $x$. An arrow leads from $g$
    to $\mu^*(x)$. If the encoder were the inverse, there would be no arrows.

    **What do you expect?** At large noise, where do the arrows point, and where are they longest: near the middle, or
    far out? The noise goes down by a factor of ten. By which factor do the arrows become shorter?
    """
    mo.vstack([mo.md(_text), arrows_guess])
    return (arrows_guess,)


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
    prior_slider = mo.ui.slider(
        steps=[0.5, 0.7, 1.0, 1.5, 2.0, 4.0], value=1.0, label="standard deviation of the prior", show_value=True
    )
    prior_slider
    return (prior_slider,)


@app.cell
def _(prior_slider):
    prior_std = prior_slider.value
    return (prior_std,)


@app.cell
def _():
    position_slider = mo.ui.slider(-1.8, 1.8, 0.1, value=0.7, label="first latent $g_1$", show_value=True)
    return (position_slider,)


@app.cell
def _(position_slider):
    position = round(position_slider.value, 1)
    return (position,)


@app.cell
def _(arrows_guess, encode, noise_var, prior_std):
    _means, _ = encode(BENT, prior_std, GRID, np.full(len(GRID), noise_var))
    moves = _means[: len(GRID)] - GRID
    _lengths = np.linalg.norm(moves, axis=1)
    with style():
        _figure, ((_axes,),) = subplots(width=4.2, height=3.6, margins=(0.12, 0.12, 0.99, 0.98))
        _axes.plot(*GRID.T, ".", color=PALETTE[1])
        _axes.quiver(*GRID.T, *moves.T, angles="xy", scale_units="xy", scale=1, width=0.004, color=PALETTE[0])
        _axes.set(xlabel="z₁", ylabel="z₂", xlim=(-2.4, 2.4), ylim=(-2.1, 2.1), aspect="equal")
    _words = (
        f"At noise variance {noise_var:g} and prior deviation {prior_std:g} the encoder misses $g$ by "
        f"{_lengths.mean():.5f} on average, and by {_lengths.max():.5f} at most."
    )
    after(arrows_guess, mo.Html(svg(_figure, alt=f"Arrows from latents to their encodings. {_words}")), mo.md(_words))
    return (moves,)


@app.cell
def _():
    linear_field = mo.ui.text(placeholder="a number, or as -2/3", label="limit =")
    _text = r"""
    ## 2. How fast, and why at all

    The arrows point to the middle, and are longest far out. For small noise they shrink in proportion to it: $\mu^* =
    g + \varepsilon\, m + O(\varepsilon^2)$, with

    $$m = A^{-1} b, \qquad b_j = \frac{\partial \log p_0}{\partial z_j} - \tfrac12\, J_j \cdot \sum_k s_k H_{kk} -
      \sum_k s_k\, J_k \cdot H_{kj},$$

    where $H_{kj}$ are the second derivatives of $f$ and $s_k = 1/A_{kk}$. *Why:* put $\mu = g + \varepsilon m$ and
    variances $\varepsilon s_k$ into the ELBO. The mean reconstruction misses $x$ by $\varepsilon\, r$ with $r = J m +
    \tfrac12 \sum_k s_k H_{kk}$, and around it reconstructions have the variance $\varepsilon \sum_k s_k |J_k(\mu)|^2$.
    What depends on $m$ is $\varepsilon$ times

    $$m \cdot \nabla\log p_0 - \tfrac12 |r|^2 - \sum_{j,k} s_k\, J_k \cdot H_{kj}\, m_j,$$

    and a zero derivative in $m_j$ reads $(A m)_j = b_j$.

    Two causes: the **prior** pulls towards where it is large, and the **bend** of the decoder makes the posterior
    lopsided (lesson 1). With a prior of deviation 4 the pull is nearly gone; look at the arrows then.

    **Exercise 1.** Without bend: $f(z) = (2 z_1, z_2)$, standard normal prior, $g = (1, -0.4)$. What is the limit of
    $(\mu_1^* - g_1)/\varepsilon$?
    """
    mo.vstack([mo.md(_text), linear_field])
    return (linear_field,)


@app.cell
def _(linear_field):
    linear_answer = linear_field.value
    return (linear_answer,)


@app.cell
def _(encode, linear_answer):
    def _check(answer):
        value, eps = number(answer), 1e-5
        mean, _ = encode(LINEAR, 1.0, np.array([[1.0, SECOND]]), np.array([eps]))
        slope = (mean[0, 0] - 1.0) / eps
        if abs(value - slope) < 2e-3:
            return True, f"Measured at noise variance {eps:g}: {slope:.6f}."
        return False, "Towards the prior's mean, or away from it?" if value > 0 else "How large is $A_{11}$?"

    linear_right, _view = exercise(
        linear_answer,
        _check,
        r"""$\log p_0$ has the derivative $-g_1 = -1$ and $A_{11} = 4$, so $m_1 = -\tfrac14$. Exactly, the posterior's
        mean is $g_1 / (1 + \varepsilon/4)$.""",
    )
    _view
    return (linear_right,)


@app.cell
def _(position_slider):
    _text = r"""
    ## 3. Measured against predicted

    The same for one point, $g = (g_1, -0.4)$, and all noise variances. Left, the miss of the mean; right, by how much
    the variances differ from $\varepsilon s_k$. Lines are predicted, $|m|\,\varepsilon$ and $|t_k|\,\varepsilon^2$.

    **What do you expect** of the points if a term of $m$ were forgotten: another slope, or another height?
    """
    guess = prediction()
    mo.vstack([mo.md(_text), guess, position_slider])
    return (guess,)


@app.cell
def _(encode, position, predict, prior_std):
    point, _room = np.array([position, SECOND]), len(LADDER)
    _means, _stds = encode(BENT, prior_std, np.broadcast_to(point, (_room, 2)), LADDER)
    m, s, t, contrast = map(np.asarray, predict(BENT, float(prior_std), jnp.asarray(point)))
    slopes, variances = (_means[:_room] - point) / LADDER[:, None], _stds[:_room] ** 2 / LADDER[:, None]
    return contrast, m, point, s, slopes, t, variances


@app.cell
def _(contrast, guess, m, point, s, slopes, t, variances):
    _miss = LADDER * np.linalg.norm(slopes, axis=1)
    _excess = np.abs(variances - s) * LADDER[:, None]
    with style():
        _figure, ((_left, _right),) = subplots(1, 2, width=PAGE, height=2.7, margins=(0.08, 0.16, 0.99, 0.82))
        _left.plot(LADDER, np.linalg.norm(m) * LADDER, color=PALETTE[1], linewidth=0.9)
        _left.plot(LADDER, _miss, "o", color=PALETTE[0], label="|μ* − g|")
        for _k, _mark in enumerate("os"):
            _right.plot(LADDER, np.abs(t[_k]) * LADDER**2, color=PALETTE[1], linewidth=0.9)
            _right.plot(LADDER, _excess[:, _k], _mark, color=PALETTE[2 * _k], label=f"|σ² − εs|, latent {_k + 1}")
        for _axes in (_left, _right):
            noise_axis(_axes)
            log_axis(_axes)
            _axes.legend(loc="upper left")
    _words = (
        f"At $g$ = ({point[0]:g}, {point[1]:g}): $m$ = ({m[0]:+.4f}, {m[1]:+.4f}) and $s$ = ({s[0]:.4f}, {s[1]:.4f}); "
        f"measured at noise variance {LADDER[-2]:.2g}, ({slopes[-2][0]:+.4f}, {slopes[-2][1]:+.4f}) and "
        f"({variances[-2][0]:.4f}, {variances[-2][1]:.4f}). The contrast is {contrast:.4f}."
    )
    after(guess, mo.Html(svg(_figure, alt=f"Miss of mean and variance over noise variance. {_words}")), mo.md(_words))
    return


@app.cell
def _():
    width_field = mo.ui.text(placeholder="a number, or as 1/sqrt(3)", label=r"$\sigma_2/\sqrt{\varepsilon}$ →")
    _text = r"""
    A term of $m$ that is forgotten leaves the slope, and moves the line up or down: order and constant are two tests.
    The width is $\sigma_k \approx \sqrt{\varepsilon} / |J_k|$: how far latent $k$ can move *alone* before the data
    notice.

    **Exercise 2.** At $g = (0, 0)$ our decoder has the Jacobian
    $\begin{pmatrix} 1 & 0.5 \\ 0.4 & 1.3 \end{pmatrix}$. What is the limit of $\sigma_2^*/\sqrt\varepsilon$?
    """
    mo.vstack([mo.md(_text), width_field])
    return (width_field,)


@app.cell
def _(width_field):
    width_answer = width_field.value
    return (width_answer,)


@app.cell
def _(encode, width_answer):
    def _check(answer):
        value, eps = number(answer), 1e-6
        _, std = encode(BENT, 1.0, np.zeros((1, 2)), np.array([eps]))
        limit = std[0, 1] / np.sqrt(eps)
        if abs(value - 1 / np.hypot(0.4, 1.3)) < 2e-3:
            return False, "That is the second *row*. The columns are the velocities."
        if abs(value - limit) < 2e-3:
            return True, f"Measured at noise variance {eps:g}: {limit:.5f}."
        return False, "How long is $J_2$?"

    width_right, _view = exercise(
        width_answer,
        _check,
        r"""$|J_2|^2 = 0.5^2 + 1.3^2 = 1.94$, so $\sigma_2/\sqrt\varepsilon \to 1/\sqrt{1.94} = 0.718$. The posterior is
        wider, as in lesson 2: $(A^{-1})_{22} = 1.16/1.1^2$, a deviation of $0.979\sqrt\varepsilon$.""",
    )
    _view
    return (width_right,)


@app.cell
def _():
    small_field = mo.ui.text(placeholder="a number such as 1e-5", label=r"$\varepsilon$ =")
    _text = r"""
    **Exercise 3.** A practical question. Our decoder, standard normal prior, $g = (0.7, -0.4)$: you need an encoder
    that misses $g$ by at most $10^{-4}$. Which is the *largest* noise variance that you can afford? (Section 3 has
    all that you need; ten per cent are close enough.)
    """
    mo.vstack([mo.md(_text), small_field])
    return (small_field,)


@app.cell
def _(small_field):
    small_answer = small_field.value
    return (small_answer,)


@app.cell
def _(encode, predict, small_answer):
    _length = float(np.linalg.norm(predict(BENT, 1.0, jnp.array([0.7, SECOND]))[0]))

    def _check(answer):
        eps, g = number(answer, 1e-9, 1.0), np.array([0.7, SECOND])
        mean, _ = encode(BENT, 1.0, g[None], np.array([eps]))
        miss = np.linalg.norm(mean[0] - g)
        return bool(0.9e-4 < miss <= 1.001e-4), f"At {eps:g} the encoder misses by {miss:.3e}."

    small_right, _view = exercise(
        small_answer,
        _check,
        rf"""$|m|\,\varepsilon = 10^{{-4}}$. With the sliders at their start, section 3 has $m$ of length {_length:.3f}.
        So $\varepsilon = {1 / _length:.3f} \cdot 10^{{-4}}$, that is $\gamma = {100 * _length**0.5:.0f}$.""",
    )
    _view
    return (small_right,)


@app.cell
def _():
    mo.md(r"""
    ## 4. What follows for the ELBO

    Insert $\mu = g$ and $\sigma_k^2 = \varepsilon/|J_k|^2$ into the ELBO. The reconstruction term loses
    $\tfrac1{2\varepsilon} \sum_k |J_k|^2 \sigma_k^2 = \tfrac d2$, the entropy of the encoder contributes
    $\sum_k \log\sigma_k$ and constants; for $D = d$ they cancel, and what is left is

    $$\mathrm{ELBO}^*(x) \to \log p_0(g) - \sum_k \log |J_k| .$$

    The log-likelihood tends to the log-density of $f(z)$, by the change of variables,

    $$\log p_\varepsilon(x) \to \log p_0(g) - \tfrac12\log\det J^\top J .$$

    The difference of the right-hand sides is $c = \sum_k \log|J_k| - \tfrac12\log\det J^\top J$: **the contrast of
    lesson 3**. Both sides know the decoder through its Jacobian. The likelihood asks for its volume; the encoder,
    which cannot tilt, asks for the lengths of its columns.

    **When it fails.** All this needs a single preimage, and one that no far-off latent comes close to. If a decoder
    folds, the encoder must choose one preimage, or lie between them at large noise (`elbogap explain folds`). If the
    noise is not small, the prior wins. And a real encoder is a network that must *learn* to be best for all $x$ at
    once: lesson 7.

    ## What we have learnt

    - The best encoder inverts the decoder, with $\mu^* - g = \varepsilon m + O(\varepsilon^2)$: order $\gamma^{-2}$.
    - Its variances are $\varepsilon/|J_k|^2$ to leading order: what counts is how long the Jacobian's columns are.
    - Self-consistency turns the ELBO into likelihood less contrast. Lesson 5 measures how fast.

    ## References

    - P. Reizinger et al.: *Embrace the Gap*, NeurIPS 2022, arXiv 2206.02416, Proposition 1.
    - D. Nielsen et al.: *SurVAE Flows: Surjections to Bridge the Gap between VAEs and Flows*, NeurIPS 2020: flows as
      VAEs whose noise has vanished.
    - B. Dai, D. Wipf: *Diagnosing and Enhancing VAE Models*, ICLR 2019: what happens as the decoder's variance
      vanishes.
    - A. Kumar, B. Poole: *On Implicit Regularization in β-VAEs*, ICML 2020: the Jacobian in the ELBO.
    - `elbogap explain encoder-mean` and `elbogap explain encoder-variance`: every step decided by machine.
    """)
    return


if __name__ == "__main__":
    app.run()
