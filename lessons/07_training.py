"""Lesson 7: train a VAE that recovers its sources, one whose sources it cannot, and one whose noise is too large.

Notation: s sources, uniform on the unit square; x = f(s) the data; z the latents that the encoder gives for x; eps =
1/gamma^2 the decoder's noise variance; MCC the mean correlation coefficient of s and z, in [0, 1]; c the IMA contrast.
The three runs are trained here, together, in one program; the table of section 6 is recorded, and says so.
Source: Reizinger et al. 2022 (experiments); Khemakhem et al. 2020 (MCC); Tipping and Bishop 1999 (collapse).
"""

import marimo

app = marimo.App(app_title="Train a VAE that recovers its sources", width="medium")

with app.setup:
    import equinox as eqx
    import jax
    import marimo as mo
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    from elbogap.lessons.exercises import after, exercise, number, prediction
    from elbogap.numerics.contrast import contrast_of_jacobian
    from elbogap.report.style import PAGE, PALETTE, style, subplots, svg
    from elbogap.results import recorded
    from elbogap.training.loop import Recipe, annealing, stack, train
    from elbogap.training.metrics import contrasts, mcc
    from elbogap.training.mixings import draw_moebius, draw_moebius_linear, mix
    from elbogap.training.models import mlp_vae

    PRESETS = {"progress": (0, 20, 50, 100), "gamma2": (10.0, 1e3, 1e5)}
    WHICH, NOISES = (0, 1, 0), (1e-4, 1e-4, 0.1)
    NAMES = ("A: Möbius, γ² = 10⁴", "B: Möbius and linear, γ² = 10⁴", "C: Möbius, γ² = 10")
    LINES, ALONG = np.linspace(0.05, 0.95, 7), np.linspace(0.03, 0.97, 33)

    @jax.jit
    def seen(mixing, sources):
        """The data that a mixing makes of these sources, and its Jacobians there."""
        return jax.vmap(mixing)(sources), jax.vmap(jax.jacfwd(mixing))(sources)

    @eqx.filter_jit
    def look(vaes, points, log_noise_var):
        """Of every run: the latents of its points, and the decoder's Jacobians at the first 200 of them."""

        def of_run(vae, data, log_eps):
            latents = jax.vmap(lambda x: vae.link(vae.encoder(x, log_eps)[0]))(data)
            return latents, jax.vmap(jax.jacfwd(vae.decoder))(latents[:200])

        return eqx.filter_vmap(of_run)(vaes, points, log_noise_var)


@app.function
def draw_latents(snapshot):
    """The images of the lines on which one source is constant, in the latents of each run."""
    with style():
        figure, ((*panels,),) = subplots(1, 3, width=PAGE, height=2.35, margins=(0.04, 0.09, 0.99, 0.85))
        for axes, name, grid, score in zip(panels, NAMES, snapshot["grid"], snapshot["mcc"], strict=True):
            for family, color in zip(grid, PALETTE[:2], strict=True):
                axes.plot(family[..., 0].T, family[..., 1].T, color=color, linewidth=0.9)
            axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 1], yticks=[0, 1], aspect="equal")
            axes.set_title(f"{name}\nMCC {score:.3f}", loc="left")
            axes.grid(False)
    return figure


@app.function
def draw_history(snapshots, progress):
    """MCC and contrast of the runs over training, and where the slider is."""
    with style():
        figure, ((left, right),) = subplots(1, 2, width=PAGE, height=2.1, margins=(0.07, 0.2, 0.99, 0.88))
        share = np.linspace(0, 100, len(snapshots))
        for axes, quantity in ((left, "mcc"), (right, "contrast")):
            for run, (name, color, look) in enumerate(zip(NAMES, PALETTE, ("o-", "s--", "^:"), strict=False)):
                axes.plot(share, [shot[quantity][run] for shot in snapshots], look, color=color, label=name[:1])
            axes.axvline(progress, color=PALETTE[3], linewidth=0.8)
            axes.set(xlabel="per cent of training", title={"mcc": "MCC", "contrast": "mean contrast"}[quantity])
        left.set_ylim(0, 1.05)
        right.legend(loc="upper center")
    return figure


