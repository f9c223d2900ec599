"""Tocsin and Alertmanager side by side, on this machine, in one run: python -m benchmarks."""
