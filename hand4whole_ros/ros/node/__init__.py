"""The node: subscriptions, the estimator in a thread of its own, publishers, diagnostics."""
