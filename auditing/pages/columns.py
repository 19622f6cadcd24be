"""What the columns of the page's tables mean: each stands below the table that has it."""

GAP = {
    "mean": "over the account's points, each measured on its own",
    "95 % interval": "of that mean over points like these, by its standard error",
    "amortisation gap": "what this encoder's ELBO lacks beside that of the best mean-field encoder at each point",
    "a1 eps": "the first order beyond the limit, by the formula",
    "remainder": "what neither explains",
    "measured again": "log p − ELBO by importance sampling, which shares no number with the parts",
}
REGIME = {
    "|gap − contrast|": "the distance from the limit, the gap being that of the best encoder",
    "stated error": "of that mean",
}
CONTRAST = {
    "contrast": "of the Jacobian J at a point, the limit of the gap; 0 for orthogonal columns",
    "finite-noise": "the gap of the decoder linearised there, at this noise variance",
    "25 %": "a quarter of the points lies below, and so on",
}
WORST = {"point": "its number in points.csv", "z": "where it is; with data the encoder's mean or the nearest preimage"}
LATENTS = {
    "column norm": "|J_k|, how far the output moves with the latent, in the median over the points",
    "eps s / prior var": "the posterior variance of the latent, the others known, over that of the prior; "
    "inactive from 0.5 on",
    "most correlated with": "the latent whose column is most parallel, in brackets the mean absolute cosine",
}
ENCODER = {
    "mean off by": "distance from the best encoder's mean, in its standard deviations; 0 is best",
    "std / best std": "1 is best; below 1 this encoder is too sure",
    "best std / formula": "the best encoder's standard deviation over sqrt(eps s), 1 in the limit",
    "KL to prior": "nat in the mean over points; near 0 the latent has collapsed",
}
ROTATIONS = {
    "degrees": "turns the two latents, scaled to the prior, to the smallest contrast",
    "saves": "mean finite-noise contrast before less after",
}
INFERENCE = {
    "value": "median over the points",
    "beside": "what theory predicts, or what to compare it with",
}
CONDITIONS = {
    "answer": "of the points that were looked at: a condition fails where a point refutes it, and what no finite "
    "number of points can show is not checkable",
    "seen": "the reason",
}
UNITS = {"value": "the number to put into the loss for this model", "loss": "the objective in which it stands"}
