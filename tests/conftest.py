"""Settings that all tests share."""

from __future__ import annotations

from hypothesis import settings

# No test is timed: machines differ, and speed is measured in tests/bench.
settings.register_profile("osmia", deadline=None)
settings.load_profile("osmia")
