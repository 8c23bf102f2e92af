"""The resumable fitting loop: `loop.fit` runs a `problem.Problem`; docs/fitting.md explains both."""
