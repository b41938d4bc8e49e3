"""Exact noisy matrix-vector products of one crossbar, NumPy only."""
