"""Lesson 9: a theorem of your own, from an empty file to a refuted variant.

Notation: X_1, ..., X_n independent Gamma variables of shape k and mean 1, so that their variance is 1/k; M their mean;
bias(n, k) = E log M - log E M = digamma(n k) - log(n k), exactly, since M is a Gamma variable of shape n k and mean 1.
The claims built here: bias = -1/(2 k n) + O(n^-2); and a variant that is false, "with 1/(2 k n) added nothing is left".
Source: Cramer 1946, section 27.7 (the delta method); Abramowitz and Stegun 1964, 6.3.18 (digamma for large arguments).
"""

import marimo

app = marimo.App(app_title="Your own theorem", width="medium")

with app.setup:
    import marimo as mo
    import numpy as np
    from elbogap import theorem as th
    from elbogap.lessons.exercises import after, exercise, formula, number, prediction
    from elbogap.report.style import PAGE, PALETTE, log_axis, style, subplots, svg
    from scipy.special import digamma
    from sympy import Symbol

    PRESETS = {"order": (-2.0, -1.5, -1.0, -0.5), "factor": (0.5, 0.99, 1.0, 1.01, 2.0)}
    SHAPES = (0.5, 1.0, 2.5, 6.0)
    ALONG = th.doubling("n", 8, 512)
    K = Symbol("k", positive=True)


@app.function
def bias(n, k):
    """What the claim is about, measured without what it says: a value, and a bound of its error."""
    value = digamma(n * k) - np.log(n * k)
    return value, 4e-15  # both are below 10, and each is exact to a few units in the last place


@app.function
def corrected(n, k):
    """The same after the correction that the delta method suggests."""
    value, error = bias(n, k)
    return value + 1 / (2 * k * n), error


@app.function
def claimed(measured, order, constant):
    """The claim that a measured quantity is constant(k) n^order, and less beyond."""
    law = th.Converges(measured, along=ALONG, limit=0, order=order, constant=constant)
    return th.Claim("log-of-a-mean", "The bias of the log of a mean", over=th.cases(k=SHAPES), law=law)


@app.function
def judged(claim):
    """What the measurement says of a claim: its verdict, and why."""
    (result,) = th.verify(claim).results
    found = result.evidence["measured"]
    return found.verdict, found.summary if found.verdict == "holds" else result.reason


@app.cell
def _():
    guess = prediction()
    _text = r"""
    # Your own theorem

    *About 30 minutes. Needed: expectation and variance, Taylor's formula. No lesson before it is needed.*

    elbogap verifies theorems about limits, its own and yours. A theorem is one file. In this lesson you write one, from
    the empty file to the verdict, and then you meet a variant that sounds as good and is false.

    ## 1. What is to be claimed

    You average $n$ measurements, and report the *logarithm* of the average $M$. Is it right on average? The logarithm
    is concave, so it cannot be: $\mathbb{E}\log M < \log\mathbb{E}M$. By how much?

    Our measurements are Gamma variables of shape $k$ and mean 1; their variance is $1/k$. Then $M$ is a Gamma variable
    again, of shape $nk$, and its logarithm has a known expectation:

    $$\mathrm{bias}(n, k) = \mathbb{E}\log M - \log\mathbb{E}M = \psi(nk) - \log(nk) .$$

    *Why:* sums of Gamma variables of one scale are Gamma variables, and $\psi$, the digamma function, is the derivative
    of $\log\Gamma$. This is our *measurement*: no limit and no approximation is in it.

    **What do you expect?** With four times as many measurements, is the bias half as large, a quarter, or a sixteenth?
    """
    mo.vstack([mo.md(_text), guess])
    return (guess,)


@app.cell
def _(guess):
    _n = np.asarray(ALONG.values, float)
    _alt = "The bias of log M over n for four shapes k: on log-log axes, four parallel lines that fall with slope -1."
    with style():
        _figure, ((_axes,),) = subplots(width=PAGE, height=2.4, margins=(0.1, 0.19, 0.99, 0.97))
        for _k, _color, _mark in zip(SHAPES, PALETTE, "os^D", strict=False):
            _axes.plot(_n, -bias(_n, _k)[0], f"{_mark}-", color=_color, label=f"k = {_k:g}", markersize=3.5)
        _axes.set_xscale("log", base=2)
        _axes.set(xlabel="measurements n", ylabel="−bias")
        log_axis(_axes)
        _axes.legend(loc="upper right")
    _ratios = ", ".join(f"{bias(64, k)[0] / bias(256, k)[0]:.4f}" for k in SHAPES)
    _words = f"From $n = 64$ to $256$ the bias falls by the factors {_ratios}: a quarter, so its order is $n^{{-1}}$."
    after(guess, mo.Html(svg(_figure, alt=_alt)), mo.md(_words))
    return


