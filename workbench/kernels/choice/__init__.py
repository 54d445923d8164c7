"""Likelihoods of choices among alternatives: arrays only, one pass over people."""
