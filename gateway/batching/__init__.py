"""Joining Predict calls of many callers: lane, window, policy, proof (pure); shell: the batcher."""
