"""pythae's VAE, its default networks, trained for seconds on drawn bars: the decoder's ModelOutput is taken as it is.

    elbogap audit examples/decoders/pythae_vae.py:vae.decoder --latent-dim 2 --observation bernoulli \
        --encoder examples/decoders/pythae_vae.py:vae.encoder --encoder-output log-var \
        --data examples/decoders/pythae_vae.py:bars

`reconstruction_loss="bce"` is the Bernoulli likelihood of probabilities. With "mse" pythae's loss is half the summed
square, which is Gaussian noise of variance one: --noise-var 1. A saved model is loaded with
`AutoModel.load_from_folder`.
"""

import torch
from pythae.models import VAE, VAEConfig

torch.manual_seed(0)
levels = torch.rand(512, 4, 1) > 0.5
bars = torch.bernoulli((0.1 + 0.8 * levels).expand(512, 4, 4)).reshape(512, 1, 4, 4)
vae = VAE(VAEConfig(input_dim=(1, 4, 4), latent_dim=2, reconstruction_loss="bce"))
optimiser = torch.optim.Adam(vae.parameters(), lr=1e-3)
for _ in range(500):
    optimiser.zero_grad()
    vae({"data": bars[torch.randint(512, (128,))]}).loss.backward()
    optimiser.step()
