"""Builders: from a desk to a page's data, one noun per file; the HTML page and its JSON twin share them."""
