"""mfq report: what a table holds."""
