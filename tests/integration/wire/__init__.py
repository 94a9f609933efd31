"""The wire room against TensorFlow itself: what it reads and writes is what TensorFlow reads and writes."""
