"""Lesson 1: what the ELBO falls short of, where nothing is hidden: one latent dimension, one data point.

Notation: z ~ N(0, 1), x given z is N(f(z), eps), eps = 1/gamma^2; the decoder f(z) = a z + b z^3/3, x = f(g); the
encoder q = N(mu, sigma^2), mu = g + shift sqrt(eps), sigma = width sqrt(eps); gap = log p_eps(x) - ELBO.
Source: Kingma and Welling 2014 (the bound); claim elbo-decomposition; the slope of the gap: claim general-limit.
"""

import marimo

app = marimo.App(app_title="The ELBO and its gap in one dimension", width="medium")

with app.setup:
    import marimo as mo
    import numpy as np

    import jax  # isort: skip

    jax.config.update("jax_enable_x64", True)
    import elbogap
    import jax.numpy as jnp
    from elbogap.lessons.exercises import after, exercise, number, prediction
    from elbogap.numerics.gap import measure_gap
    from elbogap.report.style import PAGE, PALETTE, log_axis, noise_axis, style, subplots, svg

    PRESETS = {"noise_var": (1.0, 0.1, 0.01), "shift": (-1.0, 0.0, 1.0), "width": (0.35, 0.7, 1.0, 1.4)}
    STEPS, LADDER = [1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001], 10.0 ** -np.arange(0, 5.25, 0.5)
    POINT = 0.7
    BENT, LINEAR = (1.0, 1.0), (2.0, 0.0)


@app.function
def decode(coefficients, z):
    """The decoders of this lesson: f(z) = a z + b z^3/3."""
    a, b = coefficients
    return a * z + b * z**3 / 3


@app.cell
def _():
    # Compiled once: coefficients, preimage, noise variance and guess are arguments of the programs.
    def _model(coefficients, eps):
        return elbogap.LatentModel(lambda z: decode(coefficients, z), 1, noise_var=eps)

    @jax.jit
    def measure(coefficients, g, eps):
        g = jnp.array([g])
        return measure_gap(_model(coefficients, eps), decode(coefficients, g), start=g)

    @jax.jit
    def bound(coefficients, g, eps, mean, std):
        x = decode(coefficients, jnp.array([g]))
        return elbogap.elbo(_model(coefficients, eps), x, jnp.array([mean]), jnp.array([std]))

    @jax.jit
    def predicted_slope(coefficients, g):
        return elbogap.expansion(_model(coefficients, 1.0), jnp.array([g])).gap_slope

    return bound, measure, predicted_slope


