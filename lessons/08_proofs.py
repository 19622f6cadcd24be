"""Lesson 8: read a proof by machine. Derivations step by step, controls that must be rejected, and a claim of your own.

Notation: f a decoder of one latent with x = f(g), J = f'(g) and H = f''(g), noise variance eps, prior N(0, 1);
gap = log p_eps(x) - ELBO*(x). The claim built here: the gap is 3 H^2 / (4 J^4) eps + O(eps^2), whatever the prior.
Source: claim block-encoder, of which this is the case d = 1; CONTRIBUTING for how a claim becomes part of elbogap.
"""

import marimo

app = marimo.App(app_title="Read a proof by machine", width="medium")

with app.setup:
    import re
    from functools import partial

    import jax
    import jax.numpy as jnp
    import marimo as mo
    import numpy as np
    import sympy as sp

    jax.config.update("jax_enable_x64", True)
    import elbogap
    from elbogap import theorem as th
    from elbogap.lessons.exercises import after, exercise, formula, number, prediction
    from elbogap.numerics.gap import measure_gap
    from elbogap.proofs_checks.laws import ConvergenceLaw, Instances
    from elbogap.theory.mutation import step_mutations
    from elbogap.theory.predictions import prediction as predicted
    from elbogap.theory.proof.derivation import Derivation, Step, check, check_step
    from elbogap.theory.proof.zero_test import is_zero
    from elbogap.theory.registry import derivation
    from elbogap.theory.render import side_lines

    PRESETS = {"step": (1, 2, 4, 5, 7), "factor": (0.5, 1.0, 1.001), "floor": (-13, -6, -3)}
    READ = "spurious-solutions"
    MARKS = {"proved": "✓ proved by machine", "argued": "¶ argued in words, not checked by machine"}
    LADDER, FACTORS = 10.0 ** -np.arange(1.0, 5.25, 0.5), [0.5, 0.99, 0.999, 1.0, 1.001, 1.01, 2.0]
    BENDS, PLACES = np.array([[0.3, -0.5, 0.8, 0.4], [0.5, 0.7, 0.3, 1.0]])


@app.cell
def _():
    zero_field = mo.ui.text(placeholder="a formula in rho", label="$c$ =")
    _text = r"""
    # Read a proof by machine
    *About 40 minutes. Before it: the limit (lesson 5); helpful: rotations (lesson 6).*

    elbogap says of a theorem that it *holds*. Should you believe it? This lesson opens the machine. You will read a
    derivation step by step, see what is proved and what is only argued, try to cheat the checker, and then make a claim
    of your own: statement, derivation, measurement, controls, verdict.

    ## 1. Zero or not

    Every checked step ends in one question: *is this expression zero?* The machine writes the difference of both sides
    as a rational function of independent generators (symbols, logarithms of irreducible factors, exponentials), over
    exact rational numbers. Its numerator vanishes identically, or it does not. Besides, the difference is evaluated to
    50 digits at random points: a wrong identity has a *counterexample*, which is printed.

    **Exercise 1.** Let the two columns of $J$ have the squared lengths $u, v > 0$ and the cosine $\rho$ between them,
    so that $A = J^\top J$ has $A_{12} = \rho\sqrt{uv}$. The contrast is $\tfrac12 \log(A_{11} A_{22} / \det A)$. Write
    it in $\rho$ alone. Try a wrong formula first, and read the counterexample. (It may have $\rho > 1$.)
    """
    mo.vstack([mo.md(_text), zero_field])
    return (zero_field,)


@app.cell
def _(zero_field):
    zero_answer = zero_field.value
    return (zero_answer,)


@app.cell
def _(zero_answer):
    def _check(answer):
        rho, u, v = sp.symbols("rho u v", real=True)
        contrast = sp.log(u * v / (u * v - rho**2 * u * v)) / 2
        decision = is_zero(contrast - formula(answer, {"rho": rho}))
        return decision.status == "proved", f"The machine: *{decision.status}*, {decision.detail}."

    _solution = r"""$\det A = uv(1 - \rho^2)$, so $c = -\tfrac12 \log(1 - \rho^2)$, typed `-log(1 - rho^2)/2`.
    The lengths drop out: only the angle between the columns matters."""
    zero_right, _view = exercise(zero_answer, _check, _solution)
    _view
    return (zero_right,)


