"""The smallest Flower app: each node doubles a number."""