@app.cell
def _():
    mo.md(r"""
    # The ELBO and its gap in one dimension
    *About 30 minutes. Needed: Bayes' rule, Gaussian densities, the Kullback-Leibler divergence (KL).*

    A variational autoencoder is trained by maximising the ELBO, a lower bound of the log-likelihood. The difference is
    the *gap*. It passes for a nuisance; this course shows that it does something useful, and says exactly what. First
    we have to see what it is made of. One latent variable and one data point are enough for that.

    ## 1. The model
    A latent number $z$ is drawn from $N(0, 1)$. The decoder turns it into data, with noise of variance $\varepsilon$:

    $$x = f(z) + \sqrt{\varepsilon}\,\xi, \qquad \xi \sim N(0, 1), \qquad f(z) = z + \tfrac13 z^3 .$$

    Papers write $\gamma^2 = 1/\varepsilon$ for the decoder's precision. A *nearly deterministic* decoder has a small
    $\varepsilon$, a large $\gamma$. We observe one number, $x = f(g)$ with $g = 0.7$.

    How probable is $x$? That is the *likelihood*, or *evidence*, $p_\varepsilon(x) = \int p(x \mid z)\, p_0(z)\, dz$.
    And which $z$ made it? That is the *posterior*, $p_\varepsilon(z \mid x) = p(x \mid z)\, p_0(z) / p_\varepsilon(x)$.
    Both need the same integral. In one dimension we can compute it; in a thousand dimensions we cannot.

    ## 2. The bound
    The encoder answers the second question by a guess: a Gaussian $q = N(\mu, \sigma^2)$. For any guess at all,

    $$\mathrm{ELBO}(q) = E_q\!\left[\log p(x \mid z)\right] - \mathrm{KL}(q \,\|\, p_0)
      = E_q\!\left[\log \frac{p(x \mid z)\, p_0(z)}{q(z)}\right] .$$

    By Bayes' rule the numerator is $p_\varepsilon(z \mid x)\, p_\varepsilon(x)$. The factor $p_\varepsilon(x)$ does not
    depend on $z$, so it comes out of the expectation:

    $$\mathrm{ELBO}(q) = \log p_\varepsilon(x) - \mathrm{KL}\!\left(q \,\|\, p_\varepsilon(\cdot \mid x)\right) .$$

    This is an equality. **The gap is the divergence of the guess from the posterior**, zero only if they are the same.

    ## 3. Guess the posterior yourself
    Below you choose $q$. Its place and its width are measured in units of $\sqrt{\varepsilon}$, the scale on which the
    posterior will turn out to live: $\mu = g + \mathrm{shift}\cdot\sqrt\varepsilon$ and
    $\sigma = \mathrm{width}\cdot\sqrt\varepsilon$.

    **What do you expect?** Suppose that your guess has the right mean. Which mistake costs more: to be twice as wide as
    the posterior, or half as wide? Decide, then try both.
    """)
    return


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
    shift_slider = mo.ui.slider(start=-1.5, stop=1.5, step=0.05, value=0.0, label="shift", show_value=True)
    shift_slider
    return (shift_slider,)


@app.cell
def _(shift_slider):
    shift = shift_slider.value
    return (shift,)


@app.cell
def _():
    width_slider = mo.ui.slider(start=0.1, stop=2.0, step=0.05, value=1.0, label="width", show_value=True)
    width_slider
    return (width_slider,)


@app.cell
def _(width_slider):
    width = width_slider.value
    return (width,)


@app.function
def compare(eps, mean, std):
    """Nodes z, posterior and guess on them, and KL(guess || posterior), by the trapezoidal rule."""

    def log_joint(z):
        return -((decode(BENT, z) - decode(BENT, POINT)) ** 2 / eps + z**2 + np.log(eps)) / 2 - np.log(2 * np.pi)

    def log_guess(z):
        return -(((z - mean) / std) ** 2) / 2 - np.log(std * np.sqrt(2 * np.pi))

    z = POINT + np.sqrt(eps) * np.linspace(-8, 8, 1601)
    evidence = np.log(np.trapezoid(np.exp(log_joint(z)), z))
    nodes = mean + std * np.linspace(-10, 10, 1601)
    weighted = np.exp(log_guess(nodes)) * (log_guess(nodes) - log_joint(nodes) + evidence)
    return z, np.exp(log_joint(z) - evidence), np.exp(log_guess(z)), np.trapezoid(weighted, nodes)