@app.cell
def _():
    read = derivation(READ)
    verdicts = check(read).steps
    main = derivation("elbo-limit")
    main_argued = sum(one.argued for one in main.steps)
    step_slider = mo.ui.slider(start=1, stop=len(read.steps), step=1, value=1, label="step", show_value=True)
    _text = rf"""
    ## 2. A derivation, step by step

    A derivation is a chain of steps: left side, right side, the rule that leads from one to the other. This one belongs
    to lesson 6: *{read.title}*. It has {len(read.steps)} steps, each marked as proved by machine or argued in words.

    **Predict.** Maps preserve a prior, likelihoods agree for every noise, two ELBOs differ by a contrast in the limit:
    which of these can a computer algebra system decide, and which must be argued?
    """
    step_guess = prediction()
    mo.vstack([mo.md(_text), step_guess, step_slider])
    return main, main_argued, read, step_guess, step_slider, verdicts


@app.cell
def _(step_slider):
    step = step_slider.value
    return (step,)


@app.cell
def _(read, step, step_guess, verdicts):
    shown = read.steps[step - 1]
    _left, _right = ([], []) if shown.argued else (side_lines(shown.left), side_lines(shown.right))
    _lines = [f"{_left[0]} = {_right[0]}"] if len(_left) == len(_right) == 1 else [*_left, "=", *_right]
    _detail = f"*{shown.note}*" if shown.argued else "\n\n".join(f"$$ {line.strip()} $$" for line in _lines)
    after(step_guess, mo.md(f"**Step {step}.** {shown.rule}.\n\n{_detail}\n\n{MARKS[verdicts[step - 1].status]}"))
    return (shown,)


@app.cell
def _(shown):
    planted = step_mutations(shown, 2)
    outcomes = {name: check_step(variant).status for name, variant in planted.items()}
    _names = [re.sub(r" of entry \((\d*),?\)", r", entry \1", name).replace("|", "") for name in outcomes]
    _all = [f"| {name} | {status} |" for name, status in zip(_names, outcomes.values(), strict=True)]
    _refuted = f"{list(outcomes.values()).count('refuted')} of {len(planted)} planted variants of this step are refuted"
    _table = "\n".join(["| false variant | outcome |", "|---|---|", *_all[:8]])
    _none = "There is nothing to mutate in a step that is argued in words."
    mo.md(f"{_refuted}; the first of them:\n\n{_table}" if planted else _none)
    return outcomes, planted


@app.cell
def _(main, main_argued):
    mo.md(rf"""
    This table is the answer to *who checks the checker?* The machine makes **false variants** of the step by itself: a
    flipped sign, a dropped term, a factor, exchanged symbols. A checker that passed one of them would be worthless. A
    check that cannot fail is a defect.

    The main theorem is longer. `elbogap explain elbo-limit` prints its {len(main.steps)} steps, from the joint density
    to the constant $a_1$; {len(main.steps) - main_argued} are decided by machine, {main_argued} are argued in words:
    that the posterior concentrates, that limits may be exchanged. These you must read yourself: a machine's verdict is
    as good as the list of what it has *not* checked.
    """)
    return


