"""The cheap part of an audit every few steps of training, as scalars for any logger: JAX, and PyTorch where installed.

    python examples/audit_during_training.py

A small VAE learns points near a bent surface in R^3. Every 200 steps its decoder is audited without the account of the
gap (`account_points=0`): contrast, entangled and inactive latents, and whether the likelihood fits, in a second or two.
`AuditReport.scalars()` is a flat dictionary, such as `wandb.log` or `SummaryWriter.add_scalar` take.
"""

import elbogap
import jax
import jax.numpy as jnp
import numpy as np
import optax

STEPS, EVERY, NOISE_VAR = 600, 200, 0.01
LOGGED = ("contrast/mean", "inactive/count", "entangled/count", "fit/deviations")


def surface(count: int = 512) -> np.ndarray:
    """Points (n, 3) near a bent surface."""
    rng = np.random.default_rng(0)
    s = rng.standard_normal((count, 2))
    clean = np.stack([s[:, 0] + 0.5 * s[:, 1], s[:, 1], 0.3 * s[:, 0] ** 2], axis=1)
    return clean + NOISE_VAR**0.5 * rng.standard_normal(clean.shape)


def audited(decoder, encoder, data: np.ndarray) -> dict[str, float]:
    """The scalars of the cheap audit."""
    report = elbogap.audit(
        decoder,
        latent_dim=2,
        noise_var=NOISE_VAR,
        encoder=encoder,
        encoder_output="log-std",
        data=data,
        points=128,
        account_points=0,
    )
    return report.scalars()


def log(step: int, scalars: dict[str, float]) -> None:
    """Stands for a logger."""
    print(f"step {step:4d}  " + "  ".join(f"{name} {scalars.get(name, float('nan')):.3g}" for name in LOGGED))


def train_jax(data: np.ndarray) -> dict[str, float]:
    """Two small networks by Optax; the last scalars."""

    def initial(key, fan_in: int, out: int):
        first, second = jax.random.split(key)
        hidden = jax.random.normal(first, (32, fan_in)) / fan_in**0.5, jnp.zeros(32)
        return (*hidden, jax.random.normal(second, (out, 32)) / 32**0.5, jnp.zeros(out))

    first, second = jax.random.split(jax.random.key(0))
    parameters = {"encoder": initial(first, 3, 4), "decoder": initial(second, 2, 3)}

    def network(weights, point):
        w, b, v, c = weights
        return v @ jnp.tanh(w @ point + b) + c

    def encode(parameters, x):
        out = network(parameters["encoder"], x)
        return out[:2], out[2:]

    def loss(parameters, x, xi):
        mean, log_std = encode(parameters, x)
        residual = x - network(parameters["decoder"], mean + jnp.exp(log_std) * xi)
        divergence = 0.5 * jnp.sum(mean**2 + jnp.exp(2 * log_std) - 1 - 2 * log_std)
        return 0.5 * jnp.sum(residual**2) / NOISE_VAR + divergence

    optimiser = optax.adam(1e-2)

    @jax.jit
    def step(parameters, state, key):
        xi = jax.random.normal(key, (len(data), 2))
        gradient = jax.grad(lambda p: jnp.mean(jax.vmap(lambda x, n: loss(p, x, n))(jnp.asarray(data), xi)))(parameters)
        updates, state = optimiser.update(gradient, state)
        return optax.apply_updates(parameters, updates), state

    state, scalars = optimiser.init(parameters), {}
    for number in range(1, STEPS + 1):
        parameters, state = step(parameters, state, jax.random.key(number))
        if number % EVERY == 0:
            now = parameters
            scalars = audited(lambda z: network(now["decoder"], z), lambda x: encode(now, x), data)  # noqa: B023
            log(number, scalars)
    return scalars


def train_torch(data: np.ndarray) -> dict[str, float]:
    """The same as modules of PyTorch, which the audit copies and leaves as they are."""
    import torch

    torch.manual_seed(0)

    class Encoder(torch.nn.Sequential):
        def forward(self, x):
            return super().forward(x).chunk(2, dim=-1)

    encoder = Encoder(torch.nn.Linear(3, 32), torch.nn.Tanh(), torch.nn.Linear(32, 4))
    decoder = torch.nn.Sequential(torch.nn.Linear(2, 32), torch.nn.Tanh(), torch.nn.Linear(32, 3))
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-2)
    x, scalars = torch.as_tensor(data, dtype=torch.float32), {}
    for number in range(1, STEPS + 1):
        mean, log_std = encoder(x)
        residual = x - decoder(mean + log_std.exp() * torch.randn_like(mean))
        divergence = 0.5 * (mean**2 + (2 * log_std).exp() - 1 - 2 * log_std).sum(dim=1)
        loss = (0.5 * (residual**2).sum(dim=1) / NOISE_VAR + divergence).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if number % EVERY == 0:
            scalars = audited(decoder, encoder, data)
            log(number, scalars)
    return scalars


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    train_jax(surface())
    try:
        train_torch(surface())
    except ImportError:
        print("PyTorch is not installed: its half is left out")
