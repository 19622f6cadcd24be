"""The measuring side, as JAX: what can be measured for a given decoder, without any asymptotics."""
