"""scvi-tools' SCVI with the negative binomial, trained for seconds on drawn counts: library size and batch as inputs.

    elbogap audit examples/decoders/scvi_counts.py:vae.generative --latent-dim 2 \
        --with library=examples/decoders/scvi_counts.py:library --with batch_index=0, \
        --output px.mu,px.theta --observation negative-binomial --data examples/decoders/scvi_counts.py:counts

`generative` gives distributions: `px.mu` and `px.theta` are mean and inverse dispersion. The logarithm of the library
size is the same for every cell here; cells that differ in it are cells of different decoders: audit one size at a
time.
"""

import logging

import anndata
import numpy as np
import scvi

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
scvi.settings.seed = 0
rng = np.random.default_rng(0)
factors = rng.standard_normal((256, 2))
rates = np.exp(factors @ rng.normal(0, 0.5, (2, 8)) + 2)
rates *= 100 / rates.sum(axis=1, keepdims=True)
counts = rng.poisson(rng.gamma(5.0, rates / 5.0)).astype(np.float32)
library = np.log([100.0])

data = anndata.AnnData(counts)
scvi.model.SCVI.setup_anndata(data)
model = scvi.model.SCVI(data, n_latent=2, n_hidden=32, gene_likelihood="nb")
model.train(max_epochs=20, accelerator="cpu", enable_progress_bar=False)
vae = model.module
