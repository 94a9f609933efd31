"""Retries as a share of calls, so that trouble upstream isn't multiplied (the idea of Finagle's retry budget)."""

from __future__ import annotations

from dataclasses import dataclass

BURST_S = 10  # how many seconds of `min_per_s` a quiet upstream has saved up


@dataclass(frozen=True)
class RetryPolicy:
    """`budget_ratio` retries per call, plus `min_per_s` for quiet times; `max_attempts` counts the first one.

    Raises: ValueError naming every field that is out of range.
    """

    budget_ratio: float = 0.2
    min_per_s: float = 10.0
    max_attempts: int = 3

    def __post_init__(self) -> None:
        problems = []
        if not 0 <= self.budget_ratio <= 1:
            problems.append(f"budget_ratio is {self.budget_ratio}, must be between 0 and 1")
        if self.min_per_s < 0:
            problems.append(f"min_per_s is {self.min_per_s}, must not be negative")
        if self.max_attempts < 1:
            problems.append(f"max_attempts is {self.max_attempts}, must be at least 1")
        if problems:
            raise ValueError("; ".join(problems))


class RetryBudget:
    """A bucket of tokens: calls and time pour in, each retry takes one."""

    __slots__ = ("_at_us", "_capacity", "_policy", "_tokens")

    def __init__(self, policy: RetryPolicy, now_us: int) -> None:
        self._policy = policy
        self._capacity = max(policy.min_per_s * BURST_S, 100.0 * policy.budget_ratio)
        self._tokens = self._capacity
        self._at_us = now_us

    def on_call(self) -> None:
        """A first attempt was made."""
        if self._tokens < self._capacity:
            self._tokens = min(self._capacity, self._tokens + self._policy.budget_ratio)

    def take(self, now_us: int) -> bool:
        """Take one retry; False when the budget is spent."""
        elapsed_s = max(0, now_us - self._at_us) / 1e6
        self._at_us = now_us
        self._tokens = min(self._capacity, self._tokens + elapsed_s * self._policy.min_per_s)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
