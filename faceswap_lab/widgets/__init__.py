"""Widgets: figures and panels of the notebooks."""
