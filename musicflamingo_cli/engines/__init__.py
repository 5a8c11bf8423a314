"""Requests in, replies out: each engine is one way of hearing a song."""