@app.cell
def _():
    constant_field = mo.ui.text(placeholder="a formula in k, such as 1/k^2", label="constant =")
    _text = r"""
    ## 2. The constant

    **Exercise 1.** Expand to second order: $\log M \approx (M - 1) - \tfrac12 (M - 1)^2$. Take expectations; the
    variance of $M$ is that of one measurement, divided by $n$. Which constant has
    $\mathrm{bias} = \text{constant}(k)\; n^{-1} + O(n^{-2})$?

    Your formula becomes the constant of a claim, and the machine judges it: first the order, from local orders that are
    extrapolated to $n \to \infty$; then the constant, with an interval; then the order of what is left.
    """
    mo.vstack([mo.md(_text), constant_field])
    return (constant_field,)


@app.cell
def _(constant_field):
    constant_answer = constant_field.value
    return (constant_answer,)


@app.cell
def _(constant_answer):
    def _check(answer):
        verdict, why = judged(claimed(bias, -1, str(formula(answer, {"k": K}))))
        return verdict == "holds", f"The machine: *{verdict}*: {why}."

    constant_right, _view = exercise(
        constant_answer,
        _check,
        r"""$\mathbb{E}(M - 1) = 0$ and $\mathbb{E}(M - 1)^2 = \frac{1}{kn}$, so the bias is $-\frac{1}{2kn}$: the
        constant is $-\frac{1}{2k}$, typed `-1/(2k)`. In general it is $-\sigma^2 / (2\mu^2)$: this is the delta
        method.""",
    )
    _view
    return (constant_right,)


@app.cell
def _():
    order_slider = mo.ui.slider(steps=[-2.0, -1.5, -1.0, -0.5], value=-1.0, label="claimed order", show_value=True)
    factor_slider = mo.ui.slider(
        steps=[0.5, 0.99, 1.0, 1.01, 2.0], value=1.0, label="claimed constant, times", show_value=True
    )
    _text = r"""
    ## 3. Try to break it

    Now claim what is wrong, on purpose. The machine should say *what* is wrong: a wrong rate is an order, a wrong
    factor is a constant. Does it notice one per cent?
    """
    mo.vstack([mo.md(_text), mo.hstack([order_slider, factor_slider], justify="start", gap=2, wrap=True)])
    return factor_slider, order_slider


@app.cell
def _(order_slider):
    order = order_slider.value
    return (order,)


@app.cell
def _(factor_slider):
    factor = factor_slider.value
    return (factor,)


@app.cell
def _(factor, order):
    verdict, _why = judged(claimed(bias, order, lambda k: -factor / (2 * k)))
    mo.md(f"Claimed: bias = {factor:g} · (−1/2k) · $n^{{{order:g}}}$. **{verdict}**: {_why}.")
    return (verdict,)


@app.cell
def _():
    claim = claimed(bias, -1, "-1/(2*k)")
    alone = th.verify(claim).results[0]
    claim.control("the rate of the standard deviation", order=-0.5)
    claim.control("no bias of order 1/n", order=-2)
    claim.control("the variance does not matter", constant="-1/2")
    claim.mutants()
    (result,) = th.verify(claim).results
    controls = result.controls
    _rows = "\n".join(
        f"    | {one.statement.replace('|', '')} | {one.by if one.rejected else '**not rejected**'} |"
        for one in controls
    )
    mo.md(rf"""
    ## 4. Controls

    Would the machine have said *holds* to anything? You have tried a few false claims by hand. A claim keeps such
    attempts: its **controls**, false variants that must all be rejected. Three are ours, below; the rest are *mutants*
    that `claim.mutants()` makes of the formula, by dropping terms, flipping signs, changing factors.

    | control | rejected by |
    |---|---|
{_rows}

    Without any control the verdict is **{alone.verdict}**: {alone.reason}. With them: **{result.verdict}**,
    {sum(one.rejected for one in controls)} of {len(controls)} rejected. One control that *passes* makes the claim fail:
    then the measurement could not tell the truth from that falsehood.
    """)
    return alone, claim, controls, result


