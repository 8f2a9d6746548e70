"""The append-only event index: what the chain said, replayed into what the pages show."""
