"""The gateway: the data plane and control plane between gRPC clients and TensorFlow Serving replicas."""