@app.cell
def _(bound, measure, noise_var, shift, width):
    _mean, _std = POINT + shift * noise_var**0.5, width * noise_var**0.5
    best = measure(BENT, POINT, noise_var)
    elbo, evidence = float(bound(BENT, POINT, noise_var, _mean, _std)), float(best.log_likelihood)
    _z, _posterior, _guess, divergence = compare(noise_var, _mean, _std)
    _alt = (
        f"Posterior density and your guess over z, at noise variance {noise_var:g}. The guess has mean {_mean:.4f} and "
        f"standard deviation {_std:.4f}; the best Gaussian has {float(best.mean[0]):.4f} and {float(best.std[0]):.4f}."
    )
    with style():
        _figure, ((_axes,),) = subplots(width=PAGE, height=2.3, margins=(0.08, 0.19, 0.99, 0.97))
        _axes.plot(_z, _posterior, color=PALETTE[0], label="posterior")
        _axes.plot(_z, _guess, "--", color=PALETTE[1], label="your guess q")
        _axes.axvline(POINT, color=PALETTE[2], linewidth=0.9, linestyle=":", label="g, the preimage of x")
        _axes.set(xlim=POINT + np.sqrt(noise_var) * np.array([-4, 4]), ylim=(0, 1.6 * _posterior.max()), xlabel="z")
        _axes.legend(loc="upper right")
    _table = f"""
    | | |
    |:---|---:|
    | $\\log p_\\varepsilon(x)$, which no guess changes | {evidence:.6f} |
    | ELBO of your guess | {elbo:.6f} |
    | gap: the first less the second | {evidence - elbo:.6f} |
    | $\\mathrm{{KL}}(q \\,\\|\\, \\mathrm{{posterior}})$, an integral of its own | {divergence:.6f} |
    | the smallest gap that a Gaussian can reach | {float(best.gap):.6f} |
    """
    mo.vstack([mo.Html(svg(_figure, alt=_alt)), mo.md(_table)])
    return best, divergence, elbo, evidence


@app.cell
def _():
    twice_field = mo.ui.text(placeholder="a number, or as log(3)/2", label="gap =")
    _text = r"""
    The third number and the fourth agree, and come from different computations: a test of section 2. Now the mistake:
    for Gaussians of equal mean, with $r$ the ratio of widths, $\mathrm{KL} = \tfrac12\left(r^2 - 1 - \log r^2\right)$.
    *Why:* under $q$ its own exponent averages to $-\tfrac12$, that of the posterior to $-\tfrac12 r^2$; the factors
    $1/\sigma$ of the two densities leave $-\log r$.

    **Exercise 1.** Let the decoder be linear, so that the posterior is a Gaussian. Your guess has its mean, and *twice*
    its width. How large is the gap?
    """
    mo.vstack([mo.md(_text), twice_field])
    return (twice_field,)


@app.cell
def _(twice_field):
    twice_answer = twice_field.value
    return (twice_answer,)


@app.cell
def _(bound, measure, twice_answer):
    def _check(answer):
        encoder, value = measure(LINEAR, 0.5, 0.1), number(answer)
        mean, std = float(encoder.mean[0]), float(encoder.std[0])
        wide, narrow = (float(encoder.log_likelihood - bound(LINEAR, 0.5, 0.1, mean, r * std)) for r in (2.0, 0.5))
        if abs(value - wide) < 5e-3:
            return True, f"For $f(z) = 2z$ the library finds {wide:.5f}. Half as wide costs {narrow:.5f} only."
        return False, "Half as wide costs that." if abs(value - narrow) < 5e-3 else "Put $r = 2$ in; $\\log e = 1$."

    twice_right, _view = exercise(
        twice_answer,
        _check,
        r"""$\tfrac12(4 - 1 - \log 4) = 0.807$. With $r = \tfrac12$ it is $\tfrac12(\tfrac14 - 1 + \log 4) = 0.318$. Too
        wide is worse: the divergence weighs with $q$. It punishes a guess that puts mass where the posterior has none,
        and forgives one that leaves some of the posterior out. Remember this for lesson 2, where the encoder has to
        compromise.""",
    )
    _view
    return (twice_right,)


