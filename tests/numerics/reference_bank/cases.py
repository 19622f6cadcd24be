"""The models of the bank, drawn from a seed: kind, decoder, prior, noise variance and data of every case.

A case is drawn as independent blocks of one or two latents; models of more latents are rotated products of blocks,
whose log p is the sum of the blocks'. Data lie on the manifold, a few noise standard deviations off it, or far from it.
"""

import numpy as np
from composite import OUTPUTS, PRIORS, decode, parameters_of, term

SMOOTH = ("linear", "cubic", "sine", "wave", "saturating", "softplus", "fold", "bent", "ring")
ROUGH = ("bump", "ripple", "relu", "abs", "steps", "clamped", "fork")
PLAN = {1: 230, 2: 110, 3: 50, 5: 30}  # cases of each dimension in the bank


def curve(rng, kind):
    """The parameters of e(u) for one output of one latent."""
    u, sign = rng.uniform, rng.choice([-1.0, 1.0])
    if kind == "linear":
        return term(lin=sign * u(0.3, 2))
    if kind == "cubic":
        return term(lin=sign * u(0.3, 1.5), cubic=sign * u(0.02, 0.4))
    if kind == "sine":
        w = u(1, 3)
        return term(lin=1.0, sin_a=u(0.2, 0.9) / w, sin_w=w, sin_p=u(0, 6))
    if kind == "wave":
        return term(lin=u(0.02, 0.3), sin_a=u(0.5, 1.5), sin_w=u(2, 6), sin_p=u(0, 6))
    if kind == "saturating":
        return term(tanh_a=u(0.5, 2), tanh_s=u(0.5, 2), tanh_m=u(-0.5, 0.5))
    if kind == "softplus":
        return term(soft_a=sign * u(0.5, 1.5), soft_b=u(1, 20))
    if kind == "fold":
        return term(quad=u(0.3, 1.2), lin=u(-0.5, 0.5))
    if kind == "bump":
        width = 10 ** u(-2, -0.7)
        return term(lin=1.0, bump_a=u(0.2, 1.2), bump_m=u(-1, 1), bump_w=width)
    if kind == "ripple":
        w = 10 ** u(1.3, 2.3)
        return term(lin=1.0, sin_a=u(0.05, 0.9) / w if rng.random() < 0.5 else u(1, 3) / w, sin_w=w, sin_p=u(0, 6))
    if kind == "relu":
        return term(lin=u(0, 0.4), relu_a=u(0.5, 1.5), relu_m=u(-0.7, 0.7))
    if kind == "abs":
        return term(abs_a=u(0.4, 1.2), abs_m=u(-0.7, 0.7), lin=u(-0.3, 0.3))
    if kind == "steps":
        return term(lin=u(0, 0.3), tanh_a=u(0.2, 1), tanh_s=10 ** u(1, 2.5), tanh_m=u(-0.8, 0.8))
    return term(lin=1.0, low=u(-1.2, -0.4), high=u(0.4, 1.2))  # clamped


def prior_of(rng, heavy=True):
    """A prior: kind, index and all parameters (those of other kinds are carried along)."""
    kind = PRIORS[rng.choice(5, p=[0.4, 0.15, 0.15, 0.15, 0.15])]
    scale = 1.0 if kind == "logistic" else float(rng.uniform(0.6, 1.6))
    return {
        "kind": kind,
        "scale": scale,
        "df": float(rng.choice([0.5, 1.0, 2.5, 5.0] if heavy else [2.5, 5.0])),
        "centre": float(rng.uniform(0.5, 2.0)),
    }


def draw_from(rng, prior, d):
    """One point of the prior, not further out than 30."""
    scale = prior["scale"]
    z = {
        "normal": lambda: scale * rng.standard_normal(d),
        "logistic": lambda: rng.logistic(size=d),
        "laplace": lambda: scale * rng.laplace(size=d),
        "student": lambda: rng.standard_t(prior["df"], size=d),
        "bimodal": lambda: rng.choice([-1.0, 1.0], size=d) * prior["centre"] + scale * rng.standard_normal(d),
    }[prior["kind"]]()
    return np.clip(z, -30, 30)


def data_of(rng, parameters, prior, eps):
    """x, on the manifold (half of the cases), off it by some noise standard deviations, or far away."""
    d = parameters["U"].shape[-1]
    x = decode(parameters, draw_from(rng, prior, d)[None])[0]
    used = np.any(parameters["U"] != 0, axis=(1, 2)) | (parameters["ring"] != 0)
    place = rng.choice(3, p=[0.5, 0.35, 0.15])
    if place == 1:
        x = x + used * np.sqrt(eps) * rng.standard_normal(len(x)) * rng.uniform(0.5, 4)
    if place == 2:
        x = x + used * rng.standard_normal(len(x)) * rng.choice([1.0, 10.0])
    return x


