"""Composition root: builds everything from settings, starts it, changes it at a reload, drains it in reverse order."""