@app.cell
def _():
    rest_field = mo.ui.text(placeholder="a number, such as -3", label="order =")
    variant = claimed(corrected, -1, "-1/(2*k)")
    refuted, _why = judged(variant)
    _text = rf"""
    ## 5. A variant that is false

    The bias is known, so subtract it: report $\log M + \frac{{1}}{{2kn}}$. A colleague writes into the manual: *this is
    unbiased.* The same file, the same machine, one line changed: what is measured. Of the old claim about the new
    quantity the machine says **{refuted}**: {_why}.

    So the bias of order $n^{{-1}}$ is gone, as it should be. But *unbiased* says more: that nothing is left.

    **Exercise 2.** Something is left. Of which order in $n$ is it?
    """
    mo.vstack([mo.md(_text), rest_field])
    return refuted, rest_field, variant


@app.cell
def _(rest_field):
    rest_answer = rest_field.value
    return (rest_answer,)


@app.cell
def _(rest_answer):
    def _check(answer):
        value = number(answer, -10, -0.1)
        found, why = judged(claimed(corrected, value, lambda k: -1 / (12 * k**2)))
        return found == "holds", f"The machine: *{found}*: {why}."

    rest_right, _view = exercise(
        rest_answer,
        _check,
        r"""$-2$: the next term of the expansion. The manual's sentence is *refuted*, and what is true is one word
        weaker: unbiased *to order* $n^{-1}$.""",
    )
    _view
    return (rest_right,)


@app.cell
def _():
    next_field = mo.ui.text(placeholder="a formula in k", label="constant =")
    _text = r"""
    **Exercise 3.** State the truth in place of it: $\mathbb{E}\log M + \frac{1}{2kn} = \text{constant}(k)\;n^{-2} +
    \dots$ By how it scales the bias depends on $nk$ alone, so you know its form. Find the factor: at $k = 1$ and
    $n = 8$ what is left is $-0.001300$; at $n = 64$, $-0.00002034$.
    """
    mo.vstack([mo.md(_text), next_field])
    return (next_field,)


@app.cell
def _(next_field):
    next_answer = next_field.value
    return (next_answer,)


@app.cell
def _(next_answer):
    def _check(answer):
        found, why = judged(claimed(corrected, -2, str(formula(answer, {"k": K}))))
        return found == "holds", f"The machine: *{found}*: {why}."

    next_right, _view = exercise(
        next_answer,
        _check,
        r"""$0.00002034 \cdot 64^2 = 0.0833$, that is $\tfrac1{12}$: the constant is $-\frac{1}{12k^2}$. It is the
        second term of $\psi(y) - \log y = -\frac{1}{2y} - \frac{1}{12y^2} + O(y^{-4})$.""",
    )
    _view
    return (next_right,)


@app.cell
def _():
    mo.md(r"""
    ## 6. The file

    This is all of it. Save it as `mine.py`, or let `elbogap new mine.py` write one with comments.

    ```python
    import numpy as np
    from scipy.special import digamma
    from elbogap import theorem as th


    def bias(n, k):
        return digamma(n * k) - np.log(n * k), 4e-15


    claim = th.Claim(
        "log-of-a-mean",
        "The log of a mean of n Gamma variables of shape k is biased by -1 / 2kn.",
        over=th.cases(k=[0.5, 1.0, 2.5, 6.0]),
        law=th.Converges(bias, along=th.doubling("n", 8, 512), limit=0, order=-1, constant="-1/(2*k)"),
    )
    claim.control("no bias of order 1/n", order=-2)
    claim.mutants()
    ```

    Then `elbogap verify mine.py --controls --out OUT` prints the table and writes a page with the measured points on
    the predicted line, their numbers as CSV, and what rejected each control. In a test suite one line does it:
    `test_claim = th.test(claim)`.

    ## What we have learnt

    - A theorem about a limit has an order, a limit and a constant. Each is tested on its own, and what is wrong is
      named.
    - What is measured must not contain what is claimed: an exact formula, a quadrature, a sample; never the expansion.
    - A verdict without controls shows nothing. A false variant that survives is worth more than a true claim that
      holds: it says what the measurement cannot see.
    - *Unbiased* was false, *unbiased to order* $1/n$ is true. The machine refuted the first and verified the second.

    ## References

    - H. Cramér: *Mathematical Methods of Statistics*, Princeton 1946, section 27.7: the delta method.
    - M. Abramowitz, I. Stegun: *Handbook of Mathematical Functions*, 1964, 6.3.18: the expansion of $\psi$.
    - R. DeMillo, R. Lipton, F. Sayward: *Hints on test data selection*, Computer 11 (1978): mutation testing.
    - Nine more theorems in one file each, two of them false: `examples/theorems`.
    """)
    return


if __name__ == "__main__":
    app.run()
