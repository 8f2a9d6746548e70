"""Federated training: the round, from lease to commit. The only package that speaks Flower."""
