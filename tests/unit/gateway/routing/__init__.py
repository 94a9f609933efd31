"""Tests of gateway/routing: the same user meets the same arm, and only those move who must."""