@app.cell
def _():
    runs_guess = prediction()
    _text = r"""
    # Train a VAE that recovers its sources, and one that cannot
    *About 40 minutes; your machine trains for some twenty seconds of them. Before it: lesson 6, on rotations.*

    So far the encoder was the best one, found by Newton's method for each $x$. Real encoders are networks, learnt with
    their decoder by stochastic gradients. Does the theorem still show? Here three small VAEs are trained in front of
    you, and you look at them at every stage.

    ## 1. Three experiments

    Two sources $s_1, s_2$, independent and uniform on $(0, 1)$, are mixed to two observations $x = f(s)$.

    - **A.** $f$ is a Möbius map: an inversion of the plane at a circle, turned. It is conformal, so its Jacobian has
      orthogonal columns and $c(f) = 0$. The decoder's noise is small, $\gamma^2 = 10^4$.
    - **B.** The same kind of map, and after it a linear map that is far from orthogonal. $c(f) > 0$. Noise as in A.
    - **C.** The data of A, but with $\gamma^2 = 10$.

    Encoder and decoder are networks with two hidden layers of 32 units. They see $x$ only. The ELBO is maximised by
    Adam. The noise variance starts at a fifth of the data's smallest variance, and moves to its final value during the
    first half of the training (*annealing*): down in A and B, up in C.

    **Predict.** Which of the three will recover the sources? What will the others do instead?
    """
    mo.vstack([mo.md(_text), runs_guess])
    return (runs_guess,)


@app.cell
def _():
    _rng = np.random.default_rng(1)
    mixed = [mix(_rng, draw(_rng, 2), 2, train=10_000, held_out=500) for draw in (draw_moebius, draw_moebius_linear)]
    eigenvalues = [np.linalg.eigvalsh(np.cov(data.train.T)) for data in mixed]
    _jacobians = [np.asarray(seen(data.mixing, jnp.asarray(data.sources, float))[1]) for data in mixed]
    mixing_contrasts = [float(contrast_of_jacobian(jacobian).mean()) for jacobian in _jacobians]
    # Uniform sources: log p(x) = -log |det J|; the limit of the truth's ELBO is its mean less the contrast.
    _log_p = [-float(np.linalg.slogdet(jacobian)[1].mean()) for jacobian in _jacobians]
    truth_elbo = [value - contrast for value, contrast in zip(_log_p, mixing_contrasts, strict=True)]
    mo.md(rf"""
    The mean contrasts of the two mixings, from their exact Jacobians: {mixing_contrasts[0]:.4f} and
    {mixing_contrasts[1]:.4f}. The covariance of the first data set has the eigenvalues {eigenvalues[0][0]:.5f} and
    {eigenvalues[0][1]:.5f}, that of the second {eigenvalues[1][0]:.5f} and {eigenvalues[1][1]:.5f}: $\gamma^2$ means
    something only relative to these.
    """)
    return eigenvalues, mixed, mixing_contrasts, truth_elbo


@app.cell
def _():
    collapse_field = mo.ui.text(placeholder="a number", label=r"$\gamma^2$ =")
    _text = r"""
    **Exercise 1.** In a *linear* VAE (probabilistic PCA) a latent is used only if its eigenvalue of the data's
    covariance exceeds the noise variance $\varepsilon$ (noise alone explains the rest: lesson 10); if none does, the
    posterior *collapses* to the prior. Up to which $\gamma^2$ would a linear VAE collapse completely on the data of A
    and C?
    """
    mo.vstack([mo.md(_text), collapse_field])
    return (collapse_field,)


@app.cell
def _(collapse_field):
    collapse_answer = collapse_field.value
    return (collapse_answer,)


@app.cell
def _(collapse_answer, eigenvalues):
    _threshold = 1 / eigenvalues[0][-1]

    def _check(answer):
        value = number(answer, 0)
        words = f"At your $\\gamma^2$ the noise variance is {1 / max(value, 1e-9):.3g}, the largest eigenvalue"
        return bool(abs(value / _threshold - 1) < 0.05), f"{words} {eigenvalues[0][-1]:.3g}."

    _solution = rf"""The largest eigenvalue must be below $\varepsilon = 1/\gamma^2$: $\gamma^2 < {_threshold:.1f}$.
    Run C, at $\gamma^2 = 10$, is well below, so expect it to collapse; A, at $10^4$, is far above."""
    collapse_right, _view = exercise(collapse_answer, _check, _solution)
    _view
    return (collapse_right,)


