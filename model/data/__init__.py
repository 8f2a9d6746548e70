"""Training data: procedural worlds, real footage, shards and video files; needs no torch."""