def line(rng, eps, prior=None, outputs=1):
    """A block of one latent."""
    kind = rng.choice([*SMOOTH[:7], *SMOOTH[:7], *ROUGH[:6]] if outputs == 1 else [*SMOOTH[:7], *ROUGH[:6]])
    if kind in ("ripple", "steps") and prior is not None:
        kind = "sine"  # products have many outputs already
    prior = prior or prior_of(rng, heavy=kind not in ("sine", "wave", "ripple"))
    terms = [([(1.0, curve(rng, kind))], 0.0, ())]
    if rng.random() < 0.3:
        terms.append(([(1.0, term(lin=float(rng.uniform(0.02, 0.5))))], 0.0, ()))
    return {"kind": str(kind), "prior": prior, "outputs": terms, "size": 1, "eps": eps}


def plane(rng, eps, prior=None):
    """A block of two latents that are coupled."""
    kind = rng.choice(["bent", "bent", "wave", "fold", "ring", "fork", "relu", "saturating", "linear", "bump"])
    prior = prior or prior_of(rng, heavy=False)
    a, b = (rng.normal(size=2) for _ in range(2))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    along = np.array([a[1], -a[0]])
    if kind == "ring":
        outputs = [([], float(rng.uniform(0.7, 1.5)), (0, 1)), ([(a, term(lin=float(rng.uniform(0.1, 1))))], 0.0, ())]
    elif kind == "fork":
        outputs = [
            ([(a, term(abs_a=1.0)), (along, term(lin=-0.8))], 0.0, ()),
            ([(along, term(lin=float(rng.uniform(0.3, 1))))], 0.0, ()),
        ]
    elif kind == "bent":
        outputs = [
            ([(a, term(lin=1.0, cubic=0.1)), (b, term(sin_a=0.4, sin_w=1.5))], 0.0, ()),
            ([(along, term(lin=1.2)), (b, term(quad=0.2))], 0.0, ()),
        ]
    else:
        outputs = [
            ([(a, curve(rng, kind)), (along, term(lin=0.3))], 0.0, ()),
            ([(along, curve(rng, "cubic"))], 0.0, ()),
        ]
    return {"kind": str(kind), "prior": prior, "outputs": outputs, "size": 2, "eps": eps}


def finished(rng, block):
    """A block as a model of its own: parameters and data added."""
    d = block["size"]
    outputs = [
        ([(np.full(d, v) if np.ndim(v) == 0 else v, t) for v, t in terms], r, m) for terms, r, m in block["outputs"]
    ]
    parameters = parameters_of(d, outputs)
    x = data_of(rng, parameters, block["prior"], block["eps"])
    return block | {"outputs": outputs, "parameters": parameters, "x": x}


def product(rng, d, eps):
    """A rotated product of blocks: one latent each, or a plane and lines."""
    prior = prior_of(rng, heavy=False)
    sizes = [2] + [1] * (d - 2) if d == 3 and rng.random() < 0.4 else [1] * d
    blocks = [plane(rng, eps, prior) if size == 2 else line(rng, eps, prior) for size in sizes]
    for block in blocks:
        block["outputs"] = block["outputs"][: block["size"]]
    blocks = [finished(rng, block) for block in blocks]
    D, outputs, x, at = OUTPUTS[d], [], [], 0
    for block in blocks:
        size = block["size"]
        for terms, ring, mask in block["outputs"]:
            row = [(np.concatenate([np.zeros(at), v, np.zeros(d - at - size)]), t) for v, t in terms]
            outputs.append((row, ring, tuple(at + k for k in mask)))
        x.extend(block["x"][: len(block["outputs"])])
        at += size
    turn = np.linalg.qr(rng.normal(size=(D, D)))[0]
    x = np.concatenate([x, np.zeros(D - len(x))])
    kinds = sorted({block["kind"] for block in blocks})
    rough = [kind for kind in kinds if kind not in SMOOTH]
    return {
        "kind": rough[0] if rough else kinds[0],
        "prior": prior,
        "eps": eps,
        "parameters": parameters_of(d, outputs, turn),
        "x": turn @ x,
        "blocks": blocks,
    }


def draw_case(seed, d, index):
    """Case `index` of dimension d; the seed and these two determine it."""
    rng = np.random.default_rng([seed, d, index])
    low, high = {1: (-6, 3), 2: (-4, 3), 3: (-4, 3), 5: (-4, 1)}[d]
    eps = float(10 ** rng.uniform(low, high))
    if d == 1:
        case = finished(rng, line(rng, eps, outputs=2))
    elif d == 2 and rng.random() < 0.7:
        case = finished(rng, plane(rng, eps))
    else:
        case = product(rng, d, eps)
    return case | {"d": d, "smooth": case["kind"] in SMOOTH}
