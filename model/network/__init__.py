"""The video transformer: attention kinds, blocks, positions, packing, compilation."""
