"""Replies in the cache to answers and scores; never needs the model."""
