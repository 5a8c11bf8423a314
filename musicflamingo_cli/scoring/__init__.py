"""The cheap half: replies in the cache to answers and scores."""