@app.cell
def _(best, noise_var):
    mo.md(f"""
    ## 4. The best guess
    From now on *the gap* is that of the best encoder. At $\\varepsilon$ = {noise_var:g} the library finds

    - mean {float(best.mean[0]):.6f}: a shift of {(float(best.mean[0]) - POINT) / np.sqrt(noise_var):.3f};
    - standard deviation {float(best.std[0]):.6f}: a width of {float(best.std[0]) / np.sqrt(noise_var):.3f};
    - gap {float(best.gap):.3e}.

    Set the sliders *shift* and *width* to these values: your gap comes down to the smallest one, and no further.

    **Why $\\sqrt\\varepsilon$?** Near $g$ the decoder is almost linear, $f(z) \\approx x + f'(g)(z - g)$ with
    $f'(g) = 1 + g^2 = {1 + POINT**2:.2f}$. Noise that moves the data by $\\sqrt\\varepsilon$ hides a move of $z$ by
    $\\sqrt\\varepsilon / f'(g)$, and $1/f'(g) = {1 / (1 + POINT**2):.3f}$. Take $\\varepsilon = 0.001$ and compare.

    **Why is the gap not zero?** The decoder bends, so the posterior has one flank steeper than the other, and is no
    Gaussian. In one dimension there is no other reason.
    """)
    return


@app.cell
def _():
    spread_field = mo.ui.text(placeholder="a number, or as 1/sqrt(7)", label=r"$\sigma$ =")
    _text = r"""
    **Exercise 2.** For $f(z) = 2z$ and $\varepsilon = 0.1$ the posterior is a Gaussian, and the gap is zero. What is
    the *standard deviation* of the best encoder? Precisions add: the prior's, and $f'^2/\varepsilon$ from the data.
    """
    mo.vstack([mo.md(_text), spread_field])
    return (spread_field,)


@app.cell
def _(spread_field):
    spread_answer = spread_field.value
    return (spread_answer,)


@app.cell
def _(measure, spread_answer):
    def _check(answer):
        value, std = number(answer), float(measure(LINEAR, 0.5, 0.1).std[0])
        hint = "That is the variance." if abs(value - std**2) < 1e-3 else "Do not forget the prior."
        return (True, f"The library finds {std:.6f}.") if abs(value - std) < 1e-3 else (False, hint)

    spread_right, _view = exercise(
        spread_answer,
        _check,
        r"""The precision is $1 + f'^2/\varepsilon = 1 + 4/0.1 = 41$, so $\sigma = 1/\sqrt{41} = 0.156$. Without the
        prior it would be $\sqrt{\varepsilon}/2 = 0.158$. The smaller $\varepsilon$, the less the prior matters.""",
    )
    _view
    return (spread_right,)


@app.cell
def _(measure, predicted_slope):
    gaps = np.array([float(measure(BENT, POINT, eps).gap) for eps in LADDER.tolist()])
    slope = float(predicted_slope(BENT, POINT))
    return gaps, slope


@app.cell
def _():
    guess = prediction()
    return (guess,)


@app.cell
def _(best, gaps, guess, noise_var, slope):
    _alt = (
        f"The gap, {gaps[0]:.3g} at noise variance 1, falls to {gaps[-1]:.3g} at 1e-5 along the line {slope:.4f} eps."
    )
    with style():
        _figure, ((_axes,),) = subplots(width=PAGE, height=2.6, margins=(0.09, 0.17, 0.99, 0.84))
        _axes.plot(LADDER, slope * LADDER, color=PALETTE[1], linewidth=0.9, label="predicted: a₁ε")
        _axes.plot(LADDER, gaps, "o", color=PALETTE[0], label="measured gap")
        _axes.plot(noise_var, best.gap, "o", color=PALETTE[0], markersize=9, fillstyle="none", label="your ε")
        noise_axis(_axes)
        log_axis(_axes)
        _axes.legend(loc="lower right")
    _text = r"""
    ## 5. Turning the noise down
    **What do you expect?** As $\varepsilon \to 0$, does the gap grow, stay, or vanish? If it vanishes, how fast?
    """
    mo.vstack([mo.md(_text), guess, after(guess, mo.Html(svg(_figure, alt=_alt)))])
    return


