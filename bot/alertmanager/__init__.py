"""Alertmanager's API v2, as its version 0.25 speaks it: amtool, karma, Grafana and Prometheus find what they know."""
