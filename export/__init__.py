"""Keras model or SavedModel in; optimized, versioned SavedModels and serving configuration out."""
