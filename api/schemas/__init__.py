"""The pages as data, one noun a file: each model is what a page shows and what its JSON twin answers."""