@app.cell
def _():
    chain_field = mo.ui.text(placeholder="a number from 1 to 5", label="step")
    _text = r"""
    **Exercise 2.** A student derives the slope of the linear gap of lesson 2, with $A_{11} = u$, $A_{22} = v$ and
    $A_{12} = w$. One step is wrong. Which?

    1. gap $= \tfrac12\log(1 + u/\varepsilon) + \tfrac12\log(1 + v/\varepsilon) - \tfrac12\log\det(I + A/\varepsilon)$
       $= \tfrac12\log\bigl[(u + \varepsilon)(v + \varepsilon)/\det(A + \varepsilon I)\bigr]$
    2. $\det(A + \varepsilon I) = uv - w^2 + (u + v)\,\varepsilon + \varepsilon^2$
    3. $\frac{d}{d\varepsilon} \tfrac12\log\bigl[(u + \varepsilon)(v + \varepsilon)\bigr]$ at $\varepsilon = 0$ is
       $\tfrac12 (1/u + 1/v)$
    4. $\frac{d}{d\varepsilon} \tfrac12\log\det(A + \varepsilon I)$ at $\varepsilon = 0$ is $\tfrac12 (u + v)/(uv)$
    5. so the slope is $\tfrac12\bigl[(u + v)/(uv) - (u + v)/(uv - w^2)\bigr]$
    """
    mo.vstack([mo.md(_text), chain_field])
    return (chain_field,)


@app.cell
def _(chain_field):
    chain_answer = chain_field.value
    return (chain_answer,)


@app.cell
def _(chain_answer):
    _u, _v, _eps = sp.symbols("u v epsilon", positive=True)
    _w = sp.Symbol("w", real=True)
    _det = sp.Matrix([[_u + _eps, _w], [_w, _v + _eps]]).det()
    _gap = (sp.log(1 + _u / _eps) + sp.log(1 + _v / _eps) - sp.log(_det / _eps**2)) / 2
    _first = sp.log((_u + _eps) * (_v + _eps)) / 2
    _exact = (_u + _v) / (_u * _v - _w**2)
    _chain = (
        Step(_gap, _first - sp.log(_det) / 2, "collect"),
        Step(_det, _u * _v - _w**2 + (_u + _v) * _eps + _eps**2, "expand"),
        Step(sp.diff(_first, _eps).subs(_eps, 0), (1 / _u + 1 / _v) / 2, "first derivative"),
        Step(sp.diff(sp.log(_det) / 2, _eps).subs(_eps, 0), (_u + _v) / (2 * _u * _v), "second derivative"),
        Step(
            sp.diff(_first - sp.log(_det) / 2, _eps).subs(_eps, 0), ((_u + _v) / (_u * _v) - _exact) / 2, "difference"
        ),
    )
    chain_statuses = [one.status for one in check(Derivation("student", "the slope", _chain)).steps]

    def _check(answer):
        found = chain_statuses[int(number(answer, 1, 5)) - 1]
        return found == "refuted", f"The machine says of this step: {found}."

    _solution = r"""Step 4: the derivative of the determinant is $u + v$, but it must be divided by $\det A = uv - w^2$,
    not by $uv$. Step 5 is right again. A chain whose *end* is right may still be no proof: every step is checked."""
    chain_right, _view = exercise(chain_answer, _check, _solution)
    _view
    return chain_right, chain_statuses


@app.cell
def _():
    constant_field = mo.ui.text(placeholder="a formula in J and H, such as H/J", label="constant =")
    general = predicted("gap_slope", 1, 1)
    first, second = (general.arguments[name].item() for name in ("J", "H"))
    _text = r"""
    ## 3. A claim of your own

    With one latent variable the contrast is zero: there is nothing to be orthogonal to. So the gap itself tends to
    zero. Like $\varepsilon$? With which constant? Let us claim, for $J = f'(g)$ and $H = f''(g)$,

    $$\mathrm{gap} = \text{constant}(J, H)\;\varepsilon + O(\varepsilon^2) .$$

    Units say a lot. Measuring $x$ in other units multiplies $J$, $H$ and $\sqrt\varepsilon$ by the same $k$, and leaves
    the gap alone. Suppose that the prior does not matter at this order; then the unit of $z$ is free as well, and with
    $J \to kJ$, $H \to k^2 H$ the constant must stay the same.

    **Exercise 3.** Find the form of the constant by its units, then guess its factor, a fraction of small numbers. The
    checker takes the *general* slope $a_1 = L_1 - E_1$ of the theory at $d = 1$, with second and third derivatives and
    the prior, and subtracts your formula.
    """
    mo.vstack([mo.md(_text), constant_field])
    return constant_field, first, general, second


