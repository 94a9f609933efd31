"""The numbers from which on a difference counts."""

from __future__ import annotations

# A gain in speed counts when its interval lies wholly above 1, so that noise alone makes no variant "faster", and is
# 5 % at least: identical copies, loaded a few times, differ by up to 3 %. Losses count from the reciprocal on.
LEAST_SPEEDUP = 1.05
# Size is what a server reads from the disk and holds: 2 % at least, for names and padding already move one percent.
LEAST_SHRINKING = 1.02
# Of rows made at random, the share that must be answered as by float32: such rows often lie between classes, where any
# rounding changes the answer, so this tells a broken variant from a sound one and no more.
LEAST_AGREEMENT = 0.9
