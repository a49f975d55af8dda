"""Back-tests: stored history replayed through a policy before the policy is armed."""

from app.services.backtest.running import Asked, Backtest, backtest

__all__ = ["Asked", "Backtest", "backtest"]
