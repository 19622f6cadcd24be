"""The command `elbogap audit FILE.py:NAME`: a page in the terminal or one JSON document, and files with `--out`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import RequestError
from ..shell import requests, terminal
from ..shell.cache import prepare_jax
from ..shell.options import Flag, Real, Whole
from ..shell.progress import progress
from .request import GAUSSIAN, AuditRequest

if TYPE_CHECKING:
    from .report import AuditReport


def audit_command(
    decoder: str | None = None,
    /,
    *,
    latent_dim: Whole | None = None,
    noise_var: str | None = None,
    gamma: Real | None = None,
    observation: str = GAUSSIAN,
    dispersion: str | None = None,
    classes: Whole | None = None,
    output: str | None = None,
    inputs: Annotated[list[str] | None, Parameter(name="--with", negative=())] = None,
    encoder: str | None = None,
    encoder_output: str = AuditRequest.encoder_output,
    data: str | None = None,
    prior: str = "normal",
    weights: Path | None = None,
    encoder_weights: Path | None = None,
    points: Whole = AuditRequest.points,
    account_points: Whole = AuditRequest.account_points,
    samples: Whole = AuditRequest.samples,
    relative_tolerance: Real = AuditRequest.relative,
    absolute_tolerance: Real = AuditRequest.absolute,
    search: bool = AuditRequest.search,
    seed: Whole = AuditRequest.seed,
    out: Path | None = None,
    json: Flag = False,
    compare: Annotated[tuple[Path, Path] | None, Parameter(negative=())] = None,
) -> int:
    """Audit a decoder of your own: its ELBO gap, entangled and inactive latents, the noise variance to use.

    FILE.py is executed, with your rights: audit only files that you would run. Weights are read without executing
    anything. Exit status 0 when the likelihood fits the data and the parts of the gap agree with the gap measured
    again, 1 when not: the page then begins with the reason.

    Parameters
    ----------
    decoder
        FILE.py:NAME of a JAX callable (d,) -> outputs (function, Equinox, Flax), a torch.nn.Module or a
        method of one; a class is called without arguments.
    latent_dim
        Number of latents d.
    noise_var
        Variance of x given z: a number (1e-3 unless given), one for each output with commas, a .npy file,
        FILE.py:NAME of a learned one (array, tensor, or callable of z), or log-var, var, log-std, std: what the second
        of two outputs of the decoder is.
    gamma
        Instead of --noise-var: its inverse square root, noise variance = 1 / gamma^2.
    observation
        What x given z is: gaussian, bernoulli-logits, bernoulli (the decoder gives probabilities), poisson (rates),
        negative-binomial (mean and inverse dispersion, as scvi-tools), categorical (logits).
    dispersion
        Inverse dispersion of a negative binomial that the decoder does not give: a number, one for each output with
        commas, a .npy file or FILE.py:NAME.
    classes
        Classes of a block of categorical outputs; all outputs are one block unless given.
    output
        Which of several outputs of the decoder is meant, by name or place; of two, with a comma.
    inputs
        NAME=VALUE of what the decoder takes beside z, the same at every point: a number, numbers with commas, a .npy
        file or FILE.py:NAME; may be given several times.
    encoder
        FILE.py:NAME of x -> (mean, spread).
    encoder_output
        What the spread is: std, log-std, var or log-var.
    data
        .npy or .npz file of points (n, ...) as the decoder puts them out (FILE.npz:NAME if it has several arrays), or
        FILE.py:NAME of an array, a tensor or an iterable of batches.
        Without data, z is drawn from the prior, and x = f(z) or, for other observations, x from p(x | z).
    prior
        normal, logistic, laplace, student-t, uniform (the decoder takes z in (0, 1)), or FILE.py:NAME.
    weights
        Weights of the decoder: .safetensors, .eqx, .pt, .pth.
    encoder_weights
        Weights of the encoder.
    points
        Points at which the geometry is taken, spread over the data.
    account_points
        Points at which the gap is measured; 0 leaves it out.
    samples
        Decoder evaluations an estimate, where quadrature is out of reach (d > 3).
    relative_tolerance
        The regime: abs(gap - contrast) at most this share of the contrast, or
    absolute_tolerance
        this many nats, whichever is larger.
    search
        Look for posterior modes from fixed starts, too (--no-search: only near the encoder's mean or the drawn z).
    seed
        Seed of the points drawn from the prior.
    out
        Folder for report.html, audit.json, points.csv, latents.csv and account.csv.
    json
        Print one JSON document instead of the page.
    compare
        Two audit.json: what changed from the first to the second, instead of an audit.
    """
    if compare is not None:
        return _compared(decoder, *compare)
    if decoder is None or latent_dim is None:
        missing = "FILE.py:NAME of a decoder" if decoder is None else "--latent-dim, the number of latents"
        raise RequestError(f"audit: expected {missing}, got none")
    if noise_var is not None and gamma is not None:
        raise RequestError("--noise-var, --gamma: expected one of them, got both")
    if gamma is not None:
        requests.number("--gamma", gamma, above=0)
    requests.whole("--latent-dim", latent_dim, 1)
    requests.seed(seed)
    with requests.out_folder(out):
        prepare_jax()
        from .audit import audit
        from .inputs.loading import load_data, load_inputs, load_noise, load_observation, load_prior

        likelihood = load_observation(observation, dispersion, classes)
        variance = None if noise_var is None else load_noise(noise_var)
        chosen_prior = load_prior(prior)
        given = None if data is None else load_data(data)
        model = _loaded(decoder, weights, "decoder", "--weights")
        with progress() as notify:
            report = audit(
                _on_cube(model, latent_dim) if prior == "uniform" else model,
                latent_dim=latent_dim,
                noise_var=variance if gamma is None else gamma**-2,
                observation=likelihood,
                output=() if output is None else tuple(output.split(",")),
                inputs=load_inputs(inputs or []),
                prior=chosen_prior,
                encoder=_loaded(encoder, encoder_weights, "--encoder", "--encoder-weights"),
                encoder_output=encoder_output,
                data=given,
                points=points,
                account_points=account_points,
                samples=samples,
                relative=relative_tolerance,
                absolute=absolute_tolerance,
                search=search,
                seed=seed,
                progress=notify,
            )
        written = report.write(out) if out is not None else []
    return _shown(report, written, json)


def _compared(decoder: str | None, first: Path, second: Path) -> int:
    """Print what changed between two audits."""
    from .compare import read_audit, rows_of, settings_that_differ

    if decoder is not None:
        raise RequestError(f"--compare: expected two audit.json and no decoder, got {decoder!r}")
    old, new = read_audit(first), read_audit(second)
    console = terminal.console(terminal.PAGE)
    table = terminal.plain_table(["", str(first), str(second), "change", ""])
    for row in rows_of(old, new):
        table.add_row(*row)
    console.print(table)
    for line in settings_that_differ(old, new):
        console.print(f"asked for otherwise: {line}", markup=False)
    return 0


def _loaded(text: str | None, weights: Path | None, option: str, weights_option: str) -> Any:
    """The object named by an option, with its weights; None where none is named."""
    from .inputs.loading import named_object, with_weights

    if text is None:
        if weights is not None:
            raise RequestError(f"{weights_option}: expected {option} as well, got none")
        return None
    found = named_object(text, option)
    return found if weights is None else with_weights(found, weights, weights_option)


def _on_cube(model: Any, latent_dim: int) -> Any:
    from .inputs.uniform import on_unit_cube

    return on_unit_cube(model, latent_dim)


def _shown(report: AuditReport, written: list[Path], json: bool) -> int:
    """Print the report; the exit status."""
    if json:
        print(report.to_json())
    else:
        from .pages.terminal import print_report

        console = terminal.console(terminal.PAGE)
        print_report(report, console)
        for path in written:
            print(f"wrote {path}", flush=True)
    sys.stdout.flush()
    if not report.complete:
        terminal.notice("interrupted; what was done is kept")
        return terminal.INTERRUPTED
    return 1 if report.alarms else 0