@app.cell
def _(constant_field):
    constant_answer = constant_field.value
    return (constant_answer,)


@app.cell
def _(constant_answer, first, general, second):
    def _check(answer):
        decision = is_zero(general.expression - formula(answer, {"J": first, "H": second}))
        return decision.status == "proved", f"The machine: *{decision.status}*, {decision.detail}."

    _solution = r"""For $J^a H^b$ the unit of $x$ demands $a + b = -2$ and that of $z$ demands $a + 2b = 0$: a multiple
    of $H^2/J^4$. The factor is $3/4$, as in lesson 1, typed `3*H^2/(4*J^4)`. The prior and third derivatives are in
    the general slope, and cancel: units could not have told."""
    constant_right, _view = exercise(constant_answer, _check, _solution)
    _view
    return (constant_right,)


@app.cell
def _(first, general, second):
    own_step = Step(general.expression, 3 * second**2 / (4 * first**4), "theory's general slope at d = 1")

    @partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def _measure(bends, places):
        def at(b, g, eps):
            decoder = lambda z: z + b * z**2 / 4 + z**3 / 6  # noqa: E731
            found = measure_gap(elbogap.LatentModel(decoder, 1, noise_var=eps), decoder(g), start=g)
            return found.gap, found.gap_error

        ladder = jax.vmap(at, in_axes=(None, None, 0))
        return jax.vmap(lambda b, g: ladder(b, g, jnp.asarray(LADDER)))(bends, places)

    gaps, gap_errors = (np.asarray(part) for part in _measure(BENDS, PLACES[:, None]))
    slopes = 3 * (BENDS / 2 + PLACES) ** 2 / (4 * (1 + BENDS * PLACES / 2 + PLACES**2 / 2) ** 4)
    return gap_errors, gaps, own_step, slopes


@app.function
def law(gaps, floors, constant, order=1.0, limit=0.0):
    """The claim as a law about the measured gaps of the four decoders."""
    count = len(gaps)
    rows = Instances(("cubic",) * count, (1,) * count, (1,) * count, ("normal",) * count)
    return ConvergenceLaw("gap", rows, LADDER, gaps, np.full(count, limit), order, constant, floors)


@app.cell
def _():
    law_guess = prediction()
    factor_slider = mo.ui.slider(steps=FACTORS, value=1.0, label="claimed constant, times", show_value=True)
    floor_slider = mo.ui.slider(-13, -3, 1, value=-13, label="log₁₀ of the measuring error", show_value=True)
    _text = r"""
    ## 4. Measure it

    The derivation rests on the general theorem. The measurement does not: four decoders $f(z) = z + b z^2/4 + z^3/6$
    at four points, the gap by quadrature at nine noise variances each. A **law** judges these numbers: first the order,
    from local orders extrapolated to $\varepsilon = 0$; then the limit; the constant, with an interval; the order of
    what is left.

    **Predict.** Multiply the claimed constant by 1.001. Is it rejected? Now suppose that the gaps had been measured
    with an error of $10^{-6}$, or $10^{-3}$. What should an honest machine say, of the true constant and of the wrong?
    """
    mo.vstack([mo.md(_text), law_guess, factor_slider, floor_slider])
    return factor_slider, floor_slider, law_guess


@app.cell
def _(factor_slider):
    factor = factor_slider.value
    return (factor,)


@app.cell
def _(floor_slider):
    floor = floor_slider.value
    return (floor,)


@app.cell
def _(factor, floor, gap_errors, gaps, law_guess, slopes):
    judged = law(gaps, gap_errors + 10.0**floor, factor * slopes).judge()
    _why = judged.summary if judged.verdict == "holds" else judged.reason
    _words = f"Claimed: {factor:g} times $3H^2/(4J^4)$, measured to $10^{{{floor}}}$. **{judged.verdict}**: {_why}."
    after(law_guess, mo.md(_words))
    return (judged,)