@app.cell
def _():
    steps = 2000
    return (steps,)


@app.cell
def _(mixed, steps):
    _data, _nets = np.stack([data.train for data in mixed]), [np.random.default_rng([5, run]) for run in range(3)]
    _vaes = stack([mlp_vae(_data[w], 2, rng, hidden=(32, 32)) for w, rng in zip(WHICH, _nets, strict=True)])
    _noise = annealing(_data, WHICH, NOISES)
    _recipe = Recipe(steps=steps, batch=64, draws=2, antithetic=True, chunks=10, warm_up=min(100, steps // 5))
    _grid = np.stack(np.meshgrid(LINES, ALONG, indexing="ij"), axis=-1)
    _sources = np.concatenate([_grid.reshape(-1, 2), _grid[..., ::-1].reshape(-1, 2)])
    _images = [np.asarray(seen(data.mixing, jnp.asarray(_sources))[0]) for data in mixed]
    _points = jnp.asarray([np.concatenate([mixed[w].held_out, _images[w]]) for w in WHICH], "float32")
    snapshots = []

    def _keep(step, vaes, terms=None):
        log_eps = _noise.start + min(2 * step / steps, 1.0) * (_noise.target - _noise.start)
        latents, jacobians = (np.asarray(part, float) for part in look(vaes, _points, log_eps))
        scores = [mcc(mixed[w].sources, z[:500]) for w, z in zip(WHICH, latents, strict=True)]
        shot = {"step": step, "mcc": scores, "elbo": None if terms is None else np.asarray(terms.elbo)}
        shot["contrast"] = np.asarray(contrast_of_jacobian(jacobians)).mean(axis=1)
        shot["of_mean"] = np.asarray(contrast_of_jacobian(jacobians.mean(axis=1)))
        shot["grid"] = latents[:, 500:].reshape(len(WHICH), 2, len(LINES), len(ALONG), 2)
        snapshots.append(shot)

    _keep(0, _vaes)
    _ = train(_vaes, _data, WHICH, _noise, jax.random.key(0), _recipe, report=_keep)
    return (snapshots,)


@app.cell
def _():
    progress_slider = mo.ui.slider(start=0, stop=100, step=10, value=100, label="per cent of training", show_value=True)
    _text = r"""
    ## 2. Watch them learn

    The three VAEs were trained while you read. Each panel shows the *latents* of one run: the curves on which the
    source $s_1$ is constant in blue, those of $s_2$ in orange, pushed through the true mixing and the learnt encoder.

    If the sources are recovered, the blue curves are parallel to one axis and the orange ones to the other: bent
    spacing, swapped axes and flipped signs are allowed, for nothing in the data could tell. If a rotated rival was
    found, the grid is turned. Start at 0 per cent, and go on in steps.
    """
    mo.vstack([mo.md(_text), progress_slider])
    return (progress_slider,)


@app.cell
def _(progress_slider):
    progress = progress_slider.value
    return (progress,)


@app.cell
def _(progress, runs_guess, snapshots):
    _shot = snapshots[progress // 10]
    _scores, _contrasts = (", ".join(f"{v:.3f}" for v in _shot[name]) for name in ("mcc", "contrast"))
    _alt = f"Latent grids of the three runs after {_shot['step']} steps. MCC of A, B, C: {_scores}."
    _also = f"MCC and contrast over training, marked at {progress} per cent. Contrasts of A, B, C there: {_contrasts}."
    _figures = svg(draw_latents(_shot), alt=_alt), svg(draw_history(snapshots, progress), alt=_also)
    after(runs_guess, *(mo.Html(figure) for figure in _figures))
    return


@app.cell
def _():
    rotation_field = mo.ui.text(placeholder="a number", label="MCC =")
    _text = r"""
    ## 3. One number for recovery

    The *mean correlation coefficient* pairs each source with one latent, such that the mean of the absolute
    correlations of the pairs is largest, and returns that mean. It is 1 if every latent is an affine function of one
    source, whatever the order and the signs.

    **Exercise 2.** Suppose that a VAE has found the sources *turned by 45 degrees*. The sources are independent and
    have the same variance. What is the MCC? (The checker turns 500 held-out sources, and calls the library's `mcc`.)
    """
    mo.vstack([mo.md(_text), rotation_field])
    return (rotation_field,)


@app.cell
def _(rotation_field):
    rotation_answer = rotation_field.value
    return (rotation_answer,)


@app.cell
def _(mixed, rotation_answer):
    def _check(answer):
        turned = mixed[0].sources @ np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
        value, found = number(answer, 0, 1), mcc(mixed[0].sources, turned)
        # Two standard errors of a mean of two correlations of 500 points each.
        return bool(abs(value - found) < 2 / np.sqrt(500)), f"The library finds {found:.3f} for 500 points."

    _solution = r"""Each latent is $(s_1 \pm s_2)/\sqrt2$, which correlates with either source by $1/\sqrt2$, about
    0.707. So an MCC of 0.7 is not *seventy per cent recovered*: it is the worst that a rotation can do."""
    rotation_right, _view = exercise(rotation_answer, _check, _solution)
    _view
    return (rotation_right,)


@app.cell
def _(mixing_contrasts, snapshots, truth_elbo):
    last, _peak = snapshots[-1], max(snapshots[1:], key=lambda shot: shot["mcc"][2])
    _truth = [f"{value:.2f}" for value in truth_elbo] + ["–"]
    _rows = "\n".join(
        f"    | {name} | {last['mcc'][run]:.3f} | {mixing_contrasts[WHICH[run]]:.3f} | {last['contrast'][run]:.3f} | "
        f"{last['of_mean'][run]:.3f} | {last['elbo'][run]:.2f} | {_truth[run]} |"
        for run, name in enumerate(NAMES)
    )
    mo.md(rf"""
    ## 4. Why A works, and B and C do not

    | run | MCC | $c$ of mixing | $c$ of decoder | $c$ of its mean $J$ | ELBO | truth's ELBO, $\varepsilon \to 0$ |
    |---|---|---|---|---|---|---|
{_rows}

    - **A** recovers. Any decoder with the density of the data is a candidate; those with $c > 0$ have the smaller ELBO.
      (Its own is below the limit: the noise is not zero, and the fit is not perfect.)
    - **B** has an ELBO that is *better than the truth's*, whose limit is $\log p - c$. The decoder that was learnt has
      the smaller contrast, and other latents. More data or steps do not help: the columns are not orthogonal.
    - **C** had an MCC of {_peak["mcc"][2]:.2f} at step {_peak["step"]}, when its noise was smaller, and lost it as the
      noise grew: the latents hardly depend on $x$ now. The theorem says nothing about so large a noise.

    Before any training the MCC of A was {snapshots[0]["mcc"][0]:.2f}, that of a smooth random map.
    """)
    return (last,)


@app.cell
def _():
    shear_field = mo.ui.text(placeholder="a positive number, such as sqrt(2)", label="$t$ =")
    _text = r"""
    ## 5. Which contrast?

    The table has two: the *mean of the contrast* over points, and the *contrast of the mean* Jacobian, which some codes
    log. They are different quantities, and the second can hide what the first shows.

    **Exercise 3.** A decoder has the Jacobian $\begin{pmatrix} 1 & t \\ 0 & 1 \end{pmatrix}$ at half of the points
    and $\begin{pmatrix} 1 & -t \\ 0 & 1 \end{pmatrix}$ at the others. The mean Jacobian is the identity. For which
    $t > 0$ is the mean contrast $1/2$?
    """
    mo.vstack([mo.md(_text), shear_field])
    return (shear_field,)


@app.cell
def _(shear_field):
    shear_answer = shear_field.value
    return (shear_answer,)


@app.cell
def _(shear_answer):
    def _check(answer):
        t = number(answer, 0, 100)
        found = contrasts(np.array([[[1.0, t], [0.0, 1.0]], [[1.0, -t], [0.0, 1.0]]]))
        words = f"Mean contrast {found.point:.4f}, contrast of the mean Jacobian {found.mean_jacobian:.4f}."
        return bool(abs(found.point - 0.5) < 1e-3), words

    _solution = r"""Both Jacobians have the contrast $\tfrac12\log(1 + t^2)$ (lesson 5), so $1 + t^2 = e$ and
    $t = \sqrt{e - 1} \approx 1.311$. The contrast of the mean Jacobian is 0 for every $t$."""
    shear_right, _view = exercise(shear_answer, _check, _solution)
    _view
    return (shear_right,)


@app.cell
def _():
    gamma2_slider = mo.ui.slider(steps=[10.0, 100.0, 1e3, 1e4, 1e5], value=1e3, label=r"$\gamma^2$", show_value=True)
    _text = r"""
    ## 6. From one run to evidence

    One run is an anecdote. What follows is **recorded, not trained here**: Möbius mixings of *three* sources, several
    restarts each, the best one chosen by held-out ELBO without a look at the sources; medians over mixings with 95 per
    cent bootstrap intervals. `elbogap record moebius-gamma --effort full` makes it again.

    **Predict** the MCC at each $\gamma^2$ before you look.
    """
    guess = prediction()
    mo.vstack([mo.md(_text), guess, gamma2_slider])
    return gamma2_slider, guess


@app.cell
def _(gamma2_slider):
    gamma2 = gamma2_slider.value
    return (gamma2,)


@app.cell
def _(gamma2, guess):
    _result = recorded("moebius-gamma")
    _shown = {"mcc_mean": "MCC", "mcc_shuffled": "MCC, sources in another order (chance)"}
    _shown |= {"contrast_point": "mean contrast", "self_consistency": "error of z(f(z)) = z, in prior deviations"}
    recorded_rows = [row for row in _result.tables["summary"].records() if row["gamma2"] == gamma2]
    _kept = [row for row in recorded_rows if row["quantity"] in _shown]
    _lines = [f"| {_shown[r['quantity']]} | {r['median']:.4f} | {r['low']:.4f} to {r['high']:.4f} |" for r in _kept]
    _head = f"Recorded: {_kept[0]['n']} mixings at $\\gamma^2$ = {gamma2:g}; {_result.tried} runs were made in all."
    after(guess, mo.md(f"{_head}\n\n| quantity | median | interval |\n|---|---|---|\n" + "\n".join(_lines)))
    return (recorded_rows,)


@app.cell
def _():
    mo.md(r"""
    ## What we have learnt
    - Learnt encoders and decoders show the theorem: with small noise and a mixing in the IMA class, sources come out.
    - It takes both. Outside of the class (B) the ELBO prefers other coordinates; with large noise (C) nothing is known.
    - $\gamma^2$ has a meaning only relative to the data's scale. Annealing it helps gradients, not the theorem.
    - An MCC of 0.7 is a bad score; say which contrast you mean; show restarts and failures.

    **Try it.** `elbogap sweep examples/sweep.toml` trains such models over a grid of settings, and continues where it
    was killed; `elbogap audit` says of a decoder of yours where its gap comes from. Maximum likelihood on the same
    decoder class, which lesson 6 says must fail, is the experiment `likelihood-vs-vae` of `elbogap record`.

    ## References
    - P. Reizinger et al.: *Embrace the Gap*, NeurIPS 2022, arXiv 2206.02416: the experiments.
    - I. Khemakhem, D. Kingma, R. Monti, A. Hyvärinen: *Variational autoencoders and nonlinear ICA: a unifying
      framework*, AISTATS 2020, arXiv 1907.04809: the MCC.
    - M. Tipping, C. Bishop: *Probabilistic principal component analysis*, J. R. Statist. Soc. B 61 (1999).
    - J. Lucas, G. Tucker, R. Grosse, M. Norouzi: *Don't blame the ELBO!*, NeurIPS 2019: posterior collapse.
    """)
    return


if __name__ == "__main__":
    app.run()
