"""Temporal: messages, activity interface, definitions, activities, the worker plugin."""