@app.cell
def _(law_guess):
    _text = r"""
    A factor of 1.001 is told from 1 as long as the gaps are known to $10^{-7}$. At $10^{-6}$ it *passes*: no test sees
    below its own resolution, which is why a verdict comes with its figures. At $10^{-5}$ the machine says
    *inconclusive*, of the truth as well. That is not weakness. A check that says *holds* to coarse data would be.
    """
    after(law_guess, mo.md(_text))
    return


@app.cell
def _(floor, gap_errors, gaps, own_step, slopes):
    def _gap(eps, k):
        i = int(np.argmin(np.abs(LADDER - eps)))
        return float(gaps[k, i]), float(gap_errors[k, i] + 10.0**floor)

    claim = th.Claim(
        "one-latent-slope",
        "With one latent variable the gap is 3 H^2 / (4 J^4) eps + O(eps^2), whatever the prior.",
        latex=r"\mathrm{gap} = \tfrac34 H^2 J^{-4} \varepsilon + O(\varepsilon^2)",
        assumptions=("f is six times differentiable near g, and f' > 0",),
        derivation=[own_step],
        over=th.cases(k=[0, 1, 2, 3]),
        law=th.Converges(_gap, along=th.ladder("eps", 0.1, 1e-5, 9), order=1, constant=lambda k: slopes[k]),
    )
    claim.control("the constant is 3 H^2 / (8 J^4)", constant=lambda k: slopes[k] / 2)
    claim.control("the gap closes like sqrt(eps)", order=0.5)
    claim.control("the gap closes like eps^2", order=2)
    claim.control("the gap tends to 0.01", limit=0.01)
    (result,) = th.verify(claim).results
    controls = result.controls
    _by = [f"rejected: {one.by}" if one.rejected else f"**undecided**: {one.undecided}" for one in controls]
    _rows = "\n".join(f"    | {one.statement} | {by} |" for one, by in zip(controls, _by, strict=True))
    mo.md(rf"""
    ## 5. The verdict

    A claim is data: a statement, its evidence, and **controls**, false variants that the same law must reject. This one
    is written with `elbogap.theorem`, as any theorem of yours would be.

    | control | outcome |
    |---|---|
{_rows}

    `{claim.id}`: derived **{result.evidence["derived"].verdict}**, measured **{result.evidence["measured"].verdict}**,
    controls rejected **{sum(one.rejected for one in controls)} of {len(controls)}**. Verdict: **{result.verdict}**.

    The rule: a claim *fails* if any evidence fails **or the law of a control holds**; a control left undecided makes it
    *inconclusive*. Make the measuring error large: a measurement that cannot tell truth from falsehood decides nothing.
    """)
    return claim, controls, result


@app.cell
def _():
    mo.md(r"""
    ## What we have learnt
    - A machine-checked derivation is a chain of exact zero tests, and a list of what was only argued.
    - Every step and every claim is tested by false variants. *Rejected / planted* is part of each verdict.
    - Derivation and measurement are independent: a formula from SymPy, numbers from quadrature.
    - *Inconclusive* is an answer. A test with too coarse a measurement must say so, not pass.

    **Make it yours.** `elbogap new mine.py` writes a claim like this one to a file, `elbogap verify mine.py` judges it,
    with every control, a report and a plot. To make it part of elbogap, derive it in `theory`, measure it in `numerics`
    and put both together in `proofs_checks/claims`, as CONTRIBUTING says.

    ## References
    - P. Reizinger et al., NeurIPS 2022, arXiv 2206.02416. `elbogap explain --help`; `elbogap verify --list`.
    - L. F. Richardson, J. A. Gaunt: *The deferred approach to the limit*, Phil. Trans. R. Soc. A 226 (1927).
    - M. Petkovšek, H. Wilf, D. Zeilberger: *A = B*, A K Peters 1996: proofs of identities by computer.
    - R. DeMillo, R. Lipton, F. Sayward: *Hints on test data selection*, Computer 11 (1978): mutation testing.
    """)
    return


if __name__ == "__main__":
    app.run()