@app.cell
def _(gaps, slope):
    worst_field = mo.ui.text(placeholder="a number, or as sqrt(2)/3", label="$g$ =")
    _text = f"""
    From $\\varepsilon = 10^{{-2}}$ to $10^{{-4}}$ it falls by a factor of {gaps[4] / gaps[8]:.1f}: in
    proportion to $\\varepsilon = \\gamma^{{-2}}$. The line was not fitted. It is $a_1\\varepsilon$, and at $d = 1$ the
    theory has (`elbogap explain general-limit`)

    $$a_1 = \\frac34 \\left( \\frac{{f''(g)}}{{f'(g)^2}} \\right)^2 = {slope:.6f} .$$

    The last point of the figure is {gaps[-1] / LADDER[-1]:.6f} times its $\\varepsilon$. Only the bend of the decoder
    enters, $f''$: not the prior, and nothing if $f$ is linear.

    *Why:* in $u = f'(g)(z - g)/\\sqrt\\varepsilon$ the posterior's exponent is $-\\tfrac12 u^2 - \\kappa u^3$, with
    $\\kappa = \\sqrt\\varepsilon f''/(2f'^2)$, a term of the prior in $u$, and smaller ones. The mean of $q$ follows
    what is linear, $3 \\kappa u$ of it too. What is left, $\\kappa(u^3 - 3u)$, has the variance $6\\kappa^2$, and a
    small divergence is half the variance of the exponents' difference: $3\\kappa^2 = a_1 \\varepsilon$.

    **Exercise 3.** Our decoder is almost linear at $g = 0$, and again far out, where $f'$ is large. At which $g > 0$ is
    the gap largest, for small $\\varepsilon$? Use the formula; the checker measures, at $\\varepsilon = 0.001$.
    """
    mo.vstack([mo.md(_text), worst_field])
    return (worst_field,)


@app.cell
def _(worst_field):
    worst_answer = worst_field.value
    return (worst_answer,)


@app.cell
def _(measure, worst_answer):
    def _check(answer):
        value = number(answer, 0, 3)
        here = float(measure(BENT, value, 1e-3).gap)
        largest = max(float(measure(BENT, g, 1e-3).gap) for g in np.linspace(0.1, 1.5, 57).tolist())
        return here > 0.997 * largest, f"The gap there is {here:.4e}; the largest on a fine grid is {largest:.4e}."

    worst_right, _view = exercise(
        worst_answer,
        _check,
        r"""$f' = 1 + g^2$ and $f'' = 2g$, so $a_1 = 3 g^2/(1 + g^2)^4$. Its derivative vanishes where
        $1 + g^2 = 4g^2$, at $g = 1/\sqrt3 = 0.577$; there $a_1 = 81/256 = 0.316$.""",
    )
    _view
    return (worst_right,)


@app.cell
def _():
    mo.md(r"""
    ## What we have learnt
    - The gap is the divergence of the encoder from the posterior: an identity, for every $q$ and every $\varepsilon$.
    - The divergence weighs with $q$: too wide costs more than too narrow.
    - With one latent, the gap of the best encoder comes from the posterior not being Gaussian. It vanishes with the
      noise, in proportion to $\varepsilon = 1/\gamma^2$, with a constant that we can predict.

    So with one latent a nearly deterministic VAE just maximises the likelihood. With *two* there is a second reason for
    a gap: the encoder's coordinates are independent, those of the posterior are not. That part does not vanish with the
    noise. Lesson 2 meets it where all can be computed by hand.

    ## References
    - D. P. Kingma, M. Welling: *Auto-Encoding Variational Bayes*, ICLR 2014, arXiv 1312.6114, section 2.2.
    - C. M. Bishop: *Pattern Recognition and Machine Learning*, Springer 2006, section 10.1: the direction of the KL.
    - C. Cremer, X. Li, D. Duvenaud: *Inference Suboptimality in Variational Autoencoders*, ICML 2018, arXiv 1801.03558.
    - P. Reizinger et al.: *Embrace the Gap: VAEs Perform Independent Mechanism Analysis*, NeurIPS 2022.
    - `elbogap explain elbo-decomposition`: section 2, each step decided by machine.
    """)
    return


if __name__ == "__main__":
    app.run()
