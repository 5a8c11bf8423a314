"""The dear half: songs in, replies in the cache."""
