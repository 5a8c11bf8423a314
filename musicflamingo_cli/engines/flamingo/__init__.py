"""Music Flamingo through transformers."""
