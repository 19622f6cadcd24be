"""NumPyro's VAE (its example, smaller), trained for seconds by SVI on drawn bars: stax networks by name.

    elbogap audit examples/decoders/numpyro_vae.py:decoder --latent-dim 2 --observation bernoulli \
        --encoder examples/decoders/numpyro_vae.py:encoder --data examples/decoders/numpyro_vae.py:bars

`numpyro.module("decoder", ...)` keeps the parameters under "decoder$params". The decoder ends in a sigmoid, so that
it gives probabilities: the observation is bernoulli, not bernoulli-logits. The encoder gives (mean, std).
"""

import jax
import numpyro
import numpyro.distributions as dist
from jax.example_libraries import stax
from numpyro.infer import SVI, Trace_ELBO
from numpyro.optim import Adam

SIDE, LATENTS = 4, 2
encode_init, encode = stax.serial(
    stax.Dense(32),
    stax.Softplus,
    stax.FanOut(2),
    stax.parallel(stax.Dense(LATENTS), stax.serial(stax.Dense(LATENTS), stax.Exp)),
)
decode_init, decode = stax.serial(stax.Dense(32), stax.Softplus, stax.Dense(SIDE**2), stax.Sigmoid)


def model(batch):
    """The prior and the Bernoulli likelihood."""
    decoder = numpyro.module("decoder", (decode_init, decode), (len(batch), LATENTS))
    with numpyro.plate("batch", len(batch)):
        z = numpyro.sample("z", dist.Normal(0, 1).expand([LATENTS]).to_event(1))
        numpyro.sample("x", dist.Bernoulli(decoder(z)).to_event(1), obs=batch)


def guide(batch):
    """The encoder."""
    encoder = numpyro.module("encoder", (encode_init, encode), (len(batch), SIDE**2))
    mean, std = encoder(batch)
    with numpyro.plate("batch", len(batch)):
        numpyro.sample("z", dist.Normal(mean, std).to_event(1))


keys = jax.random.split(jax.random.key(0), 3)
levels = jax.random.uniform(keys[0], (512, SIDE, 1))
bars = jax.random.bernoulli(keys[1], 0.1 + 0.8 * (levels > 0.5), (512, SIDE, SIDE)).reshape(512, -1).astype(float)
svi = SVI(model, guide, Adam(1e-2), Trace_ELBO())
trained = svi.run(keys[2], 2000, bars, progress_bar=False).params


def decoder(z):
    """Probabilities of the pixels, of one z."""
    return decode(trained["decoder$params"], z)


def encoder(x):
    """Mean and std of z."""
    return encode(trained["encoder$params"], x)
