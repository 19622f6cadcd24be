"""Three small VAEs, trained at three noise variances on one Moebius mixing, and an audit of each.

    python examples/trained_vaes.py [--steps 2000] [--account-points 16] [--out audits]

Two uniform sources, logit-normal encoder: the latents are y with a logistic prior and the decoder is f o sigmoid. The
data are held-out observations; the encoder is the trained one. As gamma^2 = 1/eps grows the ELBO of a trained VAE comes
to prefer orthogonal columns: the contrast falls, and the parts of the gap say what is left.
"""

import argparse
from pathlib import Path

import elbogap
import jax
import jax.numpy as jnp
import numpy as np
from elbogap.auditing.pages.sentences import gap_rows, headline
from elbogap.training.loop import Recipe, annealing, run_of, stack, train
from elbogap.training.mixings import draw_moebius, mix
from elbogap.training.models import as_dtype, mlp_vae

SHARES = (1e-1, 1e-2, 1e-3)
"""Noise variances in units of the data's variance, mean over coordinates."""


def trained(steps: int, seed: int = 0):
    """The three VAEs, their noise variances and the held-out data."""
    rng = np.random.default_rng(seed)
    mixed = mix(rng, draw_moebius(rng, 2), 2)
    noise_vars = [share * float(mixed.train.var(axis=0).mean()) for share in SHARES]
    vaes = stack([mlp_vae(mixed.train, 2, rng, hidden=(32, 32)) for _ in SHARES])
    which = [0] * len(SHARES)
    schedule = annealing(mixed.train[None], which, noise_vars)
    found = train(vaes, mixed.train[None], which, schedule, jax.random.key(seed), Recipe(steps=steps))
    return (
        [as_dtype(run_of(found.vaes, i), float) for i in range(len(SHARES))],
        noise_vars,
        mixed.held_out.astype(float),
    )


def main() -> None:
    """Train, audit, print the findings and the account of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--account-points", type=int, default=16)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    vaes, noise_vars, held_out = trained(arguments.steps)
    for vae, noise_var in zip(vaes, noise_vars, strict=True):
        level = jnp.log(noise_var)
        report = elbogap.audit(
            vae.decode,
            latent_dim=2,
            noise_var=noise_var,
            prior=vae.prior,
            encoder=lambda x, vae=vae, level=level: vae.encoder(x, level),
            encoder_output="log-std",
            data=held_out,
            points=500,
            account_points=arguments.account_points,
        )
        print(f"gamma^2 = {1 / noise_var:.3g}")
        for subject, sentence in headline(report.document):
            print(f"  {subject}: {sentence}")
        for row in gap_rows(report.document["gap"]):
            print("   ", *row[:3], sep="  ")
        if arguments.out:
            folder = arguments.out / f"gamma2-{1 / noise_var:.0f}"
            folder.mkdir(parents=True, exist_ok=True)
            report.write(folder)


if __name__ == "__main__":
    main()
