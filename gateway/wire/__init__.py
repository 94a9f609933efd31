"""Pure: requests and replies of TensorFlow Serving taken apart, checked, joined, cut and compared as bytes."""
