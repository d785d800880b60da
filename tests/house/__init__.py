"""The laws of the house, measured: shape, walls, words, documents."""
