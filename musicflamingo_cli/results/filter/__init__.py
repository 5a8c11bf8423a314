"""mfq filter: keep or drop, with a reason."""
