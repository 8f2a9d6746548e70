"""One participant of Ten Wings: identity, chain, storage. No torch, no Flower, no FastAPI here."""
