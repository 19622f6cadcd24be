"""Enclosures for decoders given by elementary functions, one or two latents, any number of outputs.

Notation of the whole folder. f: R^d -> R^D is analytic, the prior is N(0, I), x = f(g) with g rational, eps the noise
variance, h = sqrt(eps), V(z) = |f(z) - x|^2/2, A = J'J at g. Latents are scaled: z = g + h tau x with rational tau_k ~
A_kk^(-1/2), R = tau A tau ~ the correlations of the columns of J, y = h x. U(x) = V/eps + (|z|^2 - |g|^2)/2, and the
encoder is q = N(w, diag s^2) in x. Then

    log p_eps(x) = log J - |g|^2/2 + sum log(h tau_k) - d/2 log(2 pi) - D/2 log(2 pi eps),  J = int exp(-U(x)) dx,
    G(w, s) = -E_q U + sum log s_k,   gap = log J - sup G - d/2 log(2 pi e).

`fixed` encloses both at one eps, `uniform` for all eps of (0, eps0]. That the supremum is the one found is a theorem
about the landscape of V: see `landscape` and `maximality`. Sources: claims `enclosure` and `general-limit`.
"""
