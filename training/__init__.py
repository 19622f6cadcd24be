"""Small models learnt by gradient descent: evidence of the fourth kind. On numerics."""
